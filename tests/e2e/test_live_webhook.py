"""Events of a real Label Studio at the real backend's /webhook, behind a secret."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from command_line import CommandLine
from own_backend import SECRET, OwnBackend, metric
from plain_projects import add_tasks, drawings, new_project, webhooks

from importers.demo.services import LabelStudioServer
from ls_backend.label_studio import LabelStudio

WITH_SECRET = {"CLIP_WEBHOOK_SECRET": SECRET}


@pytest.fixture(scope="module")
def guarded(
    label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnBackend]:
    folder = tmp_path_factory.mktemp("backend")
    with OwnBackend(folder, label_studio.credentials, **WITH_SECRET) as backend:
        yield backend


@pytest.fixture
def project_id(ls: LabelStudio, command_line: CommandLine, guarded: OwnBackend) -> int:
    number = new_project(ls, drawings(1), sampling="Uncertainty sampling")
    connect = ("connect", "--project", number, "--url", guarded.url)
    command_line.report(*connect, **WITH_SECRET)
    return number


def test_events_are_answered_with_200(
    ls: LabelStudio, guarded: OwnBackend, project_id: int
) -> None:
    assert answers_to_an_event(ls, guarded, project_id) == {"200": 1, "401": 0}


@pytest.mark.parametrize(
    "change",
    [{"is_active": True}, {"is_active": False}, {"headers": {}}],
    ids=["actions wiped", "switched off", "secret lost"],
)
def test_what_an_admin_broke_is_mended_by_connect(
    ls: LabelStudio,
    command_line: CommandLine,
    guarded: OwnBackend,
    project_id: int,
    change: dict[str, object],
) -> None:
    (hook,) = webhooks(ls, project_id)
    # Whatever a change is about, Label Studio wipes the actions that it does not name.
    ls.request("PATCH", f"/api/webhooks/{hook['id']}/", json=change)
    assert answers_to_an_event(ls, guarded, project_id) == {"200": 0, "401": 0}
    ill = command_line("doctor", "--project", project_id, **WITH_SECRET)
    assert ill.returncode == 23
    assert "ls-clip connect" in ill.stdout
    command_line.report("connect", "--project", project_id, "--url", guarded.url, **WITH_SECRET)
    assert answers_to_an_event(ls, guarded, project_id) == {"200": 1, "401": 0}
    well = command_line("doctor", "--project", project_id, **WITH_SECRET)
    assert well.returncode == 0, well.stdout


def test_another_secret_is_refused_and_doctor_says_so(
    ls: LabelStudio, command_line: CommandLine, guarded: OwnBackend, project_id: int
) -> None:
    connect = ("connect", "--project", project_id, "--url", guarded.url)
    command_line.report(*connect, CLIP_WEBHOOK_SECRET="sleep well")
    assert answers_to_an_event(ls, guarded, project_id) == {"200": 0, "401": 1}
    ill = command_line("doctor", "--project", project_id)
    assert ill.returncode == 23
    assert "CLIP_WEBHOOK_SECRET" in ill.stdout


def answers_to_an_event(ls: LabelStudio, backend: OwnBackend, project_id: int) -> dict[str, int]:
    """Status → how many answers of this kind /webhook gave when a task was added."""
    before = answered(backend)
    add_tasks(ls, project_id, drawings(1))
    return {status: count - before[status] for status, count in answered(backend).items()}


def answered(backend: OwnBackend) -> dict[str, int]:
    return {
        status: metric(backend, "clip_requests_total", route="webhook", status=status)
        for status in ("200", "401")
    }
