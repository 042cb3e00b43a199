"""The tables of campaign.toml, one class each: their keys, their ranges, their defaults."""

from __future__ import annotations

import string
from collections.abc import Collection
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from importers.config.storage_sections import ApprovalSettings, Cosine, Section, Share

DEFAULT_CLIP_MODEL = "ViT-B-32/laion2b_s34b_b79k"
PROMPT_TECHNIQUES = ("vanilla", "environment", "style", "adversarial")
DERIVED_TECHNIQUES = ("variation", "fusion", "inpainting")

Words = Annotated[list[str], Field(min_length=1)]
Dollars = Annotated[Decimal, Field(gt=0)]


class WritingSettings(Section):
    """`[prompts.writing]`: what a language model writes for the campaign, and how it is asked.

    `writes` names factors of the templates (their values are written for each label), or is
    ["prompts"] for whole prompts. `count` is how many of each. `api_key_env` and `base_url` are as
    in `[generator]`.
    """

    writes: Words = ["prompts"]
    count: Annotated[int, Field(ge=1, le=1000)] = 12
    instructions: str = ""
    examples: list[str] = []
    near_duplicates: Cosine = 0.97
    base_url: str | None = None
    api_key_env: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=1800)] = 120.0
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 4

    @model_validator(mode="after")
    def _prompts_or_factors(self) -> Self:
        if "prompts" in self.writes and len(self.writes) > 1:
            raise ValueError('writes is ["prompts"] alone, or names of factors')
        return self


class PromptSettings(Section):
    """`[prompts]`: where prompts come from: templates and factors, a file, a language model.

    `file` is a CSV, JSONL or text file in the campaign's folder. `synonyms` are words that name a
    label as well as its own name does. `writer` is "openai:MODEL" (Responses API) or
    "compatible:MODEL" (chat completions of another server).
    """

    templates: list[str] = []
    factors: dict[str, Words] = {}
    file: str | None = None
    synonyms: dict[str, Words] = {}
    writer: str | None = None
    writing: WritingSettings = WritingSettings()

    @model_validator(mode="after")
    def _slots_are_known(self) -> Self:
        written = set(self.writing.writes) if self.writer else set[str]()
        check_templates(self.templates, self.factors.keys() | written)
        return self

    @property
    def whole(self) -> bool:
        """Whether whole prompts come from a file or a writer."""
        return bool(self.file or (self.writer and self.writing.writes == ["prompts"]))

    @model_validator(mode="after")
    def _writer_has_a_kind(self) -> Self:
        kind, _, model = (self.writer or "openai:x").partition(":")
        if kind not in {"openai", "compatible"} or not model:
            raise ValueError('writer is "openai:MODEL" or "compatible:MODEL"')
        return self


class PromptTechnique(Section):
    """A `[[technique]]` that is told in words: vanilla, environment, style or adversarial.

    `share` weighs it against the other ones. Left out, `templates` and `factors` are those of
    `[prompts]`. Adversarial templates have {label} and {other}: `others` are what can be
    taken for a label (left out: the other labels); the picture's label is `truth`, the `other` or
    `none` of the labels.
    """

    name: Literal["vanilla", "environment", "style", "adversarial"]
    share: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    templates: list[str] = []
    factors: dict[str, Words] = {}
    others: list[str] = []
    truth: Literal["other", "none"] = "other"

    @model_validator(mode="after")
    def _adversarial_has_another(self) -> Self:
        if self.name != "adversarial":
            if self.others or self.truth != "other":
                raise ValueError("others and truth belong to the adversarial technique")
        elif not all("other" in template_slots(template) for template in self.templates):
            raise ValueError("an adversarial template names {label} and {other}")
        return self


class DerivedTechnique(Section):
    """A `[[technique]]` that starts from pictures: variation, fusion or inpainting.

    `source` says which: "folder:PATH", "approved" (of this campaign) or "label-studio:PROJECT".
    `per_image` children each, or each pair; `share` caps them at that share of `samples`.
    Templates may use {label}, and for a fusion {first} and {second}, the labels of the two.
    `label` is that of the child: "parent" (a fusion: "first" or "second"), or one of the labels.
    `mask` says what is painted anew: "file" (PATH.mask.png beside PATH), "annotation" (what people
    drew), or "background" (everything but the annotated boxes, or but the middle).
    """

    name: Literal["variation", "fusion", "inpainting"]
    source: str
    per_image: Annotated[int, Field(ge=1, le=100)] = 1
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    templates: Words
    factors: dict[str, Words] = {}
    label: str = "parent"
    mask: Literal["file", "annotation", "background"] | None = None

    @model_validator(mode="after")
    def _source_is_known(self) -> Self:
        kind, _, rest = self.source.partition(":")
        if self.source != "approved" and not (
            (kind == "folder" and rest) or (kind == "label-studio" and rest.isdigit())
        ):
            raise ValueError('source is "folder:PATH", "approved" or "label-studio:PROJECT"')
        needed = {"file": "folder", "annotation": "label-studio"}.get(self.mask or "", kind)
        if kind != needed:
            raise ValueError(
                f'mask = "{self.mask}" needs a source "{needed}:…", not "{self.source}"; '
                'mask = "background" goes with every source'
            )
        return self

    @model_validator(mode="after")
    def _masks_are_for_inpainting(self) -> Self:
        if (self.name == "inpainting") != (self.mask is not None):
            raise ValueError("mask belongs to the inpainting technique, which needs one")
        known = self.factors.keys() | ({"first", "second"} if self.name == "fusion" else set())
        check_templates(self.templates, known, label_needed=False)
        return self


