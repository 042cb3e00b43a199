"""`ls-clip prelabel` on a real Label Studio: every task once, whatever happens."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from plain_projects import OLDER, VERSION, answer, drawings, new_project, task_ids

from importers.commands.project_words import prelabel_lines
from importers.demo.services import LabelStudioServer
from importers.label_studio.predictions import PredictionImports
from importers.label_studio.prelabel import PrelabelReport, only_one, prelabel
from importers.label_studio.project import UNCERTAINTY_SAMPLING
from importers.label_studio.queries import ProjectTasks
from ls_backend.errors import ConfigError, ImageError, LabelStudioError
from ls_backend.label_studio import LabelStudio

NOT_FOUND = ImageError("x is gone.", hint="Look for x.", code="http_404")


def run(ls: LabelStudio, project_id: int, note: Path, answers: Any = None) -> PrelabelReport:
    give = answers or (lambda tasks: [answer() for _ in tasks])
    return prelabel(ls, project_id, give, VERSION, note)


def versions(ls: LabelStudio, project_id: int) -> Counter[tuple[int, str]]:
    """(task, model version) → predictions."""
    params = {"project": project_id}
    predictions = ls.json("GET", "/api/predictions", params=params)
    return Counter((p["task"], p["model_version"]) for p in predictions)


def test_every_task_gets_one_and_the_second_run_does_nothing(
    ls: LabelStudio, tmp_path: Path
) -> None:
    project_id = new_project(ls, [f"x{n}" for n in range(300)], sampling=UNCERTAINTY_SAMPLING)
    asked: list[int] = []

    def answers(tasks: Sequence[Any]) -> list[Any]:
        asked.extend(task["id"] for task in tasks)
        return [answer(score=task["id"] % 100 / 100) for task in tasks]

    first = run(ls, project_id, tmp_path / "note", answers)
    assert (first.tasks, first.done, first.already, first.failed) == (300, 300, 0, {})
    assert (first.queue_version, first.ordered) == (VERSION, True)
    assert len(asked) == len(set(asked)) == 300
    second = run(ls, project_id, tmp_path / "note", answers)
    assert (second.done, second.already) == (0, 300)
    assert len(asked) == 300
    assert set(versions(ls, project_id).values()) == {1}
    assert len(versions(ls, project_id)) == 300
    assert not (tmp_path / "note").exists()


def test_what_fails_is_counted_by_reason_and_the_others_are_posted(
    ls: LabelStudio, tmp_path: Path
) -> None:
    project_id = new_project(ls, [f"x{n}" for n in range(6)])

    def answers(tasks: Sequence[Any]) -> list[Any]:
        assert len(tasks) == 6
        return [
            answer(),
            NOT_FOUND,
            answer(label="elephant"),
            answer(score=float("nan")),
            NOT_FOUND,
            answer(version="another"),
        ]

    report = run(ls, project_id, tmp_path / "note", answers)
    assert (report.done, report.in_vain) == (1, False)
    assert report.failed == {"invalid": 3, "http_404": 2}
    first = report.examples["http_404"]
    assert (first.message, first.hint) == (NOT_FOUND.message, NOT_FOUND.hint)
    assert first.task == task_ids(ls, project_id)[1]
    assert "elephant" in report.examples["invalid"].message
    assert sum(versions(ls, project_id).values()) == 1
    assert not report.ordered  # its sampling is not by uncertainty
    again = run(ls, project_id, tmp_path / "note", lambda tasks: [answer() for _ in tasks])
    assert (again.done, again.already) == (5, 1)


def test_a_task_that_was_answered_meanwhile_gets_no_second(ls: LabelStudio, tmp_path: Path) -> None:
    project_id = new_project(ls, ["a", "b"])

    def answers(tasks: Sequence[Any]) -> list[Any]:
        live = {"task": tasks[0]["id"], **answer()}
        ls.request("POST", f"/api/projects/{project_id}/import/predictions", json=[live])
        return [answer() for _ in tasks]

    assert run(ls, project_id, tmp_path / "note", answers).done == 2
    assert sorted(versions(ls, project_id).values()) == [1, 1]


def test_an_import_that_outlives_its_process_is_waited_for(ls: LabelStudio, tmp_path: Path) -> None:
    project_id = new_project(ls, ["a"])
    (task,) = ls.json("GET", "/api/tasks", params={"project": project_id})["tasks"]
    note = tmp_path / "note"
    note.write_text(json.dumps([time.time(), task["id"]]))

    def late() -> None:
        prediction = {"task": task["id"], **answer()}
        ls.request("POST", f"/api/projects/{project_id}/import/predictions", json=[prediction])

    arriving = threading.Timer(1.0, late)
    arriving.start()
    report = run(ls, project_id, note)
    arriving.join()
    assert (report.done, report.already) == (0, 1)
    assert set(versions(ls, project_id).values()) == {1}


def test_a_note_that_was_cut_short_holds_nobody_up(ls: LabelStudio, tmp_path: Path) -> None:
    project_id = new_project(ls, ["a"])
    (tmp_path / "note").write_text("[17")
    assert run(ls, project_id, tmp_path / "note").done == 1


def test_scores_of_others_keep_their_place_and_older_ones_of_ours_do_not(
    ls: LabelStudio, tmp_path: Path
) -> None:
    for version, queue_version in (("theirs", "theirs"), (OLDER, VERSION)):
        project_id = new_project(ls, ["a"])
        (task,) = ls.json("GET", "/api/tasks", params={"project": project_id})["tasks"]
        earlier = {"task": task["id"], **answer(version=version)}
        ls.request("POST", f"/api/projects/{project_id}/import/predictions", json=[earlier])
        ls.request("PATCH", f"/api/projects/{project_id}", json={"model_version": version})
        report = run(ls, project_id, tmp_path / "note")
        assert (report.done, report.queue_version) == (1, queue_version)
        found = ProjectTasks(ls, project_id).find(task["id"])
        assert found is not None
        assert {p["model_version"] for p in found["predictions"]} == {version, VERSION}


def test_only_one_process_prelabels_a_project(ls: LabelStudio, tmp_path: Path) -> None:
    with (
        only_one(ls, 1, tmp_path),
        pytest.raises(ConfigError, match="Another ls-clip"),
        only_one(ls, 1, tmp_path),
    ):
        pass
    with only_one(ls, 1, tmp_path), only_one(ls, 2, tmp_path):
        pass


def test_what_label_studio_drops_is_counted(
    ls: LabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = new_project(ls, ["a", "b"])
    monkeypatch.setattr(PredictionImports, "fault", lambda *_: None)
    report = run(ls, project_id, tmp_path / "note", lambda _: [answer(), answer(label="elephant")])
    assert (report.done, report.failed) == (1, {"dropped": 1})


def test_a_proxy_that_drops_the_query_is_noticed_before_anything_is_posted(
    ls: LabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = new_project(ls, ["a", "b"])
    asked = LabelStudio.json

    def without_body(self: LabelStudio, method: str, path: str, **options: Any) -> Any:
        if method == "GET":
            options.pop("json", None)
        return asked(self, method, path, **options)

    monkeypatch.setattr(LabelStudio, "json", without_body)
    with pytest.raises(LabelStudioError) as error:
        run(ls, project_id, tmp_path / "note")
    assert error.value.code == "label_studio_proxy"
    assert versions(ls, project_id) == Counter()


def test_a_prelabel_in_vain_says_so(ls: LabelStudio, tmp_path: Path) -> None:
    project_id = new_project(ls, ["a", "b"])
    report = run(ls, project_id, tmp_path / "note", lambda tasks: [NOT_FOUND for _ in tasks])
    assert report.in_vain
    told = "\n".join(prelabel_lines(report))
    assert "none of the tasks" in told
    assert f"2 tasks without, such as task {task_ids(ls, project_id)[0]}: x is gone." in told
    assert NOT_FOUND.hint in told
    run(ls, project_id, tmp_path / "note")
    assert not run(ls, project_id, tmp_path / "note").in_vain  # nothing was left to do


def test_where_the_score_is_seen_and_how_the_lowest_comes_first(
    ls: LabelStudio, tmp_path: Path
) -> None:
    told = "\n".join(prelabel_lines(run(ls, new_project(ls, ["a"]), tmp_path / "note")))
    assert "Columns > Prediction score" in told
    assert "Order by > Prediction score, then Label Tasks As Displayed" in told
    by_score = new_project(ls, ["a"], sampling=UNCERTAINTY_SAMPLING)
    told = "\n".join(prelabel_lines(run(ls, by_score, tmp_path / "note")))
    assert "lowest score first" in told
    assert "Order by" not in told


def test_the_command(command_line: CommandLine, ls: LabelStudio, tmp_path: Path) -> None:
    images = [*drawings(5), "data:image/png;base64,bm9uZQ=="]
    project_id = new_project(ls, images)
    arguments = ("prelabel", "--project", project_id, "--model", "sketch")
    cache = {"CLIP_CACHE_DIR": str(tmp_path)}
    other = command_line(*arguments, "--model-version", OLDER, **cache)
    assert other.returncode == 1
    assert OLDER in other.stderr
    first = command_line.report(*arguments, **cache)
    assert (first["done"], first["failed"]) == (5, {"not_an_image": 1})
    version = first["model_version"]
    assert version.startswith("clip:")
    same = command_line(*arguments, "--model-version", version, **cache)
    assert same.returncode == 1
    assert "none of the tasks" in same.stdout
    assert "1 task without, task " in same.stdout
    assert "no image" in same.stdout
    assert set(versions(ls, project_id).values()) == {1}
    assert ls.json("GET", f"/api/projects/{project_id}")["model_version"] == version


def test_killed_anywhere_the_next_run_completes_it(
    label_studio: LabelStudioServer, ls: LabelStudio, tmp_path: Path
) -> None:
    project_id = new_project(ls, drawings(128) * 3)
    command_line = CommandLine(
        LABEL_STUDIO_URL=label_studio.url,
        LABEL_STUDIO_API_KEY=label_studio.login.legacy_token,
        CLIP_CACHE_DIR=str(tmp_path),
    )
    arguments = ("prelabel", "--project", project_id, "--model", "sketch")
    an_import_is_under_way = (tmp_path / "prelabel").glob
    for moment in (
        lambda: any(an_import_is_under_way("*.json")),
        lambda: len(versions(ls, project_id)) >= 128,
    ):
        process = command_line.fork(*arguments)
        while not moment():
            assert process.exitcode is None
            time.sleep(0.005)
        process.kill()
        process.join()
    assert command_line.report(*arguments)["failed"] == {}
    assert set(versions(ls, project_id).values()) == {1}
    assert len(versions(ls, project_id)) == 384
