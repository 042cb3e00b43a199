"""What stops `ls-clip serve` before it serves."""

from __future__ import annotations

import socket

import pytest

from ls_backend.errors import ConfigError
from ls_backend.server.serve import serve
from ls_backend.settings import Settings


def test_a_port_in_use_is_named_before_the_model_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"{port}: the port is in use") as refusal:
            serve("no-such-model", "127.0.0.1", port, Settings())

    assert "--port" in refusal.value.hint


@pytest.mark.parametrize(
    ("host", "port"), [("203.0.113.1", 0), ("no such host", 0), ("127.0.0.1", 65_536)]
)
def test_an_address_that_is_not_ours_is_named(host: str, port: int) -> None:
    with pytest.raises(ConfigError, match=f"{host}:{port}"):
        serve("no-such-model", host, port, Settings())
