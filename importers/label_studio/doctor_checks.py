"""How checks are run: in order, each one a function, those that build on a failed one left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from importers.doctor.patient import Patient
from ls_backend.errors import LsClipError

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
