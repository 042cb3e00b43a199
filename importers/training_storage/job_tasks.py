"""Whose tasks are read: those of a campaign's samples, or all of a project of somebody else.

Before anything is believed, the project and its tasks must prove to be the ones that the ledger
knows: another Label Studio would look as if everything was withdrawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from importers.config.job import Job
from importers.label_studio.project import campaign_project, read_project
from importers.label_studio.queries import is_later
from importers.ledger import Ledger
from importers.ledger.notes import Note
from ls_backend.errors import ImageError, LabelConfigError, LabelStudioError
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import Project, Task
from ls_backend.task_data import field_of, image_address


@dataclass(frozen=True)
class JobTasks:
    """The project of a job, and which of its tasks are to be read, under which sample keys.

    Attributes:
        settings: Settings of the project, as Label Studio gives them.
        claims: Number of each task that the campaign pushed → key of each sample that was pushed
            to it → the label that it is meant to show; None for a project of somebody else.
    """

    settings: Project
    claims: Mapping[int, Mapping[str, str]] | None

    @property
    def project(self) -> int:
        return int(self.settings["id"])

    def is_ours(self, task: int) -> bool:
        """Whether a task is to be read."""
        return self.claims is None or task in self.claims

    def keys(self, task: int) -> list[str]:
        """The sample keys of one of our tasks, by its number: of a campaign all that it ever had.

        In a project of somebody else the key is made from the numbers of project and task, 32
        hexadecimal digits: they are known before the picture is read, and stay whatever address
        the server is asked at. (Label Studio on SQLite may give the number of a deleted task to
        another; the key is then that one's.)
        """
        if self.claims is not None:
            return list(self.claims[task])
        name = f"project:{self.project}:task:{task}"
        return [hashlib.sha256(name.encode()).hexdigest()[:32]]

    def claim(self, task: int, key: str) -> str | None:
        """The label that one of our tasks is meant to show, where that is known."""
        return None if self.claims is None else self.claims[task][key]

    def source(self, task: Task, control: str) -> str:
        """The task's value for the image that this control labels; "" where it has none."""
        try:
            return image_address(task, _image_field(self.settings["label_config"], control))
        except ImageError:
            return ""

    def key(self, task: Task, known: str | None) -> str | None:
        """The sample key of a task; None where it is another one with a number of ours.

        Label Studio on SQLite gives the number of a deleted task to the next one.

        Args:
            known: When the task with this number was changed last, as far as is known; "" where
                that is gone.

        Raises:
            LabelStudioError: it is ours, and holds another sample than was pushed to it.
        """
        keys = self.keys(task["id"])
        if self.claims is None:
            return keys[0]
        held = task["data"].get("sample")
        if held in keys:
            return str(held)
        if known is not None and (not known or is_later(task["created_at"], known)):
            return None
        raise LabelStudioError(
            f"Task {task['id']} of project {self.project} does not hold the sample {keys[-1]} "
            "that was pushed to it.",
            hint="If LABEL_STUDIO_URL names another server than before, set it back. If "
            "somebody edited the task's data, restore its `sample`.",
            code="label_studio_other_task",
        )


def job_tasks_of(ls: LabelStudio, job: Job, ledger: Ledger) -> JobTasks:
    """What a job reads, after its project has proved to be the one that the ledger knows.

    Raises:
        LabelStudioError: nothing was pushed yet, or the project is gone or is another one.
    """
    if job.project is None:
        return JobTasks(campaign_project(ls, ledger), ledger.pushed_tasks())
    settings = _project(ls, job.project)
    made = f"{job.project} {settings['created_at']}"
    if (ledger.note(Note.PROJECT_MADE) or made) != made:
        raise LabelStudioError(
            f"Project {job.project} at {ls.url} is not the one that {job.ledger_path} is of.",
            hint="If LABEL_STUDIO_URL names another server than before, set it back. For another "
            "project make another folder: ls-clip new NAME --project NUMBER",
            code="label_studio_other_project",
        )
    ledger.set_note(Note.PROJECT_MADE, made)
    return JobTasks(settings, None)


def _project(ls: LabelStudio, number: int) -> Project:
    try:
        return read_project(ls, number)
    except LabelStudioError as error:
        if error.code != "label_studio_not_found":
            raise
        raise LabelStudioError(
            f"There is no project {number} at {ls.url}, or your user may not see it.",
            hint="Its number stands in the browser's address: /projects/NUMBER/data. Set `project` "
            "to it; or see that LABEL_STUDIO_URL names the right server.",
            code="label_studio_no_project",
        ) from None


@cache
def _image_field(label_config: str, control: str) -> str:
    from xml.etree import ElementTree

    root = ElementTree.fromstring(label_config)
    fields = {image.get("name"): field_of(image.get("value")) for image in root.iter("Image")}
    for element in root.iter():
        field = fields.get(element.get("toName"))
        if element.get("name") == control and field is not None:
            return field
    raise LabelConfigError(
        f"The control {control!r} of the labeling config labels no Image with a task's picture.",
        hint='Its toName must name an Image with value="$field". Or name another control under '
        "[review.approval].",
    )
