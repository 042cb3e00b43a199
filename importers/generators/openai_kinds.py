"""The generator kind "openai": OpenAI itself, the sketch server, and whoever speaks its API."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from importers.generators import preflight
from importers.openai_api.connection import connection_of
from importers.openai_api.errors import as_generator_error, not_an_images_api
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from importers.config.sections import GeneratorSettings
    from importers.generators.base import Generator


class OpenAIKind:
    """See `GeneratorKind`."""

    def check_settings(
        self, settings: GeneratorSettings, operations: Collection[str]
    ) -> tuple[str, ...]:
        return preflight.check_settings(settings, operations=operations)

    def check(self, settings: GeneratorSettings, operations: Collection[str]) -> tuple[str, ...]:
        return preflight.check(settings, operations)

    def open(self, settings: GeneratorSettings) -> Generator:
        from importers.generators.openai_images import OpenAIImages

        return OpenAIImages(settings)


OPENAI = OpenAIKind()


class AzureKind:
    """See `GeneratorKind`."""

    def check_settings(
        self, settings: GeneratorSettings, operations: Collection[str]
    ) -> tuple[str, ...]:
        return preflight.check_settings(settings, operations=operations)

    def check(self, settings: GeneratorSettings, operations: Collection[str]) -> tuple[str, ...]:
        """Asks for the list of models: that shows whether endpoint, version and key are right.

        A resource does not tell its deployments to who has its key alone: whether there is one of
        that name shows with the first image. Gateways before one may not pass on the list either.
        """
        return (*self.check_settings(settings, operations), *_ask_for_models(settings))

    def open(self, settings: GeneratorSettings) -> Generator:
        from importers.generators.openai_images import OpenAIImages

        return OpenAIImages(settings)


def _ask_for_models(settings: GeneratorSettings) -> tuple[str, ...]:
    import httpx2
    import openai

    connection = connection_of(settings)
    with connection.client(preflight.TIMEOUT_S) as client:
        try:
            listed = client.get("/models", cast_to=httpx2.Response).json()
        except openai.NotFoundError:
            return (
                f"{connection.host} lists no models: whether generator.base_url and "
                "generator.api_version are right shows with the first image.",
            )
        except openai.APIError as error:
            raise as_generator_error(error, connection, settings.model) from None
        except ValueError:
            raise not_an_images_api(connection, "its list of models is not JSON") from None
    if not isinstance(listed, dict) or not isinstance(listed.get("data"), list):
        raise not_an_images_api(connection, "its list of models has no data")
    return ()


AZURE = AzureKind()


class CompatibleKind:
    """See `GeneratorKind`."""

    def check_settings(
        self, settings: GeneratorSettings, operations: Collection[str]
    ) -> tuple[str, ...]:
        _check(settings)
        return preflight.check_settings(settings, operations=operations)

    def check(self, settings: GeneratorSettings, operations: Collection[str]) -> tuple[str, ...]:
        _check(settings)
        return preflight.check(settings, operations)

    def open(self, settings: GeneratorSettings) -> Generator:
        from importers.generators.openai_images import OpenAIImages

        unsaid = settings.send_seed is None
        return OpenAIImages(
            settings.model_copy(update={"send_seed": False}) if unsaid else settings
        )


def _check(settings: GeneratorSettings) -> None:
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


COMPATIBLE = CompatibleKind()
