"""What is wrong with a queue: with a project's settings, the version that it goes by, its backend.

Looks at what Label Studio has said, and asks nothing itself; its callers show what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from importers.label_studio.project import UNCERTAINTY_SAMPLING, belongs_to_campaign
from ls_backend.errors import LabelConfigError
from ls_backend.label_studio_types import MlBackend, Project
from ls_backend.labels.config import parse_label_config, read_label_config
from ls_backend.labels.regions import OUR_VERSIONS

LOWEST_FIRST = (
    "in the Data Manager, choose Order by > Prediction score, then Label Tasks As Displayed (the "
    "arrow beside Label All Tasks)"
)
"""How people get the lowest score first, whatever the project's settings are."""
NO_SCORES = "no_scores"
NOT_FIRST, NOT_CHOSEN = "backend_not_first", "backend_not_chosen"
"""Codes of why Label Studio does not ask the ML backend."""
_UNREACHED = {"Disconnected", "Error"}
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; `code` is stable.

    Attributes:
        next_step: What to do about it.
        is_notice: Whether nothing is broken, and it is worth knowing alone.
    """

    code: str
    message: str
    next_step: str
    is_notice: bool = False


def queue_faults(
    project: Project,
    stored: Mapping[str, int],
    unscored: int,
    backends: Sequence[MlBackend] = (),
    backend: MlBackend | None = None,
) -> list[Fault]:
    """All that is wrong with a project's queue, notices last.

    Args:
        stored: Model versions of the project's predictions → how many there are of each.
        unscored: Number of tasks without a prediction of the version that the project goes by.
        backends: All ML backends that are registered with the project.
        backend: The one of them that is to answer.
    """
    by_others = not_asked(project, backend) if backend else None
    vanished = vanished_scores(project, stored, backend)
    by_this = by_others is None and (vanished is None or vanished.code != NO_SCORES)
    found = [
        hidden_predictions(project),
        vanished,
        missing_scores(project, stored, unscored) if by_this else None,
        (not_first(project, backends, backend) if backend else None) or by_others,
        *unordered(project),
    ]
    return sorted((fault for fault in found if fault), key=lambda fault: fault.is_notice)


def hidden_predictions(project: Project) -> Fault | None:
    """Whether annotators do not see predictions."""
    if project["show_collab_predictions"]:
        return None
    return Fault(
        "predictions_off",
        "The project does not show predictions to annotators.",
        "Switch on 'Use predictions to prelabel tasks' in Settings > Annotation.",
    )


def unordered(project: Project) -> Iterator[Fault]:
    """The settings that keep the lowest score from coming first.

    In a project that no push made they are its owner's choice, and notices.
    """
    notice = not belongs_to_campaign(project)
    step = f"{LOWEST_FIRST[0].upper()}{LOWEST_FIRST[1:]}. The community edition changes the setting"
    request = f"by its API alone: PATCH /api/projects/{project['id']}"
    if project["sampling"] != UNCERTAINTY_SAMPLING:
        yield Fault(
            "sampling",
            f"The project's task sampling is {project['sampling']!r}: Label Studio does not go by "
            "score.",
            f'{step} {request} {{"sampling": "{UNCERTAINTY_SAMPLING}"}}',
            notice,
        )
    if project["maximum_annotations"] > 1:
        yield Fault(
            "several_annotations",
            f"The project asks for {project['maximum_annotations']} annotations per task: Label "
            "Studio first serves those that others have begun.",
            f'{step} {request} {{"maximum_annotations": 1}}',
            notice,
        )


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
    if version in stored or to_come:
        return None
    there = ", ".join(map(repr, stored)) or "none"
    message = (
        f"The project goes by model version {version or 'none'!r}, of which there is no "
        f"prediction; there are some of {there}. Label Studio serves tasks at random."
    )
    mend = connect_command(project["id"], backend["url"]) if backend else predict_command(project)
    if belongs_to_campaign(project):
        mend = "ls-clip push"
    return Fault(NO_SCORES, message, f"Choose another one in Settings > Annotation, or run: {mend}")


def missing_scores(project: Project, stored: Mapping[str, int], unscored: int) -> Fault | None:
    """Whether some tasks have no score of the version that the project goes by.

    Where they had one of another version of ours, a model change has taken it away; else they are
    tasks that nobody has predicted yet.

    Args:
        stored: Model versions of the project's predictions → how many there are of each.
        unscored: Number of tasks without a prediction of the project's version.
    """
    version = str(project["model_version"] or "")
    if not (unscored and stored and version.startswith(OUR_VERSIONS)):
        return None
    verb = "has" if unscored == 1 else "have"
    earlier = any(name != version and name.startswith(OUR_VERSIONS) for name in stored)
    return Fault(
        "missing_scores",
        f"{unscored:,} of {project['task_number']:,} tasks {verb} no prediction of this version, "
        f"{version!r}: Label Studio shows no score of them, and orders by none.",
        f"{predict_command(project)} gives each of them one, or says why it cannot.",
        is_notice=version in stored and not earlier,
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


def not_first(project: Project, backends: Sequence[MlBackend], backend: MlBackend) -> Fault | None:
    """Whether Label Studio asks another ML backend: the first one of a project, and no other."""
    first = min(backends, key=lambda each: each["id"], default=backend)
    if first["id"] == backend["id"]:
        return None
    return Fault(
        NOT_FIRST,
        f"Label Studio asks only the ML backend that a project had first, {first['title']!r} at "
        f"{first['url']}: this one at {backend['url']} gets no request, and there are no live "
        "predictions of it.",
        f"Predict in bulk: {predict_command(project)}{_then_choose(project, backend)} For live "
        f"predictions, delete {first['title']!r} in Settings > Model.",
        is_notice=True,
    )


def not_asked(project: Project, backend: MlBackend) -> Fault | None:
    """Whether the backend is not asked for predictions, since the project goes by others."""
    version = project["model_version"]
    if not version or version == backend["title"]:
        return None
    return Fault(
        NOT_CHOSEN,
        f"The project shows predictions of {version!r}; the ML backend answers as "
        f"{backend['title']!r} and is not asked: there are no live predictions.",
        f"To change over, run: {predict_command(project)}{_then_choose(project, backend)}",
        is_notice=True,
    )


def _then_choose(project: Project, backend: MlBackend) -> str:
    """What is left to do where no command of ours takes another model's version away."""
    version = str(project["model_version"])
    if belongs_to_campaign(project) or version.startswith(OUR_VERSIONS):
        return "."
    return f", then choose {backend['title']} in the project's Settings > Annotation."


