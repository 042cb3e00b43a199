"""How checks are run: in order, each one a function, those that build on a failed one left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from importers.label_studio.connect import OUR_TITLES, registered_backends
from importers.label_studio.project import read_project
from importers.label_studio.queries import ProjectTasks
from ls_backend.errors import LsClipError
from ls_backend.label_studio import Credentials, LabelStudio, credentials_from_env
from ls_backend.label_studio_types import MlBackend, Project, Task
from ls_backend.labels.config import read_label_config
from ls_backend.labels.target import LabelTarget
from ls_backend.settings import Settings, settings_from_env

DEFAULT_URL = "http://127.0.0.1:9090"


class Patient:
    """A Label Studio, one of its projects perhaps, and an ML backend.

    Every attribute raises the LsClipError that says why it cannot be had.

    Args:
        project_id: None where only servers are looked at.
        url: Address of the ML backend; None: what the project has registered, or the usual one.
    """

    def __init__(self, project_id: int | None = None, url: str | None = None) -> None:
        self.project_id = project_id
        self._url = url

    @cached_property
    def credentials(self) -> Credentials:
        return credentials_from_env()

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
        if self._url is not None:
            wanted = self._url.rstrip("/")
            return next((b for b in self.backends if b["url"].rstrip("/") == wanted), None)
        ours = [b for b in self.backends if (b["title"] or "").startswith(OUR_TITLES)]
        return next(iter(ours + self.backends), None)

    @property
    def url(self) -> str:
        """Address of the ML backend, without a slash at its end."""
        return (self._url or self._registered_url() or DEFAULT_URL).rstrip("/")

    def _registered_url(self) -> str | None:
        if self.project_id is None:
            return None
        try:
            return str(self.backend["url"]) if self.backend else None
        except LsClipError:  # a check of its own says so
            return None

    @cached_property
    def first_task(self) -> Task | None:
        """The project's oldest task with its predictions."""
        page = next(ProjectTasks(self.ls, self.project["id"]).whole(1), None)
        return page[0] if page else None

    def close(self) -> None:
        if "ls" in self.__dict__:
            self.ls.close()


State = Literal["ok", "warning", "failed", "skipped"]
FIRST_EXIT_CODE = 10


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        number: Of the check, from 1; where this is the first that failed, the exit code is
            10 more.
        message: What was found.
        fix: What to do; empty where nothing is.
    """

    number: int
    name: str
    state: State
    message: str
    fix: str = ""


@dataclass(frozen=True)
class DoctorReport:
    """All findings; `exit_code` is 0, or says which check failed first."""

    findings: tuple[Finding, ...]
    exit_code: int


class Concern(LsClipError):
    """Found by a check, and worth knowing; nothing is broken."""

    default_code = "concern"


class NotNow(Exception):
    """A check that does not apply; says why."""


@dataclass(frozen=True)
class Check:
    """A check and the names of those that it builds on.

    `look` returns what it found; it raises Concern, NotNow, or any LsClipError for a failure.
    """

    name: str
    look: Callable[[Patient], str]
    needs: tuple[str, ...] = ()


def run_checks(checks: Sequence[Check], patient: Patient) -> DoctorReport:
    """Run all that can be run."""
    findings: dict[str, Finding] = {}
    for number, check in enumerate(checks, 1):
        missing = next((n for n in check.needs if findings[n].state in {"failed", "skipped"}), None)
        if missing:
            finding = Finding(number, check.name, "skipped", f"first to be mended: {missing}")
        else:
            finding = _run(number, check, patient)
        findings[check.name] = finding
    first = next((f.number for f in findings.values() if f.state == "failed"), None)
    return DoctorReport(tuple(findings.values()), 0 if first is None else FIRST_EXIT_CODE + first)


def _run(number: int, check: Check, patient: Patient) -> Finding:
    try:
        return Finding(number, check.name, "ok", check.look(patient))
    except NotNow as reason:
        return Finding(number, check.name, "skipped", str(reason))
    except Concern as concern:
        return Finding(number, check.name, "warning", concern.message, concern.hint)
    except LsClipError as error:
        return Finding(number, check.name, "failed", error.message, error.hint)
