"""Where images, claims and prompts stand in a task's data: as Label Studio's page finds them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_line import CommandLine
from flask import Flask, Response
from flask import request as asked_for
from plain_projects import drawings, new_project, predictions
from served import serving

from importers.demo.services import LabelStudioServer
from importers.sketch.draw import draw
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio
from ls_backend.task_data import field_of, value_of
from scripts.browser import signed_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHOICES = (
    '<Choices name="label" toName="{}" {}><Choice value="cat"/><Choice value="dog"/></Choices>'
)


@dataclass
class Pictures:
    """A host of pictures.

    Attributes:
        url: Address of the host.
        asked: Paths that it was asked for.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)

    def app(self) -> Flask:
        app = Flask("pictures")
        png = draw("a photo of a red cat", 1, 64).png

        @app.get("/<path:_name>")
        def picture(_name: str) -> Response:
            self.asked.append(asked_for.full_path.rstrip("?"))
            return Response(png, mimetype="image/png")

        return app


@pytest.fixture
def pictures() -> Iterator[Pictures]:
    pictures = Pictures()
    with serving(pictures.app()) as pictures.url:
        yield pictures


def add_task(ls: LabelStudio, project_id: int, data: dict[str, Any]) -> int:
    answer = ls.json(
        "POST",
        f"/api/projects/{project_id}/import",
        params={"return_task_ids": "true"},
        json=[{"data": data}],
    )
    return int(answer["task_ids"][0])


def test_the_page_shows_what_we_read(
    ls: LabelStudio, label_studio: LabelStudioServer, browser: Browser, pictures: Pictures
) -> None:
    host = pictures.url
    data = {
        "a": {"b": f"{host}/path"},
        "a.b": f"{host}/flat-before-path",
        "meta": {"shots": [{"url": "x"}, {"url": f"{host}/deep"}]},
        "images": [f"{host}/first", f"{host}/second"],
        "file": "around.png",
        "number": 7.0,
        "Image URL": f"{host}/whole-name",
        "Image": f"{host}/name-up-to-the-blank",
    }
    shown = {
        "$a.b": "/flat-before-path",
        "$meta.shots[1].url": "/deep",
        "$images[0]": "/first",
        f"{host}/$file?n=$number": "/around.png?n=7",
        "$Image URL": "/name-up-to-the-blank URL",
    }
    images = "".join(
        f'<Image name="image{number}" value="{escape(value)}"/>'
        for number, value in enumerate(shown)
    )
    config = f"<View>{images}{CHOICES.format('image0', '')}</View>"
    project_id = new_project(ls, [], label_config=config)
    task = add_task(ls, project_id, data)

    with signed_in(browser, label_studio) as page:
        page.goto(f"{label_studio.url}/projects/{project_id}/data?task={task}")
        until = time.monotonic() + 60
        while not set(shown.values()) <= set(pictures.asked):
            assert time.monotonic() < until, (shown, set(pictures.asked))
            page.wait_for_timeout(100)

    read = {value: value_of(data, field_of(value) or "") for value in shown}
    assert read == {value: host + path for value, path in shown.items()}


def test_label_studio_takes_no_flat_field_for_a_path(ls: LabelStudio) -> None:
    config = f'<View><Image name="image" value="$meta.image"/>{CHOICES.format("image", "")}</View>'
    project_id = new_project(ls, [], label_config=config)

    with pytest.raises(LabelStudioError, match="key is expected in task data"):
        add_task(ls, project_id, {"meta.image": "https://example.org/a.png"})


def test_prelabel_finds_nested_images_and_claims_and_doctor_says_what_is_missing(
    ls: LabelStudio, command_line: CommandLine, tmp_path: Path
) -> None:
    claimed = CHOICES.format("image", 'clip_claim="$meta.label"')
    config = f'<View><Image name="image" value="$meta.images[0]"/>{claimed}</View>'
    project_id = new_project(ls, [], label_config=config)
    [cat] = drawings(1)
    there = add_task(ls, project_id, {"meta": {"images": [cat], "label": "dog"}})
    missing = add_task(ls, project_id, {"meta": {"images": [], "label": "dog"}})

    report = command_line.report(
        "prelabel", "--project", project_id, "--model", "sketch", CLIP_CACHE_DIR=str(tmp_path)
    )

    assert (report["done"], report["failed"]) == (1, {"no_image": 1})
    [stored] = predictions(ls, project_id)
    assert stored["task"] == there
    assert stored["result"][0]["value"] == {"choices": ["dog"]}
    assert stored["score"] < 0.5
    why = command_line("doctor", "--task", missing, "--project", project_id)
    assert "The task's data has no image in 'meta.images[0]'." in why.stdout
