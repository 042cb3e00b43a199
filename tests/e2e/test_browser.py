"""What a person does in the browser: work the queue with the keyboard, tick pictures on a sheet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from command_line import CommandLine
from storage_reader import read_records

from importers.config.campaign import NONE_OF_THESE, UNUSABLE, Campaign
from importers.demo.services import LabelStudioServer
from ls_backend.label_studio import LabelStudio
from scripts.browser import signed_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SAMPLES = 24
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def campaign(command_line: CommandLine, new_campaign: Callable[..., Campaign]) -> Campaign:
    campaign = new_campaign("browser", SAMPLES, seed=3)
    command_line.report("run", campaign.folder)
    return campaign


@pytest.fixture(scope="module")
def project(campaign: Campaign, command_line: CommandLine) -> str:
    return str(command_line.report("status", campaign.folder)["project_url"])


@pytest.fixture(scope="module")
def ls(label_studio: LabelStudioServer) -> LabelStudio:
    return label_studio.client()


@pytest.fixture
def page(browser: Browser, label_studio: LabelStudioServer) -> Iterator[Page]:
    with signed_in(browser, label_studio) as page:
        page.set_default_timeout(PATIENCE_MS)
        yield page


def tasks_of(ls: LabelStudio, project: str) -> list[dict[str, Any]]:
    """The tasks of a project, lowest score first."""
    number = project.split("/projects/")[1].split("/")[0]
    query = '{"ordering": ["tasks:data.clip_score"]}'
    params = {"project": number, "fields": "all", "page_size": SAMPLES, "query": query}
    return list(ls.json("GET", "/api/tasks", params=params)["tasks"])


def choice(page: Page, label: str) -> Locator:
    return page.get_by_role("radio", name=label)


def test_the_queue_is_worked_with_the_keyboard(page: Page, project: str, ls: LabelStudio) -> None:
    lowest, second = tasks_of(ls, project)[:2]
    page.goto(project)
    page.get_by_role("button", name="Label All Tasks").click()

    page.get_by_role("heading", name=lowest["data"]["prompt"]).wait_for()
    page.get_by_text(lowest["data"]["why"]).wait_for()
    page.wait_for_function("document.querySelector('img[alt=image]')?.naturalWidth == 512")
    assert choice(page, lowest["data"]["label"]).is_checked()

    page.keyboard.press("u")
    assert choice(page, UNUSABLE).is_checked()
    page.keyboard.press("0")
    assert choice(page, NONE_OF_THESE).is_checked()
    page.keyboard.press("Control+Enter")
    page.get_by_role("heading", name=second["data"]["prompt"]).wait_for()
    page.keyboard.press("Control+Enter")
    page.get_by_role("heading", name=second["data"]["prompt"]).wait_for(state="detached")

    answers = {task["id"]: task["annotations"] for task in tasks_of(ls, project)}
    (rejected,), (approved,) = answers[lowest["id"]], answers[second["id"]]
    assert rejected["result"][0]["value"]["choices"] == [NONE_OF_THESE]
    assert approved["result"][0]["value"]["choices"] == [second["data"]["label"]]
    assert approved["parent_prediction"] == second["predictions"][0]["id"]


def test_ticked_pictures_of_a_sheet_are_what_sync_brings(
    page: Page, project: str, campaign: Campaign, command_line: CommandLine, ls: LabelStudio
) -> None:
    before = command_line.report("sync", campaign.folder)
    waiting = [task for task in tasks_of(ls, project) if not task["annotations"]]
    ticked = [task for task in waiting if task["data"]["label"] == "dog"][-2:]

    page.goto(project)
    page.get_by_text("Sheet: dog").click()
    for task in ticked:
        page.get_by_label(f"Select Task {task['id']}", exact=True).click(force=True)
        page.get_by_label(f"Unselect Task {task['id']}", exact=True).wait_for(state="attached")
    page.get_by_label("Tasks Actions").click()
    page.get_by_text(re.compile("create annotations from predictions", re.IGNORECASE)).click()
    page.locator("button", has_text=re.compile("^OK$")).click()
    for task in ticked:
        page.get_by_label(f"Unselect Task {task['id']}", exact=True).wait_for(state="detached")

    after = command_line.report("sync", campaign.folder)
    assert after["added"] == len(ticked) == 2
    assert after["unchanged"] == before["added"]
    samples = {record["sample"] for record in read_records(after["storage"])}
    assert {task["data"]["sample"] for task in ticked} <= samples
