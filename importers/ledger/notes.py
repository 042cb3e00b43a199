"""What a ledger notes as single values: each name, once, with what stands under it."""

from __future__ import annotations

from enum import StrEnum


class Note(StrEnum):
    """The name of a single value that belongs to the campaign or job, always text."""

    CAMPAIGN_ID = "campaign_id"
    """Random name of the campaign, made with the ledger."""

    # -- generation --
    TERMS = "terms_notice"
    """Day on which the notice about the provider's terms was shown; of a model, the terms that its
    images came with."""

    # -- scoring --
    MODEL_VERSION = "model_version"
    """Model version of the scores."""
    SCORED_AS = "scored_as"
    """Digest of the settings that decide the scores."""
    SELECTED_AS = "selected_as"
    """Digest of model version and settings of the last selection; "" since there are new scores."""

    # -- Label Studio --
    PROJECT = "project_id"
    """Number of the project that the campaign is pushed to."""
    PROJECT_URL = "project_url"
    """Address of that project, for people."""
    PROJECT_CREATION = "project_under_way"
    """Creation of the project that has begun and may be under way."""
    TASKS_IMPORT = "import_under_way"
    """Import of tasks that has begun and may be under way."""
    PREDICTIONS_IMPORT = "predictions_under_way"
    """Import of predictions that has begun and may be under way."""
    PROJECT_MADE = "project_made"
    """Number of a project of somebody else, and when it was made: another server has another."""

    # -- reviews --
    READ_UNTIL = "reviews_cursor"
    """Time of the newest change in the project when the last read began."""
    READ_WITH = "reviews_rules"
    """Digest of all that judgement depends on beside the task itself."""
    READ_UNFINISHED = "reviews_unfinished"
    """How far a read of all tasks has come, as JSON; {} after its end."""
    SWEPT_AT = "reviews_swept_at"
    """Time at which deleted tasks were last looked for, in UTC."""
    OTHER_TASKS = "reviews_others"
    """By how many tasks the project had more than are known, after that."""

    # -- training storage --
    LABELS = "labels"
    """Labels of the labeling config at the last sync, as JSON."""
    CLASS_MAP = "class map"
    """What people decided of labels that left the config, as JSON: old label → new one or null."""
    CLASSES = "classes"
    """Class list of the last release, as JSON."""
    RELEASE = "release"
    """Name of the release that the ledger's records are those of."""
    DESCRIBED_WITH = "described_with"
    """Digest of what decides how the same reviews become records."""
    RELEASED_WITH = "released_with"
    """Digest of what decides how the same records are released."""
