"""The writing stage: a language model writes what the campaign wants and does not have yet.

Owns how often is asked, which texts count, and what is recorded. For each label, each kind of text
is asked for until there are `writing.count` that can be used, four times at most over all runs; a
larger `count` allows four more. Nothing is asked for that is there.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from importers.config.campaign import Campaign
from importers.config.sections import template_slots
from importers.ledger import Ledger
from importers.ledger.inputs import WrittenText
from importers.ledger.requests import outcome_of
from importers.progress import Progress, silent
from importers.prompts.mention import ADVERSARIAL
from importers.prompts.sampling import WHOLE, refused_texts, takes_whole
from importers.prompts.templates import templates_of
from importers.prompts.writer import text_request
from importers.review import APPROVED
from importers.sample import Prompt
from ls_backend.errors import ConfigError, GeneratorError, PromptRefused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from importers.prompts.writer import Reply, Writer

    Encode = Callable[[Sequence[str]], NDArray[np.float32]]
    "Texts → unit vectors, shape (n, d)."

MOST_REQUESTS = 4
"""For one kind of text of one label: once, and three times for the shortfall."""
MOST_SHORTFALLS_NAMED = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextQuota:
    """Texts of one kind for one label.

    Attributes:
        kind: "prompt", or the name of a factor.
        count: Number of usable texts that are wanted.
    """

    label: str
    kind: str
    count: int

    @property
    def name(self) -> str:
        """How the ledger names a request for it."""
        return f"{self.count} {self.kind} for {self.label}"


def text_quotas(campaign: Campaign) -> list[TextQuota]:
    """What the campaign's writer is to write; nothing where there is none.

    Raises:
        ConfigError: no technique or template would use what is written.
    """
    settings = campaign.prompts
    if settings.writer is None or not campaign.prompt_techniques:
        return []
    kinds = settings.writing.writes
    if kinds == ["prompts"]:
        kinds = [WHOLE]
        _check_somebody_takes_whole(campaign)
    else:
        _check_templates_use(campaign, kinds)
    count = settings.writing.count
    return [TextQuota(label, kind, count) for label in campaign.labels for kind in kinds]


def usable(campaign: Campaign, written: Sequence[WrittenText], quota: TextQuota) -> int:
    """Number of written texts of a kind that can be used."""
    mine = [text for text in written if (text.label, text.kind) == (quota.label, quota.kind)]
    refused = {text.text for text in refused_texts(campaign, mine)}
    return sum(text.text not in refused for text in mine)


def normalised(text: str) -> str:
    """The text without case, punctuation and surplus space: exact duplicates have it in common."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c if c.isalnum() else " " for c in plain)
    return " ".join(kept.split())


def without_duplicates(
    texts: Sequence[str], known: Sequence[str], encode: Encode | None, near: float
) -> list[str]:
    """The texts that say something that neither the known ones nor an earlier one says.

    Args:
        encode: The text tower; None compares exactly alone.
        near: Cosine from which two texts say the same, in (0, 1]; 1 compares exactly alone.
    """
    seen = {normalised(text) for text in known}
    fresh: list[str] = []
    for text in (" ".join(text.split()) for text in texts):
        if normalised(text) and normalised(text) not in seen:
            seen.add(normalised(text))
            fresh.append(text)
    if encode is None or near >= 1 or not fresh:
        return fresh
    return _without_near(fresh, known, encode, near)


@dataclass(frozen=True)
class Shortfall:
    """Texts that did not come, however often they were asked for."""

    label: str
    kind: str
    count: int
    usable: int


@dataclass
class WriteReport:
    """What stands after writing.

    Attributes:
        writer: Name of the writer, "openai:MODEL" or "compatible:MODEL"; None without one.
        requests: Number of requests answered in this run.
        written: Number of texts that this run added.
        duplicates: Number of texts not kept, since they said what was there already.
        refused: Number of prompts that never mention their label: kept, and not drawn.
        short: Shortfalls of texts, one for each kind and label.
        cost_usd: Sum of the known costs of this run in US dollars.
        unpriced: Number of requests of this run whose cost is not known.
    """

    writer: str | None
    requests: int = 0
    written: int = 0
    duplicates: int = 0
    refused: int = 0
    short: list[Shortfall] = field(default_factory=list)
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0


def to_write(campaign: Campaign, ledger: Ledger) -> list[TextQuota]:
    """What is missing and may still be asked for.

    Raises:
        ConfigError: no technique would draw what is written.
    """
    written, asked = ledger.writings.texts(), ledger.writings.asked()
    return [
        quota
        for quota in text_quotas(campaign)
        if usable(campaign, written, quota) < quota.count and asked[quota.name] < MOST_REQUESTS
    ]


def write(
    campaign: Campaign,
    ledger: Ledger,
    encode: Encode | None = None,
    progress: Progress = silent,
) -> WriteReport:
    """Have written what is missing.

    Args:
        encode: The text tower by which near duplicates are found; None finds exact ones alone.

    Raises:
        ConfigError: the writer has no address or no key, or would write what nobody draws.
        GeneratorError: every further request would meet it; what was written is recorded.
    """
    report = WriteReport(campaign.prompts.writer)
    missing = to_write(campaign, ledger)
    if missing:
        from importers.prompts.writer import Writer

        with closing(Writer(campaign.prompts)) as writer:
            run = _WritingRun(campaign, ledger, writer, encode, report, _approved(ledger))
            progress(0, len(missing))
            for done, quota in enumerate(missing, start=1):
                run.write(quota)
                progress(done, len(missing))
    written = ledger.writings.texts()
    for quota in text_quotas(campaign):
        came = usable(campaign, written, quota)
        if came < quota.count:
            report.short.append(Shortfall(quota.label, quota.kind, quota.count, came))
    return report


