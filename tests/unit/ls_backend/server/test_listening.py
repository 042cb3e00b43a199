"""The listening socket: what keeps it from being had, with the option that mends it."""

from __future__ import annotations

import pytest

from ls_backend.errors import ConfigError
from ls_backend.server.listening import bound


@pytest.mark.parametrize("host", ["no such host", "a" * 70, "192.0.2.1"])
def test_a_host_that_is_not_this_machine(host: str) -> None:
    with pytest.raises(ConfigError, match="no address of this machine") as error:
        bound(host, 0)
    assert "--host" in error.value.hint
    assert "--port" not in error.value.hint


def test_ports_that_cannot_be_had() -> None:
    with bound("127.0.0.1", 0) as taken, pytest.raises(ConfigError, match="in use") as busy:
        bound("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(ConfigError, match="from 0 to 65535") as too_high:
        bound("127.0.0.1", 70_000)
    for error in (busy, too_high):
        assert "--port" in error.value.hint
        assert "--host" not in error.value.hint
