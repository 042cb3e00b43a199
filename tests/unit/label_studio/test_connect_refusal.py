"""A Label Studio that does not talk to local addresses, as it is when nothing is configured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from flask import Flask
from served import serving

from importers.label_studio.connect import connect
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import Credentials, LabelStudio

REFUSAL = {
    "status_code": 403,
    "version": "1.23.2",
    "detail": "URL resolves to a reserved network address (block: 127.0.0.0/8)",
}


@pytest.fixture
def cautious() -> Iterator[LabelStudio]:
    app = Flask(__name__)
    app.add_url_rule("/api/ml", "backends", lambda: [])
    app.add_url_rule("/api/ml", "add", lambda: (REFUSAL, 403), methods=["POST"])
    app.add_url_rule("/api/projects/1", "project", lambda: {"model_version": ""})
    with serving(app) as url, closing(LabelStudio(Credentials(url, "0" * 40))) as ls:
        yield ls


def test_the_switches_that_allow_local_addresses_are_named(cautious: LabelStudio) -> None:
    with pytest.raises(LabelStudioError) as error:
        connect(cautious, 1, "http://127.0.0.1:9090", "clip:test@1")
    assert error.value.code == "backend_address_refused"
    assert "http://127.0.0.1:9090" in error.value.message
    assert "ML_BLOCK_LOCAL_IP=false" in error.value.hint
    assert "SSRF_PROTECTION_ENABLED=false" in error.value.hint
