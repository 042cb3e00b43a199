"""What tests of money share: a server that is paid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from paid_api import PaidApi, paid_api


@pytest.fixture
def api() -> Iterator[PaidApi]:
    with paid_api(PaidApi()) as api:
        yield api
