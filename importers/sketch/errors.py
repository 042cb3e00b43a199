"""What the sketch server refuses, in OpenAI's words: error answers, wrong values, blocked prompts.

Owns how a request's values are read into its pydantic model. What a request may say is in the
models of the `*_wire` modules; here is what is answered to one that says something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

BLOCKED_WORDS = {"gore": "violence", "massacre": "violence", "nude": "sexual"}
"""Words that moderation stops, and the reason that it gives."""

_JSON_TYPES: dict[type, str] = {
    **{str: "a string", int: "an integer", float: "a decimal", bool: "a boolean"},
    **{list: "an array", dict: "an object", type(None): "null"},
}
_WRONG_TYPE = "Invalid type for '{name}': expected %s, but got {got} instead."
_REFUSALS = {
    "missing": ("missing_required_parameter", "Missing required parameter: '{name}'."),
    "extra_forbidden": ("unknown_parameter", "Unknown parameter: '{name}'."),
    "string_type": ("invalid_type", _WRONG_TYPE % "a string"),
    "int_type": ("invalid_type", _WRONG_TYPE % "an integer"),
    "int_parsing": ("invalid_type", _WRONG_TYPE % "an integer"),
    "float_type": ("invalid_type", _WRONG_TYPE % "a decimal"),
    "bool_type": ("invalid_type", _WRONG_TYPE % "a boolean"),
    "list_type": ("invalid_type", _WRONG_TYPE % "an array"),
    "dict_type": ("invalid_type", _WRONG_TYPE % "an object"),
    "model_type": ("invalid_type", _WRONG_TYPE % "an object"),
    "literal_error": (
        "invalid_value",
        "Invalid value: '{given}'. Supported values are: {expected}.",
    ),
    "string_too_short": (
        "empty_string",
        "Invalid '{name}': empty string. Expected a string with minimum length {min_length}.",
    ),
    "string_too_long": (
        "string_above_max_length",
        "Invalid '{name}': string too long. Expected a string with maximum length {max_length}, "
        "but got a string with length {length} instead.",
    ),
    "too_long": (
        "array_above_max_length",
        "Invalid '{name}': array too long. Expected an array with maximum length {max_length}, "
        "but got an array with length {actual_length} instead.",
    ),
    "greater_than_equal": (
        "{number}_below_min_value",
        "Invalid '{name}': {number} below minimum value. Expected a value >= {ge}, "
        "but got {given} instead.",
    ),
    "less_than_equal": (
        "{number}_above_max_value",
        "Invalid '{name}': {number} above maximum value. Expected a value <= {le}, "
        "but got {given} instead.",
    ),
}
"""Code and message for each type of error that pydantic knows."""
_OTHER = ("invalid_value", "Invalid '{name}': {reason}.")


@dataclass(eq=False)
class ApiError(Exception):
    """An error answer.

    Attributes:
        status: HTTP status.
        message: Sentence for people.
        code: Name of the error for programs.
        param: Name of the parameter that is wrong.
        type: Kind of error, such as "invalid_request_error".
        headers: HTTP headers of the answer.
    """

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    type: str = "invalid_request_error"
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON of the answer: `{"error": {message, type, param, code}}`."""
        names = ("message", "type", "param", "code")
        return {"error": {name: getattr(self, name) for name in names}}


class Part(BaseModel):
    """Base of what a request may say: nothing else, and each value of its exact JSON type.

    Attributes:
        range_code: Code for every number out of range; None names type and bound.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    range_code: ClassVar[str | None] = None


_Part = TypeVar("_Part", bound=Part)


def read(kind: type[_Part], values: object, *, is_form: bool = False) -> _Part:
    """Check the values of a request as OpenAI does.

    Args:
        values: The JSON body, or the fields of a form.
        is_form: Numbers may be texts.

    Raises:
        ApiError: 400 with the first thing that is wrong.
    """
    if not isinstance(values, dict):
        raise ApiError(400, "We could not parse the JSON body of your request as an object.")
    try:
        return kind.model_validate(values, strict=False if is_form else None)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in wrong["loc"])
        details = {"given": wrong["input"], "reason": wrong["msg"], **wrong.get("ctx", {})}
        refused = refusal(wrong["type"], name, **details)
        if details.keys() & {"ge", "le"}:
            refused.code = kind.range_code or refused.code
        raise refused from None


def refusal(kind: str, name: str, **details: Any) -> ApiError:
    """400 for a parameter that is wrong.

    Args:
        kind: One of pydantic's types of errors, such as "missing" or "extra_forbidden".
        details: What its message says beside the name: the value that was given, limits.
    """
    code, message = _REFUSALS.get(kind, _OTHER)
    given = details.get("given")
    limit = details.get("ge", details.get("le"))
    details |= {
        "name": name,
        "got": _JSON_TYPES.get(type(given), "something else"),
        "length": len(str(given)),
        "number": "integer" if isinstance(limit, int) else "decimal",
    }
    return ApiError(400, message.format(**details), code.format(**details), name)


def unknown_model(model: str) -> ApiError:
    """404 for a model that the server does not have."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return ApiError(404, message, "model_not_found")


def violations(text: str) -> list[str]:
    """What moderation finds in a text: "sexual", "violence"; whole words count alone."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    return sorted({BLOCKED_WORDS[word] for word in words & BLOCKED_WORDS.keys()})
