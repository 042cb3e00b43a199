"""What Label Studio's API answers with, as far as it is used.

Where a key is missing depends on what was asked for: see `importers.label_studio.queries`.
"""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

ResultItem = dict[str, Any]
"""One item of a result: which keys its `value` has depends on the control."""


class NewPrediction(TypedDict):
    """A prediction as it is sent: the ML backend's answer for a task, or an import's."""

    model_version: str
    score: float
    result: list[ResultItem]


class TaskPrediction(NewPrediction):
    """A prediction that is imported for a task that is there."""

    task: int


class Prediction(TypedDict):
    """A prediction as it is stored."""

    id: int
    created_at: str
    model_version: str | None
    score: float | None
    result: list[ResultItem] | None


class Annotation(TypedDict):
    """What one person answered."""

    id: int
    created_at: str
    updated_at: str
    completed_by: int | None
    was_cancelled: bool
    result: list[ResultItem] | None
    updated_by: NotRequired[int | None]
    ground_truth: NotRequired[bool]
    lead_time: NotRequired[float | None]
    parent_prediction: NotRequired[int | None]


class UpdatedBy(TypedDict):
    """Who changed a task."""

    user_id: int


class Task(TypedDict):
    """A task of the Data Manager's list.

    The scores and versions of its predictions are there where they are asked for by name.
    """

    id: int
    data: dict[str, Any]
    created_at: str
    updated_at: str
    annotations: list[Annotation]
    predictions: list[Prediction]
    updated_by: NotRequired[list[UpdatedBy]]
    predictions_score: NotRequired[float | None]
    predictions_model_versions: NotRequired[str | None]


class TaskPage(TypedDict):
    """Some tasks, and how many there are in all that were asked for."""

    tasks: list[Task]
    total: int


class NewTask(TypedDict):
    """A task as it is imported."""

    data: dict[str, Any]
    predictions: list[NewPrediction]


class Project(TypedDict):
    """A project's settings."""

    id: int
    title: str
    description: str | None
    created_at: str
    label_config: str
    model_version: str | None
    sampling: str
    maximum_annotations: int
    show_collab_predictions: bool
    evaluate_predictions_automatically: NotRequired[bool]
    task_number: int


class MlBackend(TypedDict):
    """An ML backend that is registered with a project."""

    id: int
    url: str
    title: str | None
    model_version: str | None
    readable_state: str
    error_message: str | None
    auth_method: str
    basic_auth_user: str | None


class Webhook(TypedDict):
    """Where Label Studio sends events to."""

    id: int
    url: str
    headers: dict[str, str] | None
    actions: list[str]
    is_active: bool
    send_payload: bool
    send_for_all_actions: bool


class Condition(TypedDict):
    """One condition of a Data Manager query."""

    filter: str
    operator: str
    type: str
    value: Any


class Filters(TypedDict):
    """Conditions, and whether all ("and") or any ("or") of them must be met."""

    conjunction: str
    items: list[Condition]


class Tab(TypedDict, total=False):
    """What a tab of the Data Manager shows."""

    title: str
    type: str
    target: str
    filters: Filters
    ordering: list[str]
    hiddenColumns: dict[str, list[str]]
    columnsWidth: dict[str, int]
    columnsDisplayType: dict[str, str]
    gridWidth: int


class View(TypedDict):
    """A tab of the Data Manager."""

    id: int
    data: Tab
