"""Where the images API is, and which key it gets."""

from __future__ import annotations

from typing import Any

import pytest

from importers.config.sections import GeneratorSettings
from importers.openai_api.connection import Connection, connection_of
from ls_backend.errors import ConfigError


def connect(**settings: Any) -> Connection:
    return connection_of(GeneratorSettings.model_validate({"model": "m", **settings}))


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize("url", [None, "https://api.openai.com/v1", "https://eu.api.openai.com/v1"])
def test_openai_wants_a_key(url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        connect(base_url=url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1\n")
    connection = connect(base_url=url)
    assert (connection.is_openai, connection.key) == (True, "sk-1")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/v1/", "https://notapi.openai.com.evil.org"])
def test_others_do_not(url: str) -> None:
    connection = connect(base_url=url)
    assert not connection.is_openai
    assert connection.base_url == url.rstrip("/")


def test_the_key_comes_from_the_variable_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_KEY", "azure")
    assert connect(base_url="https://x.openai.azure.com/v1", api_key_env="AZURE_KEY").key == "azure"


def test_openais_key_goes_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    other = connect(base_url="https://images.example.org/v1")
    assert (other.has_key, other.key) == (False, "no-key")
    named = connect(base_url="https://images.example.org/v1", api_key_env="OPENAI_API_KEY")
    assert named.key == "sk-secret"


@pytest.mark.parametrize("url", ["", "images.example.org", "ftp://a/v1", "http://", "http://[::1"])
def test_what_is_no_url_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="is not a URL"):
        connect(base_url=url)


@pytest.mark.parametrize("key", ["sk-“quoted”", "sk-1\nsk-2"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ConfigError) as caught:
        connect()
    assert "sk-" not in caught.value.message


def test_the_key_is_kept_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    connection = connect(
        base_url="http://user:password@images.example.org/v1", api_key_env="OPENAI_API_KEY"
    )
    assert "sk-1" not in repr(connection)
    assert connection.without_key("wrong key sk-1") == "wrong key ***"
    assert connection.host == "images.example.org"
    assert connection.shown_url == "http://images.example.org/v1"


def test_nothing_is_blotted_out_where_there_is_no_key() -> None:
    connection = connect(base_url="http://127.0.0.1:8080/v1")
    assert connection.without_key("there is no-key here") == "there is no-key here"
