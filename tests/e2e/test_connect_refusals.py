"""A connection that cannot be made: each reason has words and a code of its own."""

from __future__ import annotations

import pytest
from plain_projects import CONFIG, new_project
from review_world import VERSION
from stub_backend import StubBackend

from importers.demo.services import BackendServer
from importers.label_studio.backend import backend_version
from importers.label_studio.connect import connect
from ls_backend.errors import ConfigError, LabelStudioError, LsClipError
from ls_backend.label_studio import LabelStudio

UNFIT = '<View><Text name="text" value="$text"/></View>'
NOWHERE = "http://127.0.0.1:9"


def test_a_backend_with_a_password(ls: LabelStudio, empty_project: int, stub: StubBackend) -> None:
    stub.login = ("label-studio", "open sesame")
    with pytest.raises(ConfigError) as unknown:
        backend_version(stub.url, CONFIG, empty_project)
    assert unknown.value.code == "backend_unauthorized"
    with pytest.raises(LabelStudioError) as refused:
        connect(ls, empty_project, stub.url, VERSION)
    assert refused.value.code == "backend_unauthorized"
    assert backend_version(stub.url, CONFIG, empty_project, stub.login) == VERSION
    assert connect(ls, empty_project, stub.url, VERSION, stub.login).live


def test_a_backend_that_is_down(ls: LabelStudio, empty_project: int) -> None:
    with pytest.raises(LabelStudioError) as error:
        connect(ls, empty_project, NOWHERE, VERSION)
    assert error.value.code == "backend_unreachable"
    assert "ls-clip serve" in error.value.hint


def test_a_backend_that_is_none(ls: LabelStudio, empty_project: int) -> None:
    with pytest.raises(LabelStudioError) as error:
        connect(ls, empty_project, ls.url, VERSION)
    assert error.value.code == "backend_refuses_setup"
    assert "Not Found" in error.value.message


def test_a_backend_that_is_too_slow(ls: LabelStudio, empty_project: int, stub: StubBackend) -> None:
    stub.setup_takes_s = 3.5
    with pytest.raises(LabelStudioError, match="within 3 seconds"):
        connect(ls, empty_project, stub.url, VERSION)


def test_a_config_that_the_backend_cannot_answer(ls: LabelStudio, backend: BackendServer) -> None:
    project_id = new_project(ls, [], label_config=UNFIT)
    with pytest.raises(ConfigError, match="CLIP can fill Choices") as asked:
        backend_version(backend.url, UNFIT, project_id)
    assert asked.value.code == "backend_refuses_config"
    with pytest.raises(LabelStudioError, match="CLIP can fill Choices"):
        connect(ls, project_id, backend.url, VERSION)


@pytest.mark.parametrize("address", ["nonsense", "ftp://host", "http://[::1"])
def test_what_is_no_address(ls: LabelStudio, address: str) -> None:
    with pytest.raises(ConfigError, match="not the address"):
        backend_version(address, CONFIG, 1)
    with pytest.raises(ConfigError, match="not the address"):
        connect(ls, 1, address, VERSION)


@pytest.mark.parametrize(
    ("address", "code"), [(NOWHERE, "backend_unreachable"), (None, "backend_wrong_url")]
)
def test_asking_an_address_without_backend(ls: LabelStudio, address: str | None, code: str) -> None:
    with pytest.raises(LsClipError) as error:
        backend_version(address or ls.url, CONFIG, 1)
    assert error.value.code == code


def test_a_project_that_is_not_there(ls: LabelStudio, stub: StubBackend) -> None:
    with pytest.raises(LabelStudioError) as error:
        connect(ls, 999_999, stub.url, VERSION)
    assert error.value.code == "label_studio_not_found"


def test_a_model_that_still_loads_is_waited_for(
    ls: LabelStudio, empty_project: int, stub: StubBackend, caplog: pytest.LogCaptureFixture
) -> None:
    stub.loading = 2
    with caplog.at_level("INFO"):
        assert backend_version(stub.url, CONFIG, empty_project) == VERSION
    assert "still loads its model: trying again" in caplog.text
    stub.loading = 1
    assert connect(ls, empty_project, stub.url, VERSION).live
    assert stub.loading == 0


def test_a_model_that_never_loads(empty_project: int, stub: StubBackend) -> None:
    stub.loading = 1_000_000
    with pytest.raises(ConfigError, match="still loads") as error:
        backend_version(stub.url, CONFIG, empty_project, patience_s=1.0)
    assert error.value.code == "backend_loading"
    assert "/ready" in error.value.hint
