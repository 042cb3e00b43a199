"""Whether a real Label Studio accepts the backend's token, as it says when it is asked."""

from __future__ import annotations

import time

import pytest

from importers.demo.services import LabelStudioServer
from ls_backend.label_studio import Credentials
from ls_backend.label_studio_access import LabelStudioAccess


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("legacy", "accepted"),
        ("personal", "accepted"),
        ("another", "refused"),
        ("of another server", "refused"),
    ],
)
def test_a_token_is_accepted_or_refused(
    label_studio: LabelStudioServer, kind: str, state: str
) -> None:
    personal = label_studio.personal_access_token()
    token = {
        "legacy": label_studio.credentials.token,
        "personal": personal,
        "another": "0" * 40,
        "of another server": personal.rpartition(".")[0] + "." + "A" * 43,
    }[kind]
    access = LabelStudioAccess(Credentials(label_studio.url, token))

    access.ask()
    until = time.monotonic() + 60
    while access.last.state == "asking":
        assert time.monotonic() < until
        time.sleep(0.05)

    assert access.last.state == state
    assert ("does not know the token" in access.last.message) == (state == "refused")
