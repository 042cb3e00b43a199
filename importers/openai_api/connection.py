"""Where an API is and with which key it is asked; owns the key, and keeps it out of sight.

OpenAI's key goes to OpenAI alone, Azure's to the endpoint that the campaign names: another server
gets a key only where the campaign names one. Connections to this machine never go through a proxy.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from importers.config.sections import GeneratorSettings
from importers.openai_api.models import LIVING
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from openai import OpenAI

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"
OPENAI_KEY_VARIABLE = "OPENAI_API_KEY"
AZURE_KEY_VARIABLE = "AZURE_OPENAI_API_KEY"
CONNECT_S = 10.0

_NO_KEY = "no-key"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Purpose:
    """What an API is asked for, in the words of messages.

    Attributes:
        section: Table of campaign.toml that configures it.
        model_key: Key of campaign.toml that names the model.
        api: Name of such an API, "an images API".
        endpoints: Paths after the base URL.
        server: Name of such a server, "images server".
        made: Clause on a request without an answer, such as "an image may have been drawn".
        kept: Clause on what a stop loses not, such as "what is drawn is kept".
        again: Clause on the next run, such as "ask for this image anew".
        slower: Further remedy against rate limits.
        models: OpenAI's models for it without an announced end.
    """

    section: str
    model_key: str
    api: str
    endpoints: str
    server: str
    made: str
    kept: str
    again: str
    slower: str
    models: tuple[str, ...]


IMAGES = Purpose(
    section="generator",
    model_key="generator.model",
    api="an images API",
    endpoints="/images/generations",
    server="images server",
    made="an image may have been drawn",
    kept="what is drawn is kept",
    again="ask for this image anew, with a larger generator.timeout_s where images take long",
    slower=", or with a smaller generator.parallel",
    models=LIVING,
)


class ConnectionSettings(Protocol):
    """Where an API is and where its key is, as campaign.toml says it."""

    @property
    def base_url(self) -> str | None: ...
    @property
    def api_key_env(self) -> str | None: ...


@dataclass(frozen=True)
class Connection:
    """An API and the key for it.

    Attributes:
        base_url: URL before /images/generations; for Azure the endpoint of the resource.
        key_variable: Name of the environment variable that a key comes from.
        key: Secret, or a stand-in where none is needed.
        azure_version: Version of Azure's API; None where it is not Azure's.
        purpose: Words for what it is asked for.
    """

    base_url: str
    key_variable: str
    key: str = field(repr=False)
    azure_version: str | None = None
    purpose: Purpose = IMAGES

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def shown_url(self) -> str:
        """The base URL for people: without a password that it may carry."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{self.host}{parts.path}"

    @property
    def is_openai(self) -> bool:
        return _is_openai(self.base_url)

    @property
    def is_azure(self) -> bool:
        return self.azure_version is not None

    @property
    def key_header(self) -> dict[str, str]:
        """The header that carries the key."""
        return {"api-key": self.key} if self.is_azure else {"Authorization": f"Bearer {self.key}"}

    @property
    def has_key(self) -> bool:
        return self.key != _NO_KEY

    def without_key(self, text: str) -> str:
        """The text with the key blotted out, should a server have repeated it."""
        return text.replace(self.key, "***") if self.has_key else text

    def client(self, timeout_s: float) -> OpenAI:
        """A client that sends each request once; for all threads.

        Args:
            timeout_s: Longest silence of the API while an answer is awaited.
        """
        from httpx2 import Timeout
        from openai import AzureOpenAI, DefaultHttpxClient, OpenAI

        local = urlsplit(self.base_url).hostname in _LOOPBACK
        timeout = Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        http_client = DefaultHttpxClient(trust_env=False) if local else None
        common: dict[str, Any] = {"max_retries": 0, "timeout": timeout, "http_client": http_client}
        if self.azure_version is None:
            return OpenAI(api_key=self.key, base_url=self.base_url, **common)
        return AzureOpenAI(
            api_key=self.key,
            azure_endpoint=self.base_url,
            api_version=self.azure_version,
            **common,
        )


def connection_of(settings: ConnectionSettings, purpose: Purpose = IMAGES) -> Connection:
    """The connection that a campaign's settings and the environment give.

    Raises:
        ConfigError: the URL is none, there is no key for OpenAI or Azure, or no version of Azure's.
    """
    if isinstance(settings, GeneratorSettings) and settings.kind == "azure":
        return _azure_connection(settings)
    base_url = _checked(OPENAI_URL if settings.base_url is None else settings.base_url, purpose)
    variable = settings.api_key_env or OPENAI_KEY_VARIABLE
    if settings.api_key_env is None and not _is_openai(base_url):
        return Connection(base_url, variable, _NO_KEY, purpose=purpose)
    key = _key(variable)
    if not key and _is_openai(base_url):
        raise ConfigError(
            f"There is no key for {OPENAI_HOST}: the environment variable {variable} is not set.",
            hint=f"Run: export {variable}=…  (a key from https://platform.openai.com/api-keys), "
            f"or name your own {purpose.server} in {purpose.section}.base_url.",
        )
    return Connection(base_url, variable, key or _NO_KEY, purpose=purpose)


def _azure_connection(settings: GeneratorSettings) -> Connection:
    endpoint, version = _checked(settings.base_url or "", IMAGES), settings.api_version
    if "openai" in urlsplit(endpoint).path.split("/"):
        raise ConfigError(
            f"generator.base_url {endpoint!r} goes on behind the endpoint of the Azure resource.",
            hint="Write the endpoint alone, for example https://NAME.openai.azure.com; the path "
            "is made from generator.model, the name of the deployment.",
        )
    if not version:
        raise ConfigError(
            "generator.api_version is missing: Azure has no default.",
            hint="Take the newest that your resource knows, for example: "
            'api_version = "2025-04-01-preview".',
        )
    variable = settings.api_key_env or AZURE_KEY_VARIABLE
    key = _key(variable)
    if not key:
        raise ConfigError(
            f"There is no key for {endpoint}: the environment variable {variable} is not set.",
            hint=f"Run: export {variable}=…  (Azure shows it under Keys and Endpoint).",
        )
    return Connection(endpoint, variable, key, version)


def _checked(url: str, purpose: Purpose) -> str:
    if not _is_http_url(url):
        raise ConfigError(
            f"{purpose.section}.base_url {url!r} is not a URL.",
            hint="Write it with its scheme, for example http://127.0.0.1:8080/v1.",
        )
    return url.rstrip("/")


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that cannot be
        return False


def _is_openai(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host == OPENAI_HOST or host.endswith(f".{OPENAI_HOST}")


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"The environment variable {variable} holds characters that no key has.",
            hint="Copy the key again, without quotes or line breaks.",
        )
    return key
