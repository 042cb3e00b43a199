"""What is wrong with a queue: with a project's settings, the version that it goes by, its backend.

Looks at what Label Studio has said, and asks nothing itself; its callers show what is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from importers.label_studio.project import UNCERTAINTY_SAMPLING, belongs_to_campaign
from ls_backend.label_studio_types import MlBackend, Project

_UNREACHED = {"Disconnected", "Error"}
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; `code` is stable."""

    code: str
    message: str
    next_step: str


def hidden_predictions(project: Project) -> Fault | None:
    """Whether annotators do not see predictions."""
    if project["show_collab_predictions"]:
        return None
    return Fault(
        "predictions_off",
        "The project does not show predictions to annotators.",
        "Switch on 'Use predictions to prelabel tasks' in Settings > Annotation.",
    )


def unordered(project: Project) -> Fault | None:
    """Whether a setting keeps the lowest score from coming first."""
    if project["sampling"] != UNCERTAINTY_SAMPLING:
        return Fault(
            "sampling",
            f"The project's task sampling is {project['sampling']!r}: Label Studio does not go by "
            "score.",
            f"Set it to {UNCERTAINTY_SAMPLING!r} in Settings > General.",
        )
    if project["maximum_annotations"] > 1:
        return Fault(
            "several_annotations",
            f"The project asks for {project['maximum_annotations']} annotations per task: Label "
            "Studio first serves those that others have begun.",
            "Set it to 1 in Settings > Quality, or work from a sorted tab and choose 'Label Tasks "
            "As Displayed'.",
        )
    return None


def vanished_scores(
    project: Project, stored: Mapping[str, int], backend: MlBackend | None = None
) -> Fault | None:
    """Whether the project goes by a model version of which it has no scores.

    Args:
        stored: Model versions of the project's predictions → how many there are of each.
        backend: The ML backend that is to answer the project.
    """
    if backend and backend["model_version"] and backend["title"] != backend["model_version"]:
        return Fault(
            "backend_title",
            f"The ML backend is registered as {backend['title']!r} and answers with "
            f"{backend['model_version']!r}: its scores order nothing.",
            connect_command(project["id"], backend["url"]),
        )
    version = project["model_version"]
    to_come = backend is not None and backend["title"] == version
    if version in stored or (to_come and not stored):
        return None
    there = ", ".join(map(repr, stored)) or "none"
    message = (
        f"The project goes by model version {version or 'none'!r}, of which there is no "
        f"prediction; there are some of {there}. Label Studio serves tasks at random."
    )
    if to_come:
        return Fault("no_scores", message, f"{predict_command(project)} adds them.")
    mend = connect_command(project["id"], backend["url"]) if backend else predict_command(project)
    if belongs_to_campaign(project):
        mend = "ls-clip push"
    return Fault(
        "no_scores", message, f"Choose another one in Settings > Annotation, or run: {mend}"
    )


def unreached(project: Project, backend: MlBackend) -> Fault | None:
    """Whether Label Studio cannot use the backend."""
    state = backend["readable_state"]
    if state not in _UNREACHED:
        return None
    # What it keeps from an earlier error says nothing of a lost connection.
    said = (backend["error_message"] or "") if state == "Error" else ""
    reason = " ".join(said.split())[:_LONGEST_REASON]
    return Fault(
        "backend_down",
        f"Label Studio says of the ML backend at {backend['url']}: {state}"
        + (f" ({reason})." if reason else "."),
        f"ls-clip doctor --project {project['id']}",
    )


def not_asked(project: Project, backend: MlBackend) -> Fault | None:
    """Whether the backend is not asked for predictions, since the project goes by others."""
    version = project["model_version"]
    if not version or version == backend["title"]:
        return None
    return Fault(
        "backend_not_chosen",
        f"The project shows predictions of {version!r}; the ML backend answers as "
        f"{backend['title']!r} and is not asked: there are no live predictions.",
        f"To change over, run: {predict_command(project)}",
    )


def connect_command(project_id: int, backend_url: str) -> str:
    """The command that registers the backend, or mends its registration."""
    return f"ls-clip connect --project {project_id} --url {backend_url}"


def predict_command(project: Project) -> str:
    """The command that gives all tasks predictions of the current version."""
    if belongs_to_campaign(project):
        return "ls-clip run"
    return f"ls-clip prelabel --project {project['id']}"
