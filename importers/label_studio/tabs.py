"""The tabs of the Data Manager in which people work, and how many tasks each of them shows.

They are the queue itself, the audit, a sheet of pictures per label, and one of those that CLIP is
sure of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from importers.config.campaign import Campaign
from importers.label_studio.queries import UNLABELLED, ProjectTasks, all_of, condition
from importers.label_studio.queue import promised_field
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import Condition, Tab, View

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


@dataclass(frozen=True)
class TabCount:
    """How many tasks a tab shows.

    Attributes:
        title: Title of the tab.
        shown: Number of tasks that people see in it.
        new: Number of tasks that were just pushed and belong into it.
        lost: Number of those that its filter does not find, answered or not; 0 where Label Studio's
            filters work.
    """

    title: str
    shown: int
    new: int
    lost: int

    @property
    def is_sheet(self) -> bool:
        """Whether it is one of those of pictures, one for each label."""
        return self.title.startswith(SHEET_TAB.format(label=""))


def ensure_tabs(ls: LabelStudio, project_id: int, campaign: Campaign) -> list[str]:
    """Add the tabs that are missing; returns their titles. Those that exist stay as they are."""
    existing = _views(ls, project_id)
    missing = [tab for tab in _tabs(campaign) if tab["title"] not in existing]
    for tab in missing:
        ls.request(
            "POST",
            "/api/dm/views",
            what=f"add the tab {tab['title']!r}",
            json={"project": project_id, "data": tab},
        )
    return [tab["title"] for tab in missing]


def count_tabs(
    ls: LabelStudio, project_id: int, campaign: Campaign, pushed: Collection[Mapping[str, Any]]
) -> tuple[TabCount, ...]:
    """What the campaign's tabs show; a tab that loses tasks is one of a Label Studio too old.

    Args:
        pushed: Data of the tasks that were just pushed.
    """
    tasks, views = ProjectTasks(ls, project_id), _views(ls, project_id)
    counted = []
    for tab in _tabs(campaign):
        asked = [item for item in tab["filters"]["items"] if item != UNLABELLED]
        new = sum(all(_meets(data, item) for item in asked) for data in pushed)
        lost = max(0, new - tasks.count(*asked)) if new and asked else 0
        shown = tasks.count(view=views[tab["title"]])
        counted.append(TabCount(tab["title"], shown, new, lost))
    return tuple(counted)


def _views(ls: LabelStudio, project_id: int) -> dict[str | None, int]:
    """Title → number of each tab that the project has; of two alike the first."""
    views: list[View] = ls.json(
        "GET",
        "/api/dm/views",
        what=f"read the tabs of project {project_id}",
        params={"project": project_id, "page_size": _MOST_VIEWS},
    )
    return {view["data"].get("title"): view["id"] for view in reversed(views)}


def _meets(data: Mapping[str, Any], item: Condition) -> bool:
    """Whether Label Studio should find a task of these data by a condition of ours."""
    value = data[item["filter"].removeprefix("filter:tasks:data.")]
    if item["operator"] == "contains":
        return str(item["value"]) in str(value).lower()
    return bool(value == item["value"])


def _tabs(campaign: Campaign) -> list[Tab]:
    lowest_first = [f"tasks:{promised_field(campaign)}"]
    seen = ["id", "data.image", "data.prompt", "data.label", "data.clip_label", "data.why"]
    # On Postgres a JSON true equals no string, but reads as one.
    audited = condition("data.audit", "contains", "String", "true")
    # Keys are hashes: in their order an audit that stops half-way is still a random sample.
    at_random = ["tasks:data.sample"]
    return [
        _tab(REVIEW_TAB, [*seen, promised_field(campaign)], lowest_first, UNLABELLED),
        _tab(AUDIT_TAB, seen, at_random, UNLABELLED, audited),
        *_confident(campaign, lowest_first),
        *(_sheet(label, lowest_first) for label in campaign.labels),
    ]


def _confident(campaign: Campaign, ordering: list[str]) -> list[Tab]:
    if campaign.selection.accept_above is None:
        return []
    confident = condition("data.confident", "contains", "String", "true")
    shown = ["data.image", "data.label", "data.why"]
    return [_grid(_tab(CONFIDENT_TAB, shown, ordering, UNLABELLED, confident))]


def _sheet(label: str, ordering: list[str]) -> Tab:
    of_label = condition("data.label", "equal", "String", label)
    title = SHEET_TAB.format(label=label)
    return _grid(_tab(title, ["data.image", "data.why"], ordering, UNLABELLED, of_label))


def _grid(tab: Tab) -> Tab:
    return {**tab, "type": "grid", "gridWidth": _SHEET_COLUMNS}


def _tab(title: str, shown: list[str], ordering: list[str], *conditions: Condition) -> Tab:
    hidden = [f"tasks:{column}" for column in _COLUMNS if column not in shown]
    return {
        "title": title,
        "type": "list",
        "target": "tasks",
        "filters": all_of(*conditions),
        "ordering": ordering,
        "hiddenColumns": {"explore": hidden, "labeling": hidden},
        "columnsWidth": _WIDTHS,
        # Without it Postgres sorts scores as text: 1e-05 after 0.9.
        "columnsDisplayType": {
            f"tasks:data.{name}": "Number"
            for name in ("clip_score", "clip_similarity", "audit_probability")
        },
    }
