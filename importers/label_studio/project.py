"""The Label Studio project of a campaign: found again or created, once.

Owns the marker in the project's description. It names the campaign, so that a process killed
between asking for the project and noting its number finds that project on its next run, even when
Label Studio creates it only after that process has died.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from importers.config.campaign import Campaign
from importers.config.review_config import has_none_or_unusable, review_config
from importers.label_studio.imports import LedgerNote, NotedImports
from importers.ledger import Ledger
from importers.ledger.notes import Note
from ls_backend.errors import LabelConfigError, LabelStudioError
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import Project
from ls_backend.labels.config import read_label_config
from ls_backend.labels.target import LabelTarget

UNCERTAINTY_SAMPLING = "Uncertainty sampling"
_MARKER = "ls-clip campaign"
_SETTINGS = (
    "id,title,description,created_at,label_config,model_version,sampling,maximum_annotations,"
    "show_collab_predictions,evaluate_predictions_automatically,task_number"
)
"""What is read of a project: to count what else it has takes Label Studio twice as long."""
_PAGE = 100


def ensure_project(ls: LabelStudio, campaign: Campaign, ledger: Ledger, model_version: str) -> int:
    """Find the campaign's project, or create it; returns its number.

    The labeling config follows the campaign's labels; what people changed besides stays.

    Raises:
        LabelStudioError: Label Studio refuses, or the noted project is gone or is another one.
    """
    noted = project_of(ledger)
    project = (
        _noted_project(ls, noted, ledger)
        if noted is not None
        else _found_or_created(ls, campaign, ledger, model_version)
    )
    project_id = project["id"]
    ledger.set_note(Note.PROJECT, str(project_id))
    _follow_labels(ls, campaign, project)
    return project_id


def project_of(ledger: Ledger) -> int | None:
    """Number of the campaign's project, if one is noted."""
    noted = ledger.note(Note.PROJECT)
    return None if noted is None else int(noted)


def campaign_project(ls: LabelStudio, ledger: Ledger) -> Project:
    """The settings of the project to which the campaign was pushed.

    Raises:
        LabelStudioError: nothing was pushed yet, or the project is gone or is another one.
    """
    noted = project_of(ledger)
    if noted is None:
        raise LabelStudioError(
            "The campaign has no project in Label Studio yet.",
            hint="Push it first: ls-clip push",
            code="label_studio_no_project",
        )
    return _noted_project(ls, noted, ledger)


def project_url(ls: LabelStudio, project_id: int) -> str:
    """Where people open the project in a browser."""
    return f"{ls.url}/projects/{project_id}/data"


def read_project(ls: LabelStudio, project_id: int) -> Project:
    """The project's settings as Label Studio gives them: those in `_SETTINGS`, or all."""
    project: Project = ls.json(
        "GET",
        f"/api/projects/{project_id}",
        what=f"read project {project_id}",
        params={"include": _SETTINGS},
    )
    return project


def all_projects(ls: LabelStudio, fields: str = "id") -> Iterator[Project]:
    """All projects that are shown to us, the newest first.

    Args:
        fields: Names of the settings that are read of each.
    """
    page = 1
    while True:
        answer = ls.json(
            "GET",
            "/api/projects",
            what="look through the projects",
            params={"page": page, "page_size": _PAGE, "include": fields, "ordering": "-id"},
        )
        yield from answer["results"]
        if not answer["next"]:
            return
        page += 1


def belongs_to_campaign(project: Project) -> bool:
    """A push made this project, and decides which version's scores order its queue."""
    return _MARKER in (project["description"] or "")


def stored_versions(ls: LabelStudio, project_id: int) -> dict[str, int]:
    """Model versions of the project's predictions → how many there are of each."""
    counts: dict[str, int] = ls.json(
        "GET",
        f"/api/projects/{project_id}/model-versions",
        what=f"read the model versions of project {project_id}",
    )
    # It also lists the project's own version, with 0, when there is nothing of it.
    return {version: count for version, count in counts.items() if count}


def use_model_version(ls: LabelStudio, project_id: int, model_version: str) -> None:
    """Order the queue by this version's predictions.

    Label Studio takes only versions of which it has predictions, or which a connected backend has.
    """
    if read_project(ls, project_id)["model_version"] != model_version:
        _update(ls, project_id, model_version=model_version)


def _marker(ledger: Ledger) -> str:
    return f"{_MARKER} {ledger.campaign_id}"


def _noted_project(ls: LabelStudio, project_id: int, ledger: Ledger) -> Project:
    try:
        project = read_project(ls, project_id)
    except LabelStudioError as error:
        if error.code != "label_studio_not_found":
            raise
        raise LabelStudioError(
            f"The campaign's project {project_id} is not at {ls.url} any more.",
            hint="If LABEL_STUDIO_URL names another server than before, set it back. If somebody "
            "deleted the project, restore Label Studio's database from a backup.",
            code="label_studio_project_gone",
        ) from None
    if _marker(ledger) not in (project["description"] or ""):
        raise LabelStudioError(
            f"Project {project_id} at {ls.url} is not this campaign's: its description does not "
            f"say {_marker(ledger)!r}.",
            hint="If LABEL_STUDIO_URL names another server than before, set it back. If somebody "
            "rewrote the description, put that line back.",
            code="label_studio_other_project",
        )
    return project


def _found_or_created(
    ls: LabelStudio, campaign: Campaign, ledger: Ledger, model_version: str
) -> Project:
    creations = NotedImports[str](
        LedgerNote(ledger, Note.PROJECT_CREATION), lambda _: _find(ls, ledger) is not None
    )
    creations.wait()
    found = _find(ls, ledger)
    if found is not None:
        return found
    with creations.noted(ledger.campaign_id):
        return _create(ls, campaign, ledger, model_version)


def _find(ls: LabelStudio, ledger: Ledger) -> Project | None:
    for project in all_projects(ls, "id,description"):
        if _marker(ledger) in (project["description"] or ""):
            return read_project(ls, project["id"])
    return None


def _create(ls: LabelStudio, campaign: Campaign, ledger: Ledger, model_version: str) -> Project:
    project: Project = ls.json(
        "POST",
        "/api/projects",
        what=f"create the project {campaign.project_title!r}",
        json={
            "title": campaign.project_title,
            "description": f"Lowest CLIP score first. {_marker(ledger)}",
            "label_config": review_config(campaign),
            "sampling": UNCERTAINTY_SAMPLING,
            "show_collab_predictions": True,
            "maximum_annotations": 1,
            "skip_queue": "REQUEUE_FOR_ME",
            "model_version": model_version,
        },
    )
    return project


def _follow_labels(ls: LabelStudio, campaign: Campaign, project: Project) -> None:
    keep = has_none_or_unusable(project["label_config"])
    wanted = review_config(campaign, keep_none_or_unusable=keep)
    if _target(project["label_config"]) != _target(wanted):
        _update(ls, project["id"], label_config=wanted)


def _target(label_config: str) -> LabelTarget | None:
    try:
        return read_label_config(label_config)
    except LabelConfigError:
        return None


def _update(ls: LabelStudio, project_id: int, **settings: Any) -> None:
    ls.request(
        "PATCH",
        f"/api/projects/{project_id}",
        what=f"set {' and '.join(settings)} of project {project_id}",
        json=settings,
    )
