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

from ls_backend.app import create_app
from ls_backend.errors import ModelError
from ls_backend.loading import ModelLoader
from ls_backend.logs import LAST_WARNINGS
from ls_backend.model import ClipModel

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
    assert row(page, "State") == "ready"
    assert row(page, "Model") == "sketch-clip"
    assert row(page, "Precision") == "float32"
    assert "CLIP cannot know what 'cls_07' means" in row(page, version)
    assert int(row(page, "private_address")) >= 1
    assert "task 42: no prediction [private_address]" in unescape(page)
    assert "CLIP_ALLOWED_HOSTS=10.0.0.1" in page
    assert "<script>" not in page


def test_the_page_shows_why_there_is_no_model() -> None:
    def load() -> ClipModel:
        raise ModelError("No weights.", hint="Fetch them.")

    loader = ModelLoader(load)
    client = create_app(loader, PLAIN).test_client()
    assert row(client.get("/").text, "State").startswith("The CLIP model is still loading.")

    loader.start()
    while loader.state == "loading":
        """It takes a moment."""
    assert row(client.get("/").text, "State") == "No weights. Fetch them."


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