def summary_lines(report: WriteReport) -> list[str]:
    """What a run should say of its writing: nothing where there was none to do."""
    lines = []
    if report.requests:
        lines.append(
            f"{report.writer} wrote {report.written} texts; {report.duplicates} said what was "
            f"there already, {report.refused} never mention their label."
        )
    for short in report.short[:MOST_SHORTFALLS_NAMED]:
        lines.append(
            f"Only {short.usable} of {short.count} came of {short.kind} for {short.label}: it goes "
            "on with these."
        )
    if len(report.short) > MOST_SHORTFALLS_NAMED:
        lines.append(f"So it is with {len(report.short) - MOST_SHORTFALLS_NAMED} more.")
    return lines


def _check_somebody_takes_whole(campaign: Campaign) -> None:
    if not any(takes_whole(technique) for technique in campaign.prompt_techniques):
        raise ConfigError(
            "Every technique has templates of its own: prompts that are written would not be used.",
            hint="Leave the templates of one technique out, or name factors in writing.writes.",
        )


def _check_templates_use(campaign: Campaign, kinds: Sequence[str]) -> None:
    techniques = campaign.prompt_techniques
    templates = [template for t in techniques for template in templates_of(campaign, t)]
    slots = {slot for template in templates for slot in template_slots(template)}
    for kind in kinds:
        if kind not in slots:
            raise ConfigError(
                f"No template has a slot {{{kind}}}: what is written for it would not be used.",
                hint='Put it into a template, or take it out of writing.writes; ["prompts"] is '
                "for whole prompts.",
            )


def _without_near(
    texts: Sequence[str], known: Sequence[str], encode: Encode, near: float
) -> list[str]:
    vectors = encode([*known, *texts])
    kept = list(range(len(known)))
    for index in range(len(known), len(vectors)):
        if not kept or float((vectors[kept] @ vectors[index]).max()) < near:
            kept.append(index)
    return [texts[index - len(known)] for index in kept[len(known) :]]


@dataclass
class _WritingRun:
    campaign: Campaign
    ledger: Ledger
    writer: Writer
    encode: Encode | None
    report: WriteReport
    approved: Sequence[Prompt]

    def write(self, quota: TextQuota) -> None:
        """Ask until there is enough, or it has been asked often enough."""
        asked = self.ledger.writings.asked()[quota.name]
        for _ in range(MOST_REQUESTS - asked):
            written = self.ledger.writings.texts()
            missing = quota.count - usable(self.campaign, written, quota)
            if missing <= 0 or not self._ask(quota, missing, written):
                return

    def _ask(self, quota: TextQuota, missing: int, written: Sequence[WrittenText]) -> bool:
        """Ask once, and record what came; False where the API will not have the request."""
        known = [t.text for t in written if (t.label, t.kind) == (quota.label, quota.kind)]
        known = [*self._own_values(quota), *known]
        examples = self._examples(quota)
        request = text_request(
            self.campaign, quota.label, quota.kind, missing, examples=examples, known=known
        )
        writing = self.ledger.writings.begin(quota.name, self.writer.name)
        try:
            reply = self.writer.ask(request)
        except GeneratorError as error:
            self.ledger.writings.ended(writing, outcome_of(error), error.message)
            if not isinstance(error, PromptRefused):
                raise
            log.warning("%s for %s: %s", quota.kind, quota.label, error.message)
            return False
        self._keep(writing, quota, reply, known)
        return True

    def _keep(self, writing: int, quota: TextQuota, reply: Reply, known: Sequence[str]) -> None:
        near = self.campaign.prompts.writing.similar_texts
        fresh = without_duplicates(reply.texts, known, self.encode, near)
        texts = [WrittenText(quota.label, quota.kind, text) for text in fresh]
        self.ledger.writings.written(
            writing,
            texts,
            request_id=reply.request_id,
            cost_usd=reply.cost_usd,
            usage=reply.usage,
        )
        if reply.trouble is not None:
            writer, trouble = self.writer.name, reply.trouble.rstrip(".")
            log.warning("%s: no %s for %s: %s.", writer, quota.kind, quota.label, trouble)
        self.report.requests += 1
        self.report.written += len(texts)
        self.report.duplicates += len(reply.texts) - len(texts)
        self.report.refused += len(refused_texts(self.campaign, texts))
        self.report.cost_usd += reply.cost_usd or 0
        self.report.unpriced += reply.cost_usd is None

    def _own_values(self, quota: TextQuota) -> list[str]:
        """The values of the factor that the campaign has of its own."""
        if quota.kind == WHOLE:
            return []
        factors = [t.factors for t in self.campaign.prompt_techniques]
        own = [self.campaign.prompts.factors, *factors]
        return [value for values in own for value in values.get(quota.kind, ())]

    def _examples(self, quota: TextQuota) -> list[str]:
        """The campaign's examples, and what people approved: of this label first."""
        ranked = sorted(self.approved, key=lambda prompt: prompt.label != quota.label)
        liked = (p.text if quota.kind == WHOLE else p.factors.get(quota.kind) for p in ranked)
        return [*self.campaign.prompts.writing.examples, *(text for text in liked if text)]


def _approved(ledger: Ledger) -> list[Prompt]:
    """The prompts whose images people approved, of those that show what they say."""
    return [
        sample.prompt
        for sample in ledger.samples()
        if sample.verdict == APPROVED
        and not sample.planned.parents
        and sample.prompt.technique != ADVERSARIAL
    ]
