"""What the backend shows of itself: the page at / and the counts at /metrics."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from html import unescape

import pytest
from backend_client import CONFIG, PLAIN, inline
from drawings import Draw
from flask.testing import FlaskClient

from ls_backend.backend import PREDICTIONS_AT_ONCE, ModelLoader
from ls_backend.errors import ModelError
from ls_backend.logs import LAST_WARNINGS
from ls_backend.model import ClipModel
from ls_backend.server.app import create_app

ODD = CONFIG.replace('"dog"', '"cls_07"')


@pytest.fixture
def last_warnings() -> Iterator[None]:
    """The page shows what is logged meanwhile, as it does in a serving process."""
    log = logging.getLogger("ls_backend")
    log.addHandler(LAST_WARNINGS)
    yield
    log.removeHandler(LAST_WARNINGS)


def row(page: str, name: str) -> str:
    """The text beside a name in one of the page's tables."""
    found = re.search(rf"<th scope=.row.>{re.escape(name)}</th><td>(.*?)</td>", page, re.DOTALL)
    assert found, f"{name} is not on the page"
    return unescape(re.sub(r"<[^>]+>", " ", found.group(1))).strip()


@pytest.mark.usefixtures("last_warnings")
def test_the_page_shows_model_versions_images_and_the_last_warnings(
    client: FlaskClient, drawing: Draw
) -> None:
    version = client.post("/setup", json={"schema": ODD}).get_json()["model_version"]
    tasks = [
        {"id": 41, "data": {"image": inline(drawing, "cat")}},
        {"id": 42, "data": {"image": "http://10.0.0.1/<script>.png"}},
    ]
    client.post("/predict", json={"tasks": tasks, "label_config": ODD})

    answer = client.get("/")
    page = answer.text

    assert answer.content_type.startswith("text/html")
    assert '<span class="state ready">ready</span>' in page
    assert row(page, "Model") == "sketch-clip"
    assert row(page, "Precision") == "float32"
    assert "CLIP cannot know what 'cls_07' means" in row(page, version)
    assert int(row(page, "private_address")) >= 1
    assert "task 42: no prediction [private_address]" in unescape(page)
    assert re.search(r'class="hint">[^<]*CLIP_ALLOWED_HOSTS=10\.0\.0\.1', page)
    assert "<script>" not in page


def test_the_page_shows_why_there_is_no_model() -> None:
    def load() -> ClipModel:
        raise ModelError("No weights.", hint="Fetch them.")

    loader = ModelLoader(load)
    client = create_app(loader, PLAIN).test_client()
    assert "The CLIP model is still loading." in client.get("/").text

    loader.start()
    while loader.state == "loading":
        """It takes a moment."""
    failed = client.get("/").text
    assert "<p>No weights.</p>" in failed
    assert '<p class="hint">Fetch them.</p>' in failed
    assert "Model</th>" not in failed


@pytest.mark.usefixtures("last_warnings")
def test_what_is_refused_is_a_warning_with_its_hint_once(client: FlaskClient) -> None:
    for _ in range(3):
        assert client.post("/setup", data="no JSON").status_code == 400
    assert client.get("/no-such-route").status_code == 404

    page = unescape(client.get("/").text)

    [line] = [warned for warned in LAST_WARNINGS.newest_first() if "/setup" in warned.text]
    assert line.times >= 3
    assert line.text.startswith("POST /setup refused with 400: [")
    assert f'<div class="hint">{line.hint}</div>' in page
    assert f"({line.times} times)" in page
    assert "no-such-route" not in page


REGIONS = CONFIG.replace("<Choices", '<Choices perRegion="true"')


