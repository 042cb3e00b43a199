"""The notice that a provider's terms may restrict what is trained on its images.

Shown once per campaign, before the first paid request; noted in the ledger, and from there in the
provenance of every sample.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from urllib.parse import urlsplit

from importers.config.sections import GeneratorSettings
from importers.ledger import Ledger
from importers.openai_api.connection import OPENAI_HOST

TERMS_NOTE = "terms_notice"
TERMS = "OpenAI Services Agreement of 2026-01-01, section 3.3(e)"
NOTICE = (
    f"The terms of OpenAI's models ({TERMS}) do not allow output to be used to develop models that "
    "compete with OpenAI. Excepted are models that mainly classify or organize data, as long as "
    "they are not distributed or sold to others. Azure has terms of its own; read those that you "
    "signed. For models that you publish or sell, images of a model with an open licence are the "
    "safer choice (FLUX.2-klein-4B, Z-Image-Turbo: Apache-2.0). As read on 2026-11-22; this is not "
    "legal advice, and is shown once per campaign."
)

log = logging.getLogger(__name__)


def terms_apply(settings: GeneratorSettings) -> bool:
    """Whether OpenAI, or Azure for it, draws the images."""
    host = urlsplit(settings.base_url or f"https://{OPENAI_HOST}").hostname or ""
    hosted = host == OPENAI_HOST or host.endswith((f".{OPENAI_HOST}", ".azure.com"))
    return settings.kind == "azure" or (settings.kind == "openai" and hosted)


def show_terms_once(settings: GeneratorSettings, ledger: Ledger) -> None:
    """Show the notice where it applies and was not shown before, and note that in the ledger.

    The note is made for each model, since a campaign may change from one provider to another.
    """
    if not terms_apply(settings):
        return
    if ledger.note(TERMS_NOTE) is None:
        log.warning("%s", NOTICE)
        ledger.set_note(TERMS_NOTE, datetime.now(timezone.utc).date().isoformat())
    ledger.set_note(f"{TERMS_NOTE}:{settings.model}", TERMS)


def noted_terms(ledger: Ledger, model: str) -> str | None:
    """The terms that a model's images of this campaign came with; None where none are noted."""
    return ledger.note(f"{TERMS_NOTE}:{model}")
