"""The annotated images of a Label Studio project as source images.

Owns what an annotation says of an image: the label that it shows, and the regions drawn in it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from xml.etree import ElementTree

from importers.config.campaign import Campaign
from importers.config.sections import DerivedTechnique
from importers.generation.candidates import Candidate
from importers.generation.masks import Region, area_of_regions
from importers.label_studio.project import read_project
from importers.label_studio.queries import ProjectTasks
from ls_backend.errors import ConfigError
from ls_backend.images.task_images import TaskImages
from ls_backend.label_studio import (
    TOKEN_VARIABLE,
    URL_VARIABLE,
    Credentials,
    LabelStudio,
    credentials_from_env,
)
from ls_backend.label_studio_types import Task
from ls_backend.settings import Settings, settings_from_env
from ls_backend.task_data import field_of

BATCH = 128


def in_project(campaign: Campaign, technique: DerivedTechnique) -> Iterator[Candidate]:
    """The images of a project's tasks, oldest first; the annotation changed last counts.

    Its label is the choice, or else the one label that all regions have. Cancelled annotations say
    nothing, and several choices say nothing.

    Raises:
        LabelStudioError: Label Studio refuses, or lacks the project.
        ConfigError: the project shows no image, or the environment has no token.
    """
    credentials = credentials_from_env(campaign.review.url)
    project = int(technique.source.partition(":")[2])
    ls = LabelStudio(credentials)
    try:
        name, field = _image_tag(read_project(ls, project)["label_config"], project)
        images = TaskImages(image_settings(credentials))
        for tasks in ProjectTasks(ls, project).whole(BATCH):
            for task in tasks:
                yield _candidate(task, name, field, images, technique.source)
    finally:
        ls.close()


def _candidate(task: Task, name: str, field: str, images: TaskImages, source: str) -> Candidate:
    regions = tuple(region for region in _result(task) if region.get("to_name") == name)
    return Candidate(
        origin=f"{source}/task/{task['id']}",
        label=_label(regions),
        read=lambda: images.fetch(task, field),
        mask=lambda size: area_of_regions(regions, size),
        regions=regions,
    )


def _result(task: Task) -> list[Region]:
    given = [annotation for annotation in task["annotations"] if not annotation["was_cancelled"]]
    if not given:
        return []
    latest = max(given, key=lambda annotation: (annotation["updated_at"], annotation["id"]))
    return [region for region in latest["result"] or [] if isinstance(region, Mapping)]


def _label(regions: Collection[Region]) -> str | None:
    chosen = _named(regions, {"choices"})
    labels = chosen or _named(regions, {str(region.get("type")) for region in regions})
    return labels.pop() if len(labels) == 1 else None


def _named(regions: Collection[Region], controls: Collection[str]) -> set[str]:
    """The labels that these kinds of controls give."""
    return {
        label
        for region in regions
        for control in controls
        for label in (region.get("value") or {}).get(control) or ()
        if isinstance(label, str)
    }


def _image_tag(label_config: str, project: int) -> tuple[str, str]:
    """Name of the labeling config's first Image, and the task field that it shows."""
    for image in ElementTree.fromstring(label_config).iter("Image"):
        field = field_of(image.get("value"))
        if field is not None:
            return image.get("name", ""), field
    raise ConfigError(
        f"Project {project} of Label Studio shows no image.",
        hint="Name a project whose labeling config has an Image.",
    )


def image_settings(credentials: Credentials) -> Settings:
    """How images of tasks are read, as the ML backend reads them, from this Label Studio."""
    here = {URL_VARIABLE: credentials.url, TOKEN_VARIABLE: credentials.token}
    return settings_from_env({**os.environ, **here})
