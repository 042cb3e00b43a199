"""A language model as a writer of short texts: one request, its answer, what can go wrong.

Owns the wire: OpenAI's Responses API with a structured output, or chat completions with the same
JSON schema for other servers; and the words of a request. What an answer is used for is `writing`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from importers.config.campaign import Campaign
from importers.config.sections import template_slots
from importers.openai_api.connection import Purpose, connection_of
from importers.openai_api.errors import (
    RateLimited,
    ServerFailed,
    as_generator_error,
    json_object,
    not_an_images_api,
)
from importers.openai_api.prices import TEXT_PRICES, text_cost_usd
from importers.openai_api.retries import api_retrying
from importers.prompts.sampling import WHOLE
from ls_backend.errors import ConfigError, GeneratorUnreachable
from ls_backend.labels.texts import readable
from ls_backend.words import count

if TYPE_CHECKING:
    from importers.config.sections import PromptSettings

MOST_EXAMPLES = 12
MOST_KNOWN = 60
"""Texts that are named so that they are not written again: the latest ones."""
PATIENCE_S = 300.0
"""How long a request waits for an API that says "later" before writing is stopped."""
TEXTS = Purpose(
    section="prompts.writing",
    model_key="prompts.writer",
    api="a text API",
    endpoints="/responses or /chat/completions",
    server="text server",
    made="a text may have been written",
    kept="what is written is kept",
    again="ask for these texts anew, with a larger prompts.writing.timeout_s where they take long",
    slower="",
    models=tuple(price.model for price in TEXT_PRICES),
)

_PROMPTS = (
    "You write prompts for a text-to-image model. Its pictures become training data for an image "
    "classifier, so they should differ from each other in setting, light, viewpoint and style as "
    "much as real pictures do. Every prompt is one line of at most 40 words, names the label as it "
    "is given, and shows one of it, large enough to be recognised. Avoid positions, counts and "
    "relations between objects, and text in the picture."
)
_VALUES = (
    "You write short phrases that are filled into templates of prompts for a text-to-image model. "
    "Its pictures become training data for an image classifier, so the phrases should differ as "
    "much as real pictures do. Every phrase has at most 8 words, fits grammatically where its slot "
    "is, goes with the label, and does not name it."
)
# Models that think before they write, and can be told not to; others do not know the parameter.
_THINKING = re.compile(r"gpt-(5\.\d|[6-9]|\d\d)|sketch-writer-")


@dataclass(frozen=True)
class TextRequest:
    """A request in words.

    Attributes:
        instructions: Task of the model and marks of a good text, the same in every request.
        input: Texts that are wanted now.
    """

    instructions: str
    input: str


def text_request(
    campaign: Campaign,
    label: str,
    kind: str,
    count: int,
    *,
    examples: Sequence[str] = (),
    known: Sequence[str] = (),
) -> TextRequest:
    """The request for `count` texts.

    Args:
        kind: "prompt", or a factor of the templates.
        examples: Texts to write in the manner of.
        known: Texts that are there already.
    """
    parts = [first_line(label, kind, count)]
    if kind == WHOLE:
        others = ", ".join(readable(other) for other in campaign.labels if other != label)
        parts.append(f"The other labels, which no prompt may show: {others}." if others else "")
    else:
        own = [t for technique in campaign.prompt_techniques for t in technique.templates]
        known_templates = dict.fromkeys([*campaign.prompts.templates, *own])
        templates = [t for t in known_templates if kind in template_slots(t)]
        parts.append(_listed(f"It fills the slot {{{kind}}} of these templates:", templates))
    manner = "Examples of the manner:"
    parts.append(_listed(manner, list(dict.fromkeys(examples))[:MOST_EXAMPLES]))
    parts.append(_listed("Not again, nor much like these:", known[-MOST_KNOWN:]))
    request = "\n\n".join(part for part in parts if part)
    return TextRequest(instructions(campaign, kind), request)


def instructions(campaign: Campaign, kind: str) -> str:
    """What makes a text of this kind good, in general and for the campaign."""
    own = campaign.prompts.writing.instructions
    general = _PROMPTS if kind == WHOLE else _VALUES
    return f"{general}\n\n{own}" if own else general


def first_line(label: str, kind: str, number: int) -> str:
    """The sentence that says what is wanted."""
    what = count(number, "prompt" if kind == WHOLE else "value")
    of = "" if kind == WHOLE else f' of "{kind}"'
    return f'Write {what}{of} for the label "{readable(label)}".'


class Texts(BaseModel):
    """What the model is to answer with."""

    model_config = ConfigDict(extra="forbid")

    texts: list[str]


@dataclass(frozen=True)
class Reply:
    """What came of a request that was answered.

    Attributes:
        texts: Texts as they came; none where there is trouble.
        trouble: Reason why there are none, "it refused: …"; None where there are.
        request_id: The API's name of the request.
        usage: The API's own account of it, as it came.
        cost_usd: Price in US dollars; None where it is not known.
    """

    texts: tuple[str, ...]
    trouble: str | None
    request_id: str | None
    usage: dict[str, Any] | None
    cost_usd: Decimal | None


class Writer:
    """Asks a language model for texts.

    Failures (connection refused, 5xx) and rate limits are tried `writing.max_attempts` times in
    all. A request without an answer is not repeated: it may have been paid for.

    Args:
        settings: The campaign's `[prompts]`, with a writer.
        sleep: Waits a number of seconds.

    Raises:
        ConfigError: the server's address is missing or none, or OpenAI's key is not set.
    """

    def __init__(
        self, settings: PromptSettings, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        kind, _, self._model = (settings.writer or "").partition(":")
        if kind == "compatible" and settings.writing.base_url is None:
            raise ConfigError(
                f"The writer {settings.writer} has no address.",
                hint="Set base_url in [prompts.writing], for example http://127.0.0.1:11434/v1.",
            )
        self._connection = connection_of(settings.writing, TEXTS)
        self._client = self._connection.client(settings.writing.timeout_s)
        self._send = self._responses if kind == "openai" else self._chat
        self.name = f"{self._model} at {self._connection.host}"
        self._retrying = api_retrying(
            (RateLimited, ServerFailed, GeneratorUnreachable),
            sleep,
            patience_s=PATIENCE_S,
            attempts=settings.writing.max_attempts,
        )

    def close(self) -> None:
        self._client.close()

    def ask(self, request: TextRequest) -> Reply:
        """Send a request and read its answer.

        Raises:
            PromptRefused: the API refuses this request, others may pass.
            OutcomeUnknown: no answer came; it may have been paid for.
            GeneratorUnauthorized, GeneratorUnreachable, GeneratorError: every request would meet
                the same.
        """
        return self._retrying(self._ask_once, request)

    def _ask_once(self, request: TextRequest) -> Reply:
        import openai

        try:
            raw = self._send(request)
        except openai.APIError as error:
            raise as_generator_error(error, self._connection, self._model) from None
        body = json_object(raw.http_response.content)
        if body is None or not ("output" in body or "choices" in body):
            raise not_an_images_api(self._connection, "its answer is not that of one")
        texts, trouble = _read(raw)
        usage = body.get("usage")
        usage = usage if isinstance(usage, dict) else None
        cost = text_cost_usd(self._model, usage, at_openai=self._connection.is_openai)
        return Reply(texts, trouble, raw.headers.get("x-request-id"), usage, cost)

    def _responses(self, request: TextRequest) -> Any:
        thinks = _THINKING.match(self._model)
        thinking: dict[str, Any] = {"reasoning": {"effort": "none"}} if thinks else {}
        return self._client.responses.with_raw_response.parse(
            model=self._model,
            instructions=request.instructions,
            input=request.input,
            text_format=Texts,
            store=False,
            **thinking,
        )

    def _chat(self, request: TextRequest) -> Any:
        return self._client.chat.completions.with_raw_response.parse(
            model=self._model,
            messages=[
                {"role": "system", "content": request.instructions},
                {"role": "user", "content": request.input},
            ],
            response_format=Texts,
        )


def _listed(heading: str, texts: Sequence[str]) -> str:
    return "\n".join([heading, *(f"- {text}" for text in texts)]) if texts else ""


def _read(raw: Any) -> tuple[tuple[str, ...], str | None]:
    """The texts of an answer, or why there are none."""
    from openai import ContentFilterFinishReasonError, LengthFinishReasonError

    try:
        answer = raw.parse()
    except LengthFinishReasonError:
        return (), "it was cut off at the model's limit of tokens"
    except ContentFilterFinishReasonError:
        return (), "the provider's content filter held it back"
    except ValidationError as error:
        return (), f"it does not have the form that was asked for ({error.error_count()} errors)"
    return _of_response(answer) if hasattr(answer, "output") else _of_completion(answer)


def _of_response(answer: Any) -> tuple[tuple[str, ...], str | None]:
    if answer.status == "incomplete":
        reason = answer.incomplete_details.reason if answer.incomplete_details else "no reason"
        return (), f"it is incomplete ({reason})"
    if answer.output_parsed is not None:
        return tuple(answer.output_parsed.texts), None
    parts = (part for item in answer.output if item.type == "message" for part in item.content)
    refusals = [part.refusal for part in parts if part.type == "refusal"]
    return (), f"the model refused: {refusals[0]}" if refusals else "there is no text in it"


def _of_completion(answer: Any) -> tuple[tuple[str, ...], str | None]:
    if not answer.choices:
        return (), "there is no text in it"
    message = answer.choices[0].message
    if message.parsed is not None:
        return tuple(message.parsed.texts), None
    return (), f"the model refused: {message.refusal}" if message.refusal else "it is empty"
