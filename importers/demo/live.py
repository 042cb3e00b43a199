"""The other half of the loop: drawings without any label, which the ML backend labels live.

Label Studio asks the backend itself; what is counted is what Label Studio stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from importers.config.campaign import NONE_OF_THESE, UNUSABLE, Campaign
from importers.generators import GenerationRequest, open_generator
from importers.generators.base import generate_image
from importers.progress import Progress, silent
from importers.prompts import write_prompts
from ls_backend.errors import LabelStudioError

if TYPE_CHECKING:
    from ls_backend.label_studio import LabelStudio


def draw_unlabelled(campaign: Campaign, folder: Path, progress: Progress = silent) -> list[Path]:
    """Draw a campaign's prompts into a folder and keep nothing but the pictures."""
    folder.mkdir(parents=True)
    settings = campaign.generator
    generator = open_generator(settings)
    files = []
    for number, prompt in enumerate(write_prompts(campaign), start=1):
        progress(number - 1, campaign.samples)
        request = GenerationRequest(prompt.text, settings.model, settings.size, {}, campaign.seed)
        file = folder / f"{number:02d}.png"
        file.write_bytes(generate_image(generator, request).data)
        files.append(file)
    progress(campaign.samples, campaign.samples)
    return files


def create_project(ls: LabelStudio, campaign: Campaign, files: Sequence[Path]) -> int:
    """Create the campaign's project, in which a task is a picture and nothing else.

    Returns:
        Label Studio's number of the project.
    """
    from importers.label_studio.uploads import upload

    project = ls.json(
        "POST",
        "/api/projects",
        what=f"create the project {campaign.project_title!r}",
        json={
            "title": campaign.project_title,
            "description": "Pictures without a label: the ML backend suggests one.",
            "label_config": classify_config(campaign),
            "show_collab_predictions": True,
        },
    )
    project_id = int(project["id"])
    keys = {str(file): file for file in files}
    paths = [path for part in upload(ls, project_id, keys) for path in part.values()]
    ls.json(
        "POST",
        f"/api/projects/{project_id}/import",
        what=f"import {len(paths)} pictures",
        json=[{"data": {"image": path}} for path in paths],
    )
    return project_id


def classify_config(campaign: Campaign) -> str:
    """A labeling config of the campaign's choices that claims nothing of a picture."""
    root = ET.Element("View")
    ET.SubElement(root, "Image", name="image", value="$image", maxWidth="460px")
    background = "|".join(campaign.score.background)
    choices = ET.SubElement(
        root,
        "Choices",
        {"name": "label", "toName": "image", "choice": "single-radio", "required": "true"},
        clip_background=background,
    )
    for number, label in enumerate(campaign.labels, start=1):
        ET.SubElement(choices, "Choice", value=label, hotkey=str(number))
    ET.SubElement(choices, "Choice", value=NONE_OF_THESE, hotkey="0", clip_none="true")
    ET.SubElement(choices, "Choice", value=UNUSABLE, hotkey="u", clip_ignore="true")
    return ET.tostring(root, encoding="unicode")


def retrieve_predictions(ls: LabelStudio, project_id: int, model_version: str) -> int:
    """Let Label Studio ask the backend for every task; returns how many answers it stored.

    Label Studio says that all went well whatever happened: so its stored predictions are counted.
    """
    ls.request(
        "POST",
        "/api/dm/actions",
        what="retrieve predictions from the ML backend",
        params={"id": "retrieve_tasks_predictions", "project": project_id},
        json={"project": str(project_id), "selectedItems": {"all": True, "excluded": []}},
    )
    stored = ls.json("GET", "/api/predictions/", params={"project": project_id})
    answered = {row["task"] for row in stored if row["model_version"] == model_version}
    if not answered:
        raise LabelStudioError(
            f"The ML backend answered none of the tasks of project {project_id}.",
            hint="Its log says why.",
        )
    return len(answered)