def hidden_control(label_config: str) -> list[Fault]:
    """Whether Label Studio hides the control that CLIP fills until people have done something.

    Nothing is found where CLIP cannot fill any.
    """
    try:
        target = read_label_config(label_config)
    except LabelConfigError:
        return []
    condition = _visible_when(parse_label_config(label_config), target.from_name)
    if condition is None or (target.per_region and condition == "region-selected"):
        return []
    return [
        Fault(
            "control_hidden",
            f"{target.from_name!r}, which CLIP fills, stays hidden until a condition holds "
            f"(visibleWhen={condition!r} in the labeling config): before, nobody sees its "
            "prediction.",
            "To show it at once, take visibleWhen away from that control and from what is around "
            "it.",
            is_notice=True,
        )
    ]


def _visible_when(element: Element, name: str) -> str | None:
    """The condition under which a control is shown, its own or of what it stands in."""
    if element.get("name") == name:
        return element.get("visibleWhen")
    inside = [child for child in element if any(e.get("name") == name for e in child.iter())]
    if not inside:
        return None
    return element.get("visibleWhen") or _visible_when(inside[0], name)


def connect_command(project_id: int, backend_url: str) -> str:
    """The command that registers the backend, or mends its registration."""
    return f"ls-clip connect --project {project_id} --url {backend_url}"


def predict_command(project: Project) -> str:
    """The command that gives all tasks predictions of the current version."""
    if belongs_to_campaign(project):
        return "ls-clip run"
    return f"ls-clip prelabel --project {project['id']}"
