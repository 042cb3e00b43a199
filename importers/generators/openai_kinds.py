"""The generator kinds "openai", "azure" and "compatible", and what is checked of them beforehand.

Before the first image is paid for: are the settings legal, and is the API the right one? Asks for
nothing that costs money: GET /models/{id}, and GET /models where a server lacks that.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from importers.generators.base import request_parameters
from importers.openai_api.connection import Connection, connection_of
from importers.openai_api.errors import as_generator_error, not_an_images_api, unknown_model
from importers.openai_api.models import (
    LIVING,
    OPERATIONS,
    RESERVED,
    Capability,
    azure_retirement_of,
    capability_for,
    is_near,
)
from importers.openai_api.prices import FREE_MODELS, price_of
from ls_backend.errors import ConfigError, GeneratorError

if TYPE_CHECKING:
    from openai import OpenAI

    from importers.config.sections import GeneratorSettings
    from importers.generators.base import Generator

TIMEOUT_S = 20.0
_MOST_NAMED = 8
_TECHNIQUES = dict(
    zip(OPERATIONS, ("text to image", "variation", "fusion", "inpainting"), strict=True)
)


class OpenAIKind:
    """See `GeneratorKind`: OpenAI itself, Azure, the sketch server, whoever speaks their API."""

    def check_settings(
        self, settings: GeneratorSettings, operations: Collection[str]
    ) -> tuple[str, ...]:
        return check_settings(settings, operations=operations)

    def check(self, settings: GeneratorSettings, operations: Collection[str]) -> tuple[str, ...]:
        """Checks the settings, then asks the API whether it knows the key and the model.

        Of Azure the list of models shows alone whether endpoint, version and key are right: a
        resource does not tell its deployments to who has its key alone, and gateways before one may
        not pass on the list either.
        """
        notices = check_settings(settings, operations=operations)
        connection = connection_of(settings)
        with connection.client(TIMEOUT_S) as client:
            inquiry = _Inquiry(client, connection, settings.model, settings.kind == "compatible")
            return tuple(dict.fromkeys((*notices, *inquiry.notices())))

    def open(self, settings: GeneratorSettings) -> Generator:
        from importers.generators.openai_images import OpenAIImages

        return OpenAIImages(settings)


OPENAI = AZURE = COMPATIBLE = OpenAIKind()


def check_settings(
    settings: GeneratorSettings,
    today: date | None = None,
    operations: Collection[str] = ("generate",),
) -> tuple[str, ...]:
    """Check what can be checked without asking anybody.

    Returns:
        What people should know before they go on: an unknown price, a model that ends soon.

    Raises:
        ConfigError: no address of a compatible server, no key for OpenAI, a model that is gone or
            lacks an operation, a size, quality or parameter that the model does not take.
    """
    if settings.kind == "compatible":
        _check_compatible(settings)
    today = today or date.today()
    connection, capability = connection_of(settings), capability_for(settings)
    if connection.is_openai and capability.ends is not None and capability.ends <= today:
        raise ConfigError(
            f"OpenAI shut {settings.model} down on {capability.ends}.",
            hint=f"Set generator.model to one of: {', '.join(LIVING)}.",
        )
    _check_operations(settings, capability, operations, is_openai=connection.is_openai)
    _check_against(capability, settings)
    notices = _near_end(settings, connection, capability, today)
    if settings.model not in FREE_MODELS and price_of(settings.model, today) is None:
        notices.append(f"The price of {settings.model} is not known: costs will not be counted.")
    return tuple(notices)


def _check_compatible(settings: GeneratorSettings) -> None:
    if settings.base_url is None:
        raise ConfigError(
            "generator.base_url is missing: where is the compatible server?",
            hint='Add it, for example: base_url = "http://127.0.0.1:8080/v1".',
        )
    if settings.size == "auto":
        raise ConfigError(
            "Compatible servers do not know the size 'auto'.",
            hint='Set generator.size to one that the model draws, for example "512x512".',
        )


def _near_end(
    settings: GeneratorSettings, connection: Connection, capability: Capability, today: date
) -> list[str]:
    if connection.is_azure:  # a deployment is most often called what its model is called
        ends = azure_retirement_of(settings.model)
        if ends is not None and is_near(ends, today):
            return [
                f"Azure retires {settings.model} on {ends}: is the deployment of that name to be "
                "moved to a newer model?"
            ]
    elif connection.is_openai and capability.ends is not None and is_near(capability.ends, today):
        return [_ending(settings.model, capability.ends.isoformat(), connection)]
    return []


def _check_operations(
    settings: GeneratorSettings,
    capability: Capability,
    operations: Collection[str],
    *,
    is_openai: bool,
) -> None:
    needed = set(operations) - capability.operations
    beyond = [_TECHNIQUES[name] for name in OPERATIONS if name in needed]
    if beyond:
        raise ConfigError(
            f"{settings.model} cannot do what the campaign's techniques need: {', '.join(beyond)} "
            f"(by {capability.source}, read on {capability.read_on}).",
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
    problem = capability.parameter_problem(parameters)
    if problem:
        raise ConfigError(
            f"{model} {problem}.", hint="Change generator.parameters, or generator.quality."
        )
    if settings.send_seed and capability.seed is False:
        raise ConfigError(
            f"{model} takes no seed.", hint="Take send_seed out of [generator], or set it to false."
        )


def _ending(model: str, on: str, connection: Connection) -> str:
    if not connection.is_openai:
        return f"{connection.host} shuts {model} down on {on}."
    return f"OpenAI shuts {model} down on {on}; living models: {', '.join(LIVING)}."


@dataclass(frozen=True)
class _Inquiry:
    """Asks an images API about one model.

    Attributes:
        lenient: Whether what the API does not tell of itself is a notice and no error.
    """

    client: OpenAI
    connection: Connection
    model: str
    lenient: bool

    def notices(self) -> list[str]:
        import openai

        try:
            if self.connection.is_azure:
                return self._look_in_list()
            _, model = self._get(f"/models/{quote(self.model, safe='')}")
            return self._look_in_list() if model is None else self._notices_of(model)
        except openai.APIError as error:
            raise as_generator_error(error, self.connection, self.model) from None

    def _notices_of(self, model: Any) -> list[str]:
        if not isinstance(model, dict) or "id" not in model:
            raise not_an_images_api(self.connection, "what it says of its models has no id")
        ends = str(model.get("shutdown_date") or "")
        if not ends or not _is_near(ends):
            return []
        return [_ending(self.model, ends, self.connection)]

    def _look_in_list(self) -> list[str]:
        _, listed = self._get("/models")
        if listed is None and self.connection.is_azure:
            return [
                f"{self.connection.host} lists no models: whether generator.base_url and "
                "generator.api_version are right shows with the first image."
            ]
        if listed is None:
            self._demand_images_route()
            return [f"{self.connection.host} lists no models: {self.model!r} cannot be checked."]
        data = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(data, list):
            raise not_an_images_api(self.connection, "its list of models has no data")
        names = [str(entry["id"]) for entry in data if isinstance(entry, dict) and "id" in entry]
        if self.model in names or self.connection.is_azure:
            return []
        if self.lenient:
            return [f"{self.connection.host} does not list {self.model!r} among its models."]
        raise self._unknown(names)

    def _unknown(self, names: list[str]) -> GeneratorError:
        if len(names) > _MOST_NAMED:
            living = [name for name in LIVING if name in names]
            names = difflib.get_close_matches(self.model, names) or living or names[:_MOST_NAMED]
        return unknown_model(self.connection, self.model, ", ".join(names) or "it lists none")

    def _demand_images_route(self) -> None:
        """A GET draws nothing; where the route exists it is answered, most often with 405."""
        if self._get("/images/generations")[0] == 404 and not self.lenient:
            raise not_an_images_api(self.connection, "it has neither /models nor /images")

    def _get(self, path: str) -> tuple[int, Any]:
        """The status and body of an answer; None where the API has nothing at that path."""
        import httpx2
        import openai

        try:
            response = self.client.get(path, cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            if error.status_code in {404, 405}:
                return error.status_code, None
            raise
        try:
            return response.status_code, response.json()
        except ValueError:
            raise not_an_images_api(self.connection, "its answer is not JSON") from None


def _is_near(end: str) -> bool:
    try:
        return is_near(date.fromisoformat(end), date.today())
    except ValueError:  # no date that we know to read: people may
        return True
