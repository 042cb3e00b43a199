"""The tables of campaign.toml, one class each: their keys, their ranges, their defaults."""

from __future__ import annotations

import string
from collections.abc import Collection
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from importers.config.storage_sections import Cosine, Section, Share

DEFAULT_CLIP_MODEL = "ViT-B-32/laion2b_s34b_b79k"
PROMPT_TECHNIQUES = ("vanilla", "environment", "style", "adversarial")
DERIVED_TECHNIQUES = ("variation", "fusion", "inpainting")

Words = Annotated[list[str], Field(min_length=1)]
Dollars = Annotated[Decimal, Field(gt=0)]


class WritingSettings(Section):
    """`[prompts.writing]`: what a language model writes for the campaign, and how it is asked."""

    writes: Words = ["prompts"]
    """Kinds of text: `["prompts"]` for whole prompts, or factors of the templates, whose values are
    written for each label.
    """
    count: Annotated[int, Field(ge=1, le=1000)] = 12
    """Number of texts of each kind for each label; a larger one later asks again."""
    instructions: str = ""
    """Text that the model is given beside the task."""
    examples: list[str] = []
    """Texts to be like, beside the prompts whose images people approved."""
    similar_texts: Cosine = 0.97
    """Cosine between the CLIP vectors of two texts from which they say the same; at 1 only their
    words are compared.
    """
    base_url: str | None = None
    """Address of the API; left out, OpenAI's. A `compatible` writer needs it."""
    api_key_env: str | None = None
    """Name of the environment variable with the key; left out, `OPENAI_API_KEY`, which is sent to
    OpenAI alone.
    """
    timeout_s: Annotated[float, Field(gt=0, le=1800)] = 120.0
    """Seconds to wait for one answer."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """Number of tries of a request while the server is busy or away."""

    @model_validator(mode="before")
    @classmethod
    def _key_of_before(cls, given: Any) -> Any:
        if isinstance(given, dict) and "near_duplicates" in given:
            raise ValueError("near_duplicates is called similar_texts in this table")
        return given

    @model_validator(mode="after")
    def _prompts_or_factors(self) -> Self:
        if "prompts" in self.writes and len(self.writes) > 1:
            raise ValueError('writes is ["prompts"] alone, or names of factors')
        return self


class PromptSettings(Section):
    """`[prompts]`: where prompts come from: templates and factors, a file, a language model."""

    templates: list[str] = []
    """Texts with `{label}` and the factors' names in braces. At least one, unless a file or a
    writer brings whole prompts.
    """
    factors: dict[str, Words] = {}
    """Values of each factor, `[prompts.factors]`; all come equally often."""
    file: str | None = None
    """Path of a CSV, JSONL or text file with whole prompts, from the campaign's folder."""
    synonyms: dict[str, Words] = {}
    """Words for a label that name it as well as its own name does."""
    writer: str | None = None
    """Language model that writes: `"openai:MODEL"` (Responses API) or `"compatible:MODEL"` (chat
    completions of another server).
    """
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
    """A `[[technique]]` that is told in words: vanilla, environment, style or adversarial."""

    name: Literal["vanilla", "environment", "style", "adversarial"]
    """Technique; environment and style are vanilla under a name of their own in reports."""
    share: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Weight of the technique among those that are told in words."""
    templates: list[str] = []
    """Texts; left out, those of `[prompts]`. Adversarial ones have `{label}` and `{other}`; left
    out, there is one, `a {label}-like {other}`.
    """
    factors: dict[str, Words] = {}
    """Values of factors, beside those of `[prompts]`."""
    others: list[str] = []
    """Things that can be taken for a label, of the adversarial technique; left out, the other
    labels.
    """
    truth: Literal["other", "none"] = "other"
    """Label of an adversarial picture: the `other` thing, or `none` of the labels."""

    @model_validator(mode="after")
    def _adversarial_has_another(self) -> Self:
        if self.name != "adversarial":
            if self.others or self.truth != "other":
                raise ValueError("others and truth belong to the adversarial technique")
        elif not all("other" in template_slots(template) for template in self.templates):
            raise ValueError("an adversarial template names {label} and {other}")
        return self


class DerivedTechnique(Section):
    """A `[[technique]]` that starts from pictures: variation, fusion or inpainting."""

    name: Literal["variation", "fusion", "inpainting"]
    """Technique: the same thing otherwise, two pictures in one, or a part painted anew."""
    source: str
    """Pictures to start from: `"folder:PATH"`, `"approved"` (of this campaign) or
    `"label-studio:PROJECT"`.
    """
    per_image: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of pictures to make from each, or from each pair."""
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Cap of the technique's pictures, as a share of `samples`; left out, none."""
    templates: Words
    """Texts; they may have `{label}`, and for a fusion `{first}` and `{second}`, the labels of the
    two.
    """
    factors: dict[str, Words] = {}
    """Values of each factor in the templates."""
    label: str = "parent"
    """Label of the new picture: `"parent"`; of a fusion also `"first"` or `"second"`; or one of the
    labels.
    """
    mask: Literal["file", "annotation", "background"] | None = None
    """Part that is painted anew, of inpainting: `"file"` (what NAME.mask.png beside NAME.png says),
    `"annotation"` (what people drew) or `"background"` (everything but what people drew, or but the
    middle).
    """

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
    """`[generator]`: who draws, and how hard it is asked."""

    kind: str = "openai"
    """Source of images: `openai`, `azure`, `compatible`, `diffusers`, `folder`, or the name of an
    installed plugin.
    """
    model: str = ""
    """Name of the model; of `azure` the deployment, of `diffusers` a model of the Hugging Face hub
    or its folder. Every kind but `folder` needs it.
    """
    base_url: str | None = None
    """Address of the API; left out, OpenAI's. `azure` and `compatible` need it."""
    api_key_env: str | None = None
    """Name of the environment variable with the key; left out, `OPENAI_API_KEY`, which is sent to
    OpenAI alone; of `azure`, `AZURE_OPENAI_API_KEY`.
    """
    api_version: str | None = None
    """Version of Azure's API, which `azure` needs."""
    path: str | None = None
    """Folder with the pictures of `folder`, from the campaign's."""
    device: str | None = None
    """Device of `diffusers`, such as `cuda`; left out, a GPU where there is one."""
    size: str = "1024x1024"
    """Width and height of an image in pixels, `WIDTHxHEIGHT`, or `auto` where the model chooses."""
    quality: str | None = None
    """Quality, in the model's own words; left out, the model's default."""
    parameters: dict[str, Any] = {}
    """What goes into each request as it is, under the API's own names."""
    send_seed: bool | None = None
    """Whether requests have a `seed`; left out, what is known of the model decides."""
    variations: Literal["edits", "variations"] = "edits"
    """Where pictures to vary are sent: `/images/edits`, or `/images/variations` of servers that
    have it (Xinference).
    """
    mask: Literal["mask", "mask_image"] = "mask"
    """Field in which a mask is sent: `mask`, where clear is painted anew, or `mask_image`, where
    white is (vLLM-Omni).
    """
    batch: bool = False
    """Whether OpenAI's Batch API draws: half the price, within a day."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 4
    """Number of requests at the same time."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """Number of tries of a request while the server is busy or away."""
    max_unanswered: Annotated[int, Field(ge=0, le=20)] = 3
    """Number of times that a request without an answer, which may have been paid for, is sent
    again, over all runs.
    """
    timeout_s: Annotated[float, Field(gt=0, le=1800)] = 300.0
    """Seconds to wait for one image."""

    @model_validator(mode="after")
    def _needs(self) -> Self:
        if self.kind == "folder" and not self.path:
            raise ValueError("the folder generator needs a path")
        if self.kind != "folder" and not self.model:
            raise ValueError("model is missing")
        return self


class BudgetSettings(Section):
    """`[budget]`: caps in US dollars; what a request may cost is reserved before it is sent."""

    per_run_usd: Dollars | None = None
    """Most that a run may cost; left out, no cap."""
    per_day_usd: Dollars | None = None
    """Most that a day of UTC may cost; left out, no cap."""
    per_label_usd: Dollars | None = None
    """Most that the images of one label may cost, over all runs; left out, no cap."""
    unpriced: Literal["refuse", "allow"] = "allow"
    """Answer to a request whose price is not known: `refuse` stops before it, `allow` sends it."""


class SelectionSettings(Section):
    """`[selection]`: which of the drawn images people should see."""

    images_per_prompt: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of images of each prompt, with a seed each. Raised later, more are drawn to those
    there are; lowered, the best of what was drawn are kept.
    """
    keep_best: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of a prompt's images to keep, those with the highest `label_probability`; what is in
    Label Studio stays there, and counts among them.
    """
    accept_above: Share | None = None
    """`label_probability` from which a task is marked as confident; it is reviewed all the same.
    Left out, none is.
    """
    drop_below: Share | None = None
    """`label_probability` below which the push counts an image, and with `drop` leaves it out."""
    drop: bool = False
    """Whether images below `drop_below` are left out of the push, or pushed and counted."""
    near_duplicates: Cosine = 0.999
    """Cosine between CLIP vectors from which two images of a label are the same; 1 keeps all."""
    unusable: Literal["hold", "push"] = "hold"
    """What becomes of blank, dark and bright images: `hold` keeps them out of the push, `push` does
    not. Broken ones are held in any case.
    """

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

    @model_validator(mode="after")
    def _says_below_what(self) -> Self:
        if self.drop and self.drop_below is None:
            raise ValueError(
                "drop = true does not say below which probability; set drop_below, such as "
                "drop_below = 0.05"
            )
        return self


class ScoreSettings(Section):
    """`[score]`: the CLIP model, and texts that compete with the labels without being one."""

    model: str = DEFAULT_CLIP_MODEL
    """CLIP model: ARCH/PRETRAINED of open_clip, a folder, or `sketch`, which knows the sketch
    server's drawings alone.
    """
    background: list[str] = []
    """Texts for what else a picture may show: they compete with the labels and are never predicted.
    A single label needs one.
    """


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
