"""Whether the scores and the selection in the ledger are those that campaign.toml asks for.

A push must not mix scores of different labels, nor push what was never selected: a process may have
died between two stages, or campaign.toml may have changed since.
"""

from __future__ import annotations

import hashlib
import json

from importers.config.campaign import Campaign
from importers.ledger import Ledger
from ls_backend.errors import ConfigError

MODEL_VERSION_NOTE = "model_version"
_SCORED_AS_NOTE = "scored_as"
_SELECTED_AS_NOTE = "selected_as"
_SCORE_FIRST = "Run `ls-clip score` first, or `ls-clip run` for all of it."


def note_scored(campaign: Campaign, ledger: Ledger, model_version: str) -> None:
    """Say with what scores are made from now on."""
    ledger.set_note(MODEL_VERSION_NOTE, model_version)
    ledger.set_note(_SCORED_AS_NOTE, _scored_as(campaign))


def note_unselected(ledger: Ledger) -> None:
    """Say that there are new scores, so that samples are to be selected anew."""
    ledger.set_note(_SELECTED_AS_NOTE, "")


def note_selected(campaign: Campaign, ledger: Ledger, model_version: str) -> None:
    """Say that samples are selected."""
    ledger.set_note(_SELECTED_AS_NOTE, _selected_as(campaign, model_version))


def scored_version(campaign: Campaign, ledger: Ledger) -> str:
    """The model version of the scores.

    Raises:
        ConfigError: nothing is scored yet, or not as campaign.toml now says.
    """
    version = ledger.note(MODEL_VERSION_NOTE)
    if version is None:
        raise ConfigError(f"Nothing of {campaign.name!r} is scored yet.", hint=_SCORE_FIRST)
    if ledger.note(_SCORED_AS_NOTE) != _scored_as(campaign):
        raise ConfigError(
            f"The labels or the scoring of {campaign.name!r} have changed since it was scored.",
            hint=_SCORE_FIRST,
        )
    return version


def selected_version(campaign: Campaign, ledger: Ledger) -> str:
    """The model version of the scores that samples were selected by.

    Raises:
        ConfigError: they are not scored or selected, or not as campaign.toml now says.
    """
    version = scored_version(campaign, ledger)
    if ledger.note(_SELECTED_AS_NOTE) != _selected_as(campaign, version):
        raise ConfigError(
            f"Scoring of {campaign.name!r} did not end, or [selection] has changed since.",
            hint=_SCORE_FIRST,
        )
    return version


def _scored_as(campaign: Campaign) -> str:
    from importers.config.review_config import review_config

    return _in_one_word([campaign.score.model, review_config(campaign)])


def _selected_as(campaign: Campaign, version: str) -> str:
    settings = campaign.selection
    return _in_one_word([version, settings.keep_best, settings.near_duplicates, settings.unusable])


def _in_one_word(decides: list[object]) -> str:
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()