@pytest.mark.usefixtures("last_warnings")
def test_the_page_names_projects_tasks_and_reasons(client: FlaskClient, drawing: Draw) -> None:
    for project, schema in (("3.1795336526", CONFIG), ("4.1795336999", REGIONS)):
        client.post("/setup", json={"schema": schema, "project": project})
        tasks = [
            {"id": 41, "data": {"image": inline(drawing, "cat")}},
            {"id": 42, "data": {"image": "http://10.0.0.1/a.png"}},
        ]
        body = {"tasks": tasks, "label_config": schema, "project": project}
        assert client.post("/predict", json=body).status_code == 200
    version = client.post("/setup", json={"schema": CONFIG}).get_json()["model_version"]
    refused = client.post("/setup", json={"schema": "<View/>", "project": "5.1795337000"})
    assert refused.status_code == 400

    page = client.get("/").text

    unread, regions, choices = projects_on(page)
    assert unread[:2] == ["5", "none: its labeling config is refused"]
    assert unread[4].startswith("0 last: CLIP can fill Choices, Taxonomy,")
    assert choices[:2] == ["3", version]
    assert choices[3:] == [
        "1",
        "1 private_address 1 last: task 42: 10.0.0.1 lies on the private address "
        "10.0.0.1, where no image is read.",
    ]
    assert regions[0] == "4"
    assert regions[3:] == [
        "0",
        "2 no_region 2 last: task 42: It has no region to label: 'label' answers for regions, and "
        "none is drawn.",
    ]
    said = re.sub(r"<[^>]+>", "", unescape(page))
    assert "project 3: task 42: no prediction [private_address]" in " ".join(said.split())
    assert "project 5: POST /setup refused with 400: [label_config]" in " ".join(said.split())


@pytest.mark.usefixtures("last_warnings")
def test_half_a_character_is_no_end_of_the_page(client: FlaskClient) -> None:
    # Straight to the handler: a process of pytest-xdist cannot report what such a line says.
    LAST_WARNINGS.handle(logging.makeLogRecord({"msg": "task \ud800: no prediction"}))

    answer = client.get("/")

    assert answer.status_code == 200
    assert "task \\ud800: no prediction" in answer.text


def projects_on(page: str) -> list[list[str]]:
    """The rows of the page's table of projects, each as the words of its cells."""
    table = re.search(r'<table id="projects">(.*?)</table>', page, re.DOTALL)
    assert table, "there are no projects on the page"
    return [
        [
            " ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr>(.*?)</tr>", table.group(1), re.DOTALL)[1:]
    ]


def figure(page: str, name: str) -> tuple[str, str]:
    """The number of that name, and its note."""
    found = re.search(rf"<dt>{name}</dt>\s*<dd><b>(.*?)</b><span class=.note.>(.*?)</span>", page)
    assert found, f"{name} is not on the page"
    return found.group(1), found.group(2)


def counted(client: FlaskClient, name: str) -> tuple[int, int]:
    """How many, and of how many."""
    value, note = figure(client.get("/").text, name)
    return int(value.replace(",", "")), int("".join(filter(str.isdigit, note)))


def test_the_figures_count_what_happened(client: FlaskClient, drawing: Draw) -> None:
    failed, images = counted(client, "Images failed")
    refused, asked = counted(client, "Refused")
    tasks = [{"data": {"image": inline(drawing, "cat")}}, {"data": {}}]
    client.post("/predict", json={"tasks": tasks, "label_config": CONFIG})
    client.post("/predict", data="no JSON")

    assert counted(client, "Images failed") == (failed + 1, images + 2)
    assert counted(client, "Refused") == (refused + 1, asked + 2)
    page = client.get("/").text
    assert figure(page, "Under way")[0] == f"0 of {PREDICTIONS_AT_ONCE}"
    assert figure(page, "Queue")[0] == "0"
    assert figure(page, "Cache hits")[0].endswith("%")


def test_metrics_count_images_by_outcome(client: FlaskClient, drawing: Draw) -> None:
    def counted(outcome: str) -> float:
        found = re.search(
            rf'clip_images_total{{outcome="{outcome}"}} (\S+)', client.get("/metrics").text
        )
        return float(found.group(1)) if found else 0.0

    before = counted("ok"), counted("no_image")
    tasks = [{"data": {"image": inline(drawing, "cat")}}, {"data": {}}, {"data": {}}]
    client.post("/predict", json={"tasks": tasks, "label_config": CONFIG})

    assert (counted("ok"), counted("no_image")) == (before[0] + 1, before[1] + 2)
    assert 'clip_model_state{state="ready"} 1.0' in client.get("/metrics").text
