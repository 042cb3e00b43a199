"""A writer of prompts for the sketch world: reads what is asked for and answers, as a model might.

Owns the content of its answers. It is asked in plain words, 'Write 6 prompts for the label "cat".',
writes what the sketch server can draw, and has the habits of language models: now and then it says
a thing twice, forgets one, or calls a cat a kitten. The same request gives the same texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from importers.sketch.errors import violations
from importers.sketch.grammar import caption, parse
from importers.sketch.spec import ACTIONS, COLORS, STYLES, random_spec, rng_for
from importers.sketch.words import PLACES, SIZE_WORDS, STYLE_OPENERS
from ls_backend.words import with_article

SAID_TWICE = 0.12
ONE_FORGOTTEN = 0.3
LISTED_AGAIN = 0.1
"""How often it says what the request has in a list of what is there."""
SYNONYM_LEFT = 0.15
"""How often a name other than the asked one is left standing."""
_UNSAID_COUNT = 5
"""How many texts it writes where the request says no number."""
_MOST = 1000
_RANDOM_STREAM = "scribe"
"""Names the stream of chance: another name, other texts for the same request and seed."""

_TOPICS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"colou?r|paint|hue", COLORS),
    (r"style|medium|look", STYLES),
    (r"action|pose|activity|doing", ACTIONS),
    (r"size|scale", tuple(word for words in SIZE_WORDS.values() for word in words)),
)
_SETTINGS = tuple(phrase for phrases in PLACES.values() for phrase in phrases)


@dataclass(frozen=True)
class Wish:
    """What a request asks for.

    Attributes:
        count: Number of texts.
        subject: Thing that they are about; empty where the request does not say.
        topic: Line that asks.
    """

    count: int
    subject: str
    topic: str


def understand(request: str) -> Wish:
    """Read a request: its first number, the last thing quoted in that line, the line."""
    lines = [line for line in request.splitlines() if line.strip()] or [""]
    line = next((line for line in lines if re.search(r"\d", line)), lines[0])
    number = re.search(r"\d+", line)
    quoted = re.findall(r'"([^"]+)"', line)
    count = min(int(number.group()), _MOST) if number else _UNSAID_COUNT
    return Wish(count, quoted[-1] if quoted else parse(line).object or "", line)


def refuses(request: str) -> bool:
    """Whether the request is one that a model would not answer."""
    return bool(violations(request))


def texts_for(request: str, seed: int = 0) -> list[str]:
    """The texts that answer a request: most often as many as it asks for, most of them distinct."""
    wish, rng = understand(request), rng_for(_RANDOM_STREAM, seed, request)
    count = max(1, wish.count - (rng.random() < ONE_FORGOTTEN))
    texts: list[str] = []
    made = _captions(wish, rng) if _asks_for_prompts(wish) else _phrases(wish, rng)
    listed = {line[2:] for line in request.splitlines() if line.startswith("- ")}
    fresh = (text for text in made if text not in listed or rng.random() < LISTED_AGAIN)
    while len(texts) < count:
        if texts and rng.random() < SAID_TWICE:
            texts.append(_again(rng.choice(texts), rng))
            continue
        text = next(fresh, None)
        if text is None:  # there are no more colours
            break
        texts.append(text)
    return texts


def fill(schema: Mapping[str, Any], texts: list[str], root: Mapping[str, Any] | None = None) -> Any:
    """An instance of a JSON schema that holds the texts: lists get all of them, strings the first.

    Args:
        root: Where `$ref` points into; the schema itself when not given.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return fill(root["$defs"][str(schema["$ref"]).rpartition("/")[2]], texts, root)
    if "anyOf" in schema:
        return fill(schema["anyOf"][0], texts, root)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        properties: Mapping[str, Any] = schema.get("properties", {})
        return {name: fill(part, texts, root) for name, part in properties.items()}
    if kind == "array":
        return [fill(schema.get("items", {"type": "string"}), [text], root) for text in texts]
    simple = {"integer": len(texts), "number": len(texts), "boolean": True, "null": None}
    return simple[str(kind)] if kind in simple else next(iter(texts), "")


def _asks_for_prompts(wish: Wish) -> bool:
    return bool(re.search(r"prompt|caption", wish.topic, re.IGNORECASE))


def _captions(wish: Wish, rng: random.Random) -> Iterator[str]:
    name = parse(wish.subject).object
    while True:
        if name is None:  # nothing that the sketch world knows
            subject = with_article(wish.subject) if wish.subject else "something"
            opener = rng.choice(STYLE_OPENERS[rng.choice(STYLES)])
            yield f"{opener} {subject} {rng.choice(_SETTINGS)}"
            continue
        text = caption(random_spec(rng, (name,)), rng)
        if wish.subject.lower() in text.lower() or rng.random() < SYNONYM_LEFT:
            yield text


def _phrases(wish: Wish, rng: random.Random) -> Iterator[str]:
    topic = wish.topic.replace(f'"{wish.subject}"', "").lower()
    known = (phrases for words, phrases in _TOPICS if re.search(words, topic))
    phrases = list(next(known, _SETTINGS))
    rng.shuffle(phrases)
    yield from phrases


def _again(text: str, rng: random.Random) -> str:
    """The same text, as it is said a second time."""
    return text if rng.random() < 0.5 else f"{text[0].upper()}{text[1:].rstrip('.')}."