class GeneratorSettings(Section):
    """`[generator]`: who draws, and how hard it is asked.

    `kind` is openai, azure, compatible, diffusers, folder, or an installed plugin's name.
    `parameters` go into the request as they are (quality, background, …). `send_seed` is for
    servers that take a `seed`; left out, what is known of the model decides. `api_key_env` names
    the environment variable with the key; left out, it is OPENAI_API_KEY, which is sent to
    OpenAI alone (of azure AZURE_OPENAI_API_KEY). `path` is the folder generator's; `device` the
    local models'.
    `max_unanswered` is how often a request that may have been paid for is asked again.
    `variations` is where images to vary are sent: /images/edits, or /images/variations of servers
    that have it (Xinference). `mask` is the field in which a mask is sent: `mask`, where clear is
    painted anew, or `mask_image`, where white is (vLLM-Omni).
    """

    kind: str = "openai"
    model: str = ""
    base_url: str | None = None
    api_key_env: str | None = None
    api_version: str | None = None
    path: str | None = None
    device: str | None = None
    size: str = "1024x1024"
    quality: str | None = None
    parameters: dict[str, Any] = {}
    send_seed: bool | None = None
    variations: Literal["edits", "variations"] = "edits"
    mask: Literal["mask", "mask_image"] = "mask"
    batch: bool = False
    parallel: Annotated[int, Field(ge=1, le=64)] = 4
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 4
    max_unanswered: Annotated[int, Field(ge=0, le=20)] = 3
    timeout_s: Annotated[float, Field(gt=0, le=1800)] = 300.0

    @model_validator(mode="after")
    def _needs(self) -> Self:
        if self.kind == "folder" and not self.path:
            raise ValueError("the folder generator needs a path")
        if self.kind != "folder" and not self.model:
            raise ValueError("model is missing")
        return self


class BudgetSettings(Section):
    """`[budget]`: caps in US dollars; what a request may cost is reserved before it is sent.

    `unpriced`: "refuse" stops before requests whose price is not known, "allow" sends them.
    """

    per_run_usd: Dollars | None = None
    per_day_usd: Dollars | None = None
    per_label_usd: Dollars | None = None
    unpriced: Literal["refuse", "allow"] = "allow"


class SelectionSettings(Section):
    """`[selection]`: which of the drawn images people should see.

    Of `images_per_prompt` images the `keep_best` with the highest label_probability are kept, once
    all are there. Raised later, more are drawn to those there are; lowered, the best of what was
    drawn are kept. What is in Label Studio stays there, and counts among the best.
    From `accept_above` on a sample is marked confident; below `drop_below` it is kept out of the
    push where --drop says so. `near_duplicates` is the cosine from which two images of a label are
    taken for the same; 1 keeps all. `unusable`: "hold" keeps blank, dark and broken pictures out of
    the push, "push" does not.
    """

    images_per_prompt: Annotated[int, Field(ge=1, le=100)] = 1
    keep_best: Annotated[int, Field(ge=1, le=100)] = 1
    accept_above: Share | None = None
    drop_below: Share | None = None
    near_duplicates: Cosine = 0.999
    unusable: Literal["hold", "push"] = "hold"

    @model_validator(mode="after")
    def _keeps_what_there_is(self) -> Self:
        if self.keep_best > self.images_per_prompt:
            raise ValueError("keep_best is more than images_per_prompt")
        return self

    @model_validator(mode="after")
    def _is_not_sure_and_unsure(self) -> Self:
        if (self.drop_below or 0.0) > (1.0 if self.accept_above is None else self.accept_above):
            raise ValueError("drop_below is above accept_above")
        return self


class ScoreSettings(Section):
    """`[score]`: the CLIP model, and texts that compete with the labels without being one."""

    model: str = DEFAULT_CLIP_MODEL
    background: list[str] = []


class ReviewSettings(Section):
    """`[review]`: the Label Studio project, the order of its queue and the audit sample.

    `order`: "label_probability" (is the label right?) or "similarity" (is the whole prompt met?).
    `audit`: share of what is pushed that is drawn at random, from all scores alike.
    """

    project: Annotated[str, Field(min_length=3, max_length=50)] | None = None
    url: str | None = None
    order: Literal["label_probability", "similarity"] = "label_probability"
    audit: Share = 0.1
    approval: ApprovalSettings = ApprovalSettings()


def check_templates(
    templates: list[str], known: Collection[str], *, label_needed: bool = True
) -> None:
    """Refuse templates with slots that nothing fills.

    Raises:
        ValueError: naming the template and the slot.
    """
    for template in templates:
        slots = template_slots(template)
        if label_needed and "label" not in slots:
            raise ValueError(f"the template {template!r} never names its {{label}}")
        for slot in sorted(slots - {"label", *known}):
            raise ValueError(
                f"the template {template!r} uses {{{slot}}}, which [prompts.factors] lacks"
            )


def template_slots(template: str) -> set[str]:
    """Names of the {slots} of a template.

    Raises:
        ValueError: the braces do not match, or a slot is not a plain name.
    """
    try:
        slots = [slot for slot in string.Formatter().parse(template) if slot[1] is not None]
    except ValueError as error:
        raise ValueError(f"the template {template!r} is broken: {error}") from None
    for _, name, form, conversion in slots:
        if not str(name).isidentifier() or form or conversion:
            written = f"{name}{'!' if conversion else ''}{conversion or ''}{':' * bool(form)}{form}"
            raise ValueError(f"the template {template!r} has a slot {{{written}}}, no plain name")
    return {str(name) for _, name, _, _ in slots}
