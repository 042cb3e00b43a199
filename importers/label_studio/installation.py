"""What the doctor's checks look at: servers, a project and an ML backend, each asked for once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests

from importers.label_studio.backend import answer_for, ask_backend
from importers.label_studio.connect import basic_auth, our_backend, registered_backends
from importers.label_studio.diagnosis import connect_command
from importers.label_studio.project import read_project
from importers.label_studio.queries import ProjectTasks
from ls_backend.errors import LsClipError
from ls_backend.label_studio import Credentials, LabelStudio, credentials_from_env
from ls_backend.label_studio_types import MlBackend, NewPrediction, Project, Task
from ls_backend.labels.config import read_label_config
from ls_backend.labels.target import LabelTarget
from ls_backend.settings import Settings, settings_from_env

DEFAULT_URL = "http://127.0.0.1:9090"


class Concern(LsClipError):
    """Found by a check, and worth knowing; nothing is broken."""

    default_code = "concern"


class Several(Exception):
    """What one check found, where that may be more than one thing.

    Attributes:
        errors: Each fault, and each Concern.
    """

    def __init__(self, errors: Sequence[LsClipError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)


class NotNow(Exception):
    """A check that does not apply; says why."""


@dataclass
class Installation:
    """A Label Studio, one of its projects perhaps, and an ML backend.

    Every property raises the LsClipError that says why it cannot be had.

    Attributes:
        project_id: Number of the project; None where only servers are looked at.
        named_url: Address of the ML backend; None: what the project has registered, or the usual
            one.
        named_label_studio: Address of Label Studio; None where the environment names it.
    """

    project_id: int | None = None
    named_url: str | None = None
    named_label_studio: str | None = None

    @cached_property
    def credentials(self) -> Credentials:
        return credentials_from_env(self.named_label_studio)

    @cached_property
    def ls(self) -> LabelStudio:
        return LabelStudio(self.credentials)

    @cached_property
    def settings(self) -> Settings:
        return settings_from_env()

    @cached_property
    def project(self) -> Project:
        assert self.project_id is not None, "checks of a project ask for one first"
        return read_project(self.ls, self.project_id)

    @cached_property
    def target(self) -> LabelTarget:
        return read_label_config(self.project["label_config"])

    @cached_property
    def backends(self) -> list[MlBackend]:
        """What is registered; Label Studio has just asked each how it is."""
        return registered_backends(self.ls, self.project["id"])

    @cached_property
    def backend(self) -> MlBackend | None:
        """The registration of the backend that is looked at."""
        if self.named_url is not None:
            wanted = self.named_url.rstrip("/")
            return next((b for b in self.backends if b["url"].rstrip("/") == wanted), None)
        return our_backend(self.backends)

    @property
    def url(self) -> str:
        """Address of the ML backend, without a slash at its end.

        Raises NotNow where Label Studio is to say it, and does not.
        """
        return (self.named_url or self._registered_url() or DEFAULT_URL).rstrip("/")

    @property
    def connect_command(self) -> str:
        """The command that registers the backend, or mends its registration."""
        return connect_command(self.project["id"], self.url)

    def ask(self, method: str, route: str, **options: Any) -> requests.Response:
        """The ML backend's answer; raises like `ask_backend`."""
        return ask_backend(self.url, method, route, basic_auth(), **options)

    def _registered_url(self) -> str | None:
        if self.project_id is None:
            return None
        try:
            return str(self.backend["url"]) if self.backend else None
        except LsClipError:  # a check of its own says so
            reason = "Label Studio is to say where it is; --url names it"
            raise NotNow(reason) from None

    @cached_property
    def first_task(self) -> Task | None:
        """The project's oldest task with its predictions."""
        page = next(ProjectTasks(self.ls, self.project["id"]).whole(1), None)
        return page[0] if page else None

    @cached_property
    def answer(self) -> NewPrediction | LsClipError:
        """What the ML backend, asked from here, answers for that task, or why nothing."""
        assert self.first_task is not None, "checks of a task look for one first"
        # Cloud files have other addresses in the list that people see.
        task = ProjectTasks(self.ls, self.project["id"]).find(self.first_task["id"])
        return answer_for(self.url, self.project, task or self.first_task, basic_auth())

    def close(self) -> None:
        if "ls" in self.__dict__:
            self.ls.close()
