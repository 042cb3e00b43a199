"""Signing in to Label Studio."""

from __future__ import annotations

from pathlib import Path

import pytest
from studio_answers import LEGACY, PAT, Connect, Server, jwt

from ls_backend.errors import LabelStudioUnauthorized
from ls_backend.label_studio import Credentials, LabelStudio


def test_a_legacy_token_is_sent_as_it_is(server: Server, connect: Connect) -> None:
    assert connect().json("GET", "api/projects") == {"ok": True}
    assert server.seen == [("GET", "/api/projects", f"Token {LEGACY}")]


def test_a_personal_access_token_buys_an_access_token_once(
    server: Server, connect: Connect
) -> None:
    ls = connect(PAT)
    for _ in range(3):
        ls.json("GET", "/api/projects")
    first, *others = server.seen
    assert first[:2] == ("POST", "/api/token/refresh/")
    assert len(others) == 3
    assert all(str(authorization).startswith("Bearer ey") for _, _, authorization in others)
    assert PAT not in str(server.seen)


def test_an_access_token_is_renewed_before_it_ends(server: Server, connect: Connect) -> None:
    server.access_lifetime_s = 29
    ls = connect(PAT)
    ls.headers()
    ls.headers()
    assert [path for _, path, _ in server.seen] == ["/api/token/refresh/"] * 2


def test_a_netrc_entry_does_not_replace_our_token(
    server: Server, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    connect().json("GET", "/api/projects")
    assert server.seen[0][2] == f"Token {LEGACY}"


def test_an_access_token_is_refused_since_it_ends_in_five_minutes() -> None:
    with pytest.raises(LabelStudioUnauthorized, match="five minutes"):
        LabelStudio(Credentials("http://localhost:8080", jwt(token_type="access", exp=1, iat=1)))
