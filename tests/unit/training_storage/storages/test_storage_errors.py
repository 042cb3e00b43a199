"""What storages whose packages are not here say, and what their refusals mean."""

from __future__ import annotations

import sys

import pytest

from importers.training_storage.storages import open_storage
from importers.training_storage.storages.errors import is_passing, meaning
from ls_backend.errors import StorageError


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("gs://pets/training", "gcsfs", "gcs"),
        ("gcs://pets/training", "gcsfs", "gcs"),
        ("az://pets/training", "adlfs", "azure"),
        ("abfs://pets@account.dfs.core.windows.net/training", "adlfs", "azure"),
        ("hf://datasets/pets/training", "huggingface_hub", "hf"),
    ],
)
def test_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, url: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StorageError) as error:
        open_storage(url)
    assert error.value.hint.endswith(f"pip install 'label-studio-clip[{extra}]'")
    assert url in error.value.message


class HttpResponseError(Exception):
    """As azure's, which is not installed: it carries `status_code`."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status_code = status


class DefaultCredentialsError(Exception):
    """As google.auth's, which is not installed."""


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (HttpResponseError(503), True),
        (HttpResponseError(429), True),
        (HttpResponseError(403), False),
        (HttpResponseError(404), False),
        (ConnectionResetError("reset by peer"), True),
        (TimeoutError(), True),
        (FileNotFoundError("no such key"), False),
        (PermissionError("no"), False),
        (ValueError("wrong name"), False),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(error: Exception, passes: bool) -> None:
    assert is_passing(error) is passes
    wrapped = OSError("storage failed")
    wrapped.__cause__ = error
    assert is_passing(wrapped) is passes


def test_refusals_of_google_and_azure_say_what_to_do() -> None:
    why, hint = meaning(DefaultCredentialsError("none"), "gs://pets/training", "written to")
    assert why == "no credentials were found (none)"
    assert "gcloud auth application-default login" in hint
    why, hint = meaning(HttpResponseError(403), "az://pets/training", "written to")
    assert why == "these credentials have no right to it (status 403)"
    assert "Storage Blob Data Contributor on pets/training" in hint
    assert meaning(HttpResponseError(401), "az://pets/training", "read")[1].startswith("Set AZURE")
