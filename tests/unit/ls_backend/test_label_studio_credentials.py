"""Where Label Studio is and who we are: what can be an address and a token."""

from __future__ import annotations

import pytest
from studio_answers import LEGACY

from ls_backend.errors import ConfigError
from ls_backend.label_studio import Credentials, credentials_from_env


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", " http://localhost:8080/ ")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", f'"{LEGACY}"\n')
    assert credentials_from_env() == Credentials("http://localhost:8080", LEGACY)
    assert credentials_from_env("https://named.example/ls").url == "https://named.example/ls"
    assert LEGACY not in repr(credentials_from_env())


@pytest.mark.parametrize("missing", ["LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"])
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://localhost:8080")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LEGACY)
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigError, match=missing) as error:
        credentials_from_env()
    assert f"export {missing}=" in error.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://ho st",
        "http://user:password@host",
        "http://host/projects?page=1",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        Credentials(url, LEGACY)
    assert "password@" not in error.value.message


@pytest.mark.parametrize("token", ["", "two words", "ключ", "line\nbreak"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ConfigError) as error:
        Credentials("http://localhost:8080", token)
    assert token not in error.value.message or not token
