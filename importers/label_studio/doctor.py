"""The checks of `ls-clip doctor`: which there are, and how they are run.

Each is a function; those that build on a failed one are left out. The number of the first that
failed is the exit code less ten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from importers.label_studio import doctor_project, doctor_servers
from importers.label_studio.installation import Concern, Installation, NotNow, Several
from ls_backend.errors import LsClipError

State = Literal["ok", "warning", "failed", "skipped"]
_EXIT_CODES_FROM = 10


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        number: Number of the check, from 1; of the first that failed, the exit code is
            10 more.
        message: Finding of the check, in a sentence.
        fix: Next step; empty where nothing is to do.
    """

    number: int
    name: str
    state: State
    message: str
    fix: str = ""


@dataclass(frozen=True)
class DoctorReport:
    """What all checks found.

    Attributes:
        findings: In the order of the checks; several of one check that found several faults.
        exit_code: 0, or 10 more than the number of the first check that failed.
    """

    findings: tuple[Finding, ...]
    exit_code: int


@dataclass(frozen=True)
class Check:
    """A check and the names of those that it builds on.

    `look` returns what it found; it raises Concern, NotNow, any LsClipError for a failure, or
    Several of these.
    """

    name: str
    look: Callable[[Installation], str]
    needs: tuple[str, ...] = ()


CHECKS = (
    Check("Label Studio", doctor_servers.label_studio_answers),
    Check("token", doctor_servers.token, ("Label Studio",)),
    Check("project", doctor_servers.project, ("token",)),
    Check("labeling config", doctor_project.labeling_config, ("project",)),
    Check("label wording", doctor_project.label_wording, ("labeling config",)),
    Check("ML address", doctor_servers.address_allowed, ("project",)),
    Check("registered", doctor_servers.registered, ("project",)),
    Check("backend", doctor_servers.ready),
    Check("image", doctor_project.image, ("labeling config",)),
    Check("prediction", doctor_project.prediction, ("labeling config", "backend")),
    Check("queue", doctor_project.queue, ("project",)),
    Check("webhook address", doctor_servers.webhook_allowed, ("project",)),
    Check("webhook", doctor_project.webhook, ("registered",)),
    Check("label pairs", doctor_project.label_pairs, ("labeling config", "backend")),
)


def examine(
    project_id: int | None = None, url: str | None = None, label_studio_url: str | None = None
) -> DoctorReport:
    """Run all checks; never raises for what they find.

    Args:
        project_id: Number of a project; None looks at the servers alone.
        url: Address of the ML backend; None: the project's, or the usual one.
        label_studio_url: Address of Label Studio; None where the environment names it.
    """
    installation = Installation(project_id, url, label_studio_url)
    findings: dict[str, list[Finding]] = {}
    with closing(installation):
        for number, check in enumerate(CHECKS, 1):
            missing = next((name for name in check.needs if _is_of_no_use(findings[name])), None)
            if missing:
                reason = f"first to be mended: {missing}"
                findings[check.name] = [Finding(number, check.name, "skipped", reason)]
            else:
                findings[check.name] = _run(number, check, installation)
    found = tuple(finding for each in findings.values() for finding in each)
    first = next((finding.number for finding in found if finding.state == "failed"), None)
    return DoctorReport(found, 0 if first is None else _EXIT_CODES_FROM + first)


def _is_of_no_use(findings: Sequence[Finding]) -> bool:
    """Whether a check failed, or was left out, so that none can build on it."""
    return any(finding.state in {"failed", "skipped"} for finding in findings)


def _run(number: int, check: Check, installation: Installation) -> list[Finding]:
    try:
        return [Finding(number, check.name, "ok", check.look(installation))]
    except NotNow as reason:
        return [Finding(number, check.name, "skipped", str(reason))]
    except Several as several:
        return [_finding(number, check, error) for error in several.errors]
    except LsClipError as error:
        return [_finding(number, check, error)]


def _finding(number: int, check: Check, error: LsClipError) -> Finding:
    state: State = "warning" if isinstance(error, Concern) else "failed"
    return Finding(number, check.name, state, error.message, error.hint)
