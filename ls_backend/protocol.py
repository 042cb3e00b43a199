"""What Label Studio sends: the bodies of /setup and /predict, checked before anything else.

Only what is used is named here; all else that Label Studio sends is let through.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import NotRequired, TypedDict

from ls_backend.errors import LsClipError

BodyKind = TypeVar("BodyKind")

_OPEN = ConfigDict(extra="allow")


class RequestError(LsClipError):
    """A request that Label Studio would not send."""

    default_code = "request"


class Answer(TypedDict):
    """One annotation or prediction of a task."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    result: NotRequired[list[dict[str, Any]] | None]


class TaskBody(TypedDict):
    """A task, as Label Studio serializes it."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    data: dict[str, Any]
    annotations: NotRequired[list[Answer] | None]
    predictions: NotRequired[list[Answer] | None]


class Context(TypedDict):
    """What a person has just drawn, in interactive mode."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    result: NotRequired[list[dict[str, Any]] | None]


class Params(TypedDict):
    __pydantic_config__ = _OPEN  # type: ignore[misc]
    context: NotRequired[Context | None]


class SetupBody(TypedDict):
    """Of POST /setup. `hostname` and `access_token` are what Label Studio believes of itself."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    schema: str
    hostname: NotRequired[str | None]
    access_token: NotRequired[str | None]


class PredictBody(TypedDict):
    """Of POST /predict."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    tasks: list[TaskBody]
    label_config: str
    params: NotRequired[Params | None]


SETUP: TypeAdapter[SetupBody] = TypeAdapter(SetupBody)
PREDICT: TypeAdapter[PredictBody] = TypeAdapter(PredictBody)


def read_body(kind: TypeAdapter[BodyKind], body: bytes) -> BodyKind:
    """The body of a request as plain dicts and lists.

    Raises:
        RequestError: It is no JSON, or not of that shape; the message names the first fault.
    """
    try:
        return kind.validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the body"
        raise RequestError(
            f"The request cannot be read: {where}: {fault['msg']}.",
            hint="Send what Label Studio sends: POST /setup {schema}, /predict {tasks, "
            "label_config}.",
        ) from None
