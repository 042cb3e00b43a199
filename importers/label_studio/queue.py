"""The tabs of the Data Manager in which people work.

The queue, the audit, a sheet of pictures per label, and one of those that CLIP is sure of.
"""

from __future__ import annotations

from typing import Any

from importers.config.campaign import Campaign
from importers.label_studio.order import promised_field
from importers.label_studio.queries import all_of, item
from ls_backend.label_studio import LabelStudio

REVIEW_TAB = "Review: lowest CLIP first"
AUDIT_TAB = "Audit: random sample"
SHEET_TAB = "Sheet: {label}"
CONFIDENT_TAB = "Confident: CLIP is sure of the label"
_SHEET_COLUMNS = 5
_MOST_VIEWS = 1000
_DATA = (
    "image",
    "prompt",
    "label",
    "clip_score",
    "clip_label",
    "clip_similarity",
    "why",
    "confident",
    "audit",
    "audit_probability",
    "sample",
    "technique",
    "parents",
)
_BUILT_IN = (
    "id",
    "inner_id",
    "completed_at",
    "total_annotations",
    "cancelled_annotations",
    "total_predictions",
    "annotators",
    "annotations_results",
    "annotations_ids",
    "predictions_score",
    "predictions_model_versions",
    "predictions_results",
    "file_upload",
    "storage_filename",
    "created_at",
    "updated_at",
    "updated_by",
    "avg_lead_time",
    "draft_exists",
)
_WIDTHS = {"tasks:data.prompt": 300, "tasks:data.why": 290}  # pixels; two lines at most
_COLUMNS = (*_BUILT_IN, *(f"data.{name}" for name in _DATA))
_UNLABELLED = item("total_annotations", "equal", "Number", 0)


def ensure_tabs(ls: LabelStudio, project_id: int, campaign: Campaign) -> list[str]:
    """Add the tabs that are missing; returns their titles. Those that exist stay as they are."""
    views = ls.json(
        "GET",
        "/api/dm/views",
        what=f"read the tabs of project {project_id}",
        params={"project": project_id, "page_size": _MOST_VIEWS},
    )
    existing = {view["data"].get("title") for view in views}
    missing = [tab for tab in _tabs(campaign) if tab["title"] not in existing]
    for tab in missing:
        ls.request(
            "POST",
            "/api/dm/views",
            what=f"add the tab {tab['title']!r}",
            json={"project": project_id, "data": tab},
        )
    return [tab["title"] for tab in missing]


def _tabs(campaign: Campaign) -> list[dict[str, Any]]:
    lowest_first = [f"tasks:{promised_field(campaign)}"]
    seen = ["id", "data.image", "data.prompt", "data.label", "data.clip_label", "data.why"]
    # On Postgres a JSON true equals no string, but reads as one.
    audited = item("data.audit", "contains", "String", "true")
    # Keys are hashes: in their order an audit that stops half-way is still a random sample.
    at_random = ["tasks:data.sample"]
    return [
        _tab(REVIEW_TAB, [*seen, promised_field(campaign)], lowest_first, _UNLABELLED),
        _tab(AUDIT_TAB, seen, at_random, _UNLABELLED, audited),
        *_confident(campaign, lowest_first),
        *(_sheet(label, lowest_first) for label in campaign.labels),
    ]


def _confident(campaign: Campaign, ordering: list[str]) -> list[dict[str, Any]]:
    if campaign.selection.accept_above is None:
        return []
    confident = item("data.confident", "contains", "String", "true")
    shown = ["data.image", "data.label", "data.why"]
    return [_grid(_tab(CONFIDENT_TAB, shown, ordering, _UNLABELLED, confident))]


def _sheet(label: str, ordering: list[str]) -> dict[str, Any]:
    of_label = item("data.label", "equal", "String", label)
    title = SHEET_TAB.format(label=label)
    return _grid(_tab(title, ["data.image", "data.why"], ordering, _UNLABELLED, of_label))


def _grid(tab: dict[str, Any]) -> dict[str, Any]:
    return {**tab, "type": "grid", "gridWidth": _SHEET_COLUMNS}


def _tab(
    title: str, shown: list[str], ordering: list[str], *conditions: dict[str, Any]
) -> dict[str, Any]:
    hidden = [f"tasks:{column}" for column in _COLUMNS if column not in shown]
    return {
        "title": title,
        "type": "list",
        "target": "tasks",
        **all_of(*conditions),
        "ordering": ordering,
        "hiddenColumns": {"explore": hidden, "labeling": hidden},
        "columnsWidth": _WIDTHS,
        # Without it Postgres sorts scores as text: 1e-05 after 0.9.
        "columnsDisplayType": {
            f"tasks:data.{name}": "Number"
            for name in ("clip_score", "clip_similarity", "audit_probability")
        },
    }
