"""Before the first image is paid for: are the settings legal, and is the API the right one?

Asks for nothing that costs money: GET /models/{id}, and GET /models where a server lacks that.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from importers.generators.base import OPERATIONS, request_parameters
from importers.generators.capabilities import (
    LIVING,
    RESERVED,
    Capability,
    capability_of,
    shutdown_of,
)
from importers.generators.connection import Connection, connection_of
from importers.generators.openai_errors import (
    as_generator_error,
    not_an_images_api,
    unknown_model,
)
from importers.generators.prices import FREE_MODELS, price_of
from ls_backend.errors import ConfigError, GeneratorError

if TYPE_CHECKING:
    from openai import OpenAI

    from importers.campaign_sections import GeneratorSettings

TIMEOUT_S = 20.0
_MOST_NAMED = 8
_TECHNIQUES = dict(
    zip(OPERATIONS, ("text to image", "variation", "fusion", "inpainting"), strict=True)
)


def check(
    settings: GeneratorSettings, operations: Collection[str] = ("generate",)
) -> tuple[str, ...]:
    """Check the settings, then ask the API whether it knows the key and the model.

    Returns:
        What people should know before they go on: an unknown price, an announced shutdown.

    Raises:
        ConfigError: see `check_settings`.
        GeneratorUnreachable: nobody answers at the base URL.
        GeneratorUnauthorized: the key is not accepted.
        GeneratorError: it is no images API, or it does not have the model.
    """
    notices = check_settings(settings, operations=operations)
    connection = connection_of(settings)
    with connection.client(TIMEOUT_S) as client:
        return (*notices, *_Inquiry(client, connection, settings.model).notices())


def check_settings(
    settings: GeneratorSettings,
    today: date | None = None,
    operations: Collection[str] = ("generate",),
) -> tuple[str, ...]:
    """Check what can be checked without asking anybody; returns notices as `check` does.

    Raises:
        ConfigError: no key for OpenAI, a model that is gone or lacks an operation, a size, quality
            or parameter that the model does not take.
    """
    today = today or date.today()
    connection = connection_of(settings)
    ends = shutdown_of(settings.model) if connection.is_openai else None
    if ends is not None and ends <= today:
        raise ConfigError(
            f"OpenAI shut {settings.model} down on {ends}.",
            hint=f"Set generator.model to one of: {', '.join(LIVING)}.",
        )
    _check_operations(settings, operations, is_openai=connection.is_openai)
    _check_against(capability_of(settings.model), settings)
    notices = []
    if ends is not None:
        notices.append(_ending(settings.model, ends.isoformat()))
    if settings.model not in FREE_MODELS and price_of(settings.model, today) is None:
        notices.append(f"The price of {settings.model} is not known: costs will not be counted.")
    return tuple(notices)


def _check_operations(
    settings: GeneratorSettings, operations: Collection[str], *, is_openai: bool
) -> None:
    does = capability_of(settings.model).operations
    beyond = [_TECHNIQUES[name] for name in OPERATIONS if name in set(operations) - does.names]
    if beyond:
        raise ConfigError(
            f"{settings.model} cannot do what the campaign's techniques need: {', '.join(beyond)} "
            f"(by {does.source}, read on {does.read_on}).",
            hint="Use a model that edits images, or take those techniques out.",
        )
    if is_openai and settings.variations == "variations":
        raise ConfigError(
            "OpenAI has no /images/variations any more.",
            hint='Set generator.variations to "edits".',
        )


def _check_against(capability: Capability, settings: GeneratorSettings) -> None:
    model, parameters = settings.model, request_parameters(settings)
    problem = capability.size_problem(settings.size)
    if problem:
        raise ConfigError(
            f"{model} cannot draw {settings.size!r}: {problem}.",
            hint="Change generator.size; smaller images can be made from larger ones later.",
        )
    for name in parameters:
        if name in RESERVED:
            raise ConfigError(
                f"generator.parameters cannot set {name!r}.",
                hint="model, size and send_seed have keys of their own in [generator]; "
                "prompt and n are the campaign's.",
            )
        if name in capability.refused:
            raise ConfigError(
                f"{model} refuses the parameter {name!r}.",
                hint="Take it out of generator.parameters.",
            )
    quality = parameters.get("quality")
    if quality is not None and capability.qualities and quality not in capability.qualities:
        raise ConfigError(
            f"{model} has no quality {quality!r}.",
            hint=f"Set generator.quality to one of: {', '.join(capability.qualities)}.",
        )
    if settings.send_seed and capability.seed is False:
        raise ConfigError(
            f"{model} takes no seed.", hint="Take send_seed out of [generator], or set it to false."
        )


def _ending(model: str, on: str) -> str:
    return f"OpenAI shuts {model} down on {on}; living models: {', '.join(LIVING)}."


@dataclass(frozen=True)
class _Found:
    """What a GET was answered with; `body` is None where the API has nothing at that path."""

    status: int
    body: Any


@dataclass(frozen=True)
class _Inquiry:
    """Asks an images API about one model."""

    client: OpenAI
    connection: Connection
    model: str

    def notices(self) -> list[str]:
        import openai

        try:
            model = self._get(f"/models/{quote(self.model, safe='')}").body
            return self._look_in_list() if model is None else self._notices_of(model)
        except openai.APIError as error:
            raise as_generator_error(error, self.connection, self.model) from None

    def _notices_of(self, model: Any) -> list[str]:
        if not isinstance(model, dict) or "id" not in model:
            raise not_an_images_api(self.connection, "what it says of its models has no id")
        ends = model.get("shutdown_date")
        return [_ending(self.model, str(ends))] if ends else []

    def _look_in_list(self) -> list[str]:
        listed = self._get("/models").body
        if listed is None:
            self._demand_images_route()
            return [f"{self.connection.host} lists no models: {self.model!r} cannot be checked."]
        data = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(data, list):
            raise not_an_images_api(self.connection, "its list of models has no data")
        names = [str(entry["id"]) for entry in data if isinstance(entry, dict) and "id" in entry]
        if self.model not in names:
            raise self._unknown(names)
        return []

    def _unknown(self, names: list[str]) -> GeneratorError:
        if len(names) > _MOST_NAMED:
            living = [name for name in LIVING if name in names]
            names = difflib.get_close_matches(self.model, names) or living or names[:_MOST_NAMED]
        return unknown_model(self.connection, self.model, ", ".join(names) or "it lists none")

    def _demand_images_route(self) -> None:
        """A GET draws nothing; where the route exists it is answered, most often with 405."""
        if self._get("/images/generations").status == 404:
            raise not_an_images_api(self.connection, "it has neither /models nor /images")

    def _get(self, path: str) -> _Found:
        import httpx2
        import openai

        try:
            response = self.client.get(path, cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            if error.status_code in {404, 405}:
                return _Found(error.status_code, None)
            raise
        try:
            return _Found(response.status_code, response.json())
        except ValueError:
            raise not_an_images_api(self.connection, "its answer is not JSON") from None
