"""Which cloud files are read directly, by which library, and how its failures are named."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
from cloud_reading import ROOMY, SHORT, refused
from fsspec.asyn import AsyncFileSystem
from fsspec.registry import _registry

from ls_backend.errors import ConfigError, ImageError
from ls_backend.images.cloud_files import CloudFiles
from ls_backend.images.task_images import TaskImages
from ls_backend.settings import Settings, settings_from_env

pytestmark = pytest.mark.usefixtures("forget_storages")


def test_a_storage_that_is_not_listed_is_left_to_label_studio() -> None:
    images = TaskImages(Settings(cloud_direct=frozenset({"gs"})))

    with pytest.raises(ImageError) as refusal:
        images.fetch({"id": 1, "data": {"image": "s3://pets/cat.png"}}, "image")

    assert refusal.value.code == "no_label_studio"


def test_a_package_that_is_missing_is_named_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)

    with pytest.raises(ConfigError) as refusal:
        settings_from_env({"CLIP_CLOUD_DIRECT": "s3"})

    assert refusal.value.hint.endswith("pip install 'label-studio-clip[s3]'")


def test_a_package_that_went_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)

    error = refused("s3://pets/a.png")

    assert error.code == "cloud_package"
    assert error.hint.endswith("pip install 'label-studio-clip[s3]'")


class Shelf(AsyncFileSystem):
    """A storage of one file; asked for others, it fails as each library does."""

    protocol = ("az", "gs")
    cachable = False

    async def _cat_file(self, path: str, start: int, end: int, **_: object) -> bytes:
        if path.endswith("/hang"):
            await asyncio.sleep(600)
        if failure := FAILURES.get(path.rpartition("/")[2]):
            raise failure
        return f"{path} {start}-{end}".encode()


class StatusError(Exception):
    """As Azure's and gcsfs's own look."""

    def __init__(self, **numbers: int) -> None:
        super().__init__("Not for you.\nRequestId: 1")
        for name, number in numbers.items():
            setattr(self, name, number)


FAILURES: Mapping[str, Exception] = {
    "azure-403": StatusError(status_code=403),
    "gcs-401": StatusError(code=401),
    "gcs-403": OSError("Forbidden: pets/a\nno storage.objects.get"),
    "gone": FileNotFoundError("pets/a"),
    "odd": RuntimeError("one\ntwo"),
    "empty": StatusError(code=416),
}


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    for protocol in ("az", "gs"):
        monkeypatch.setitem(_registry, protocol, Shelf)


@pytest.mark.parametrize(
    ("uri", "asked"),
    [
        ("azure-blob://pets/a b.png", b"az://pets/a b.png 0-1001"),
        ("AZURE-BLOB://Pets/A.png", b"az://Pets/A.png 0-1001"),
        ("gs://pets/a.png", b"gs://pets/a.png 0-1001"),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_each_scheme_has_its_filesystem_and_a_bound(uri: str, asked: bytes) -> None:
    assert CloudFiles(ROOMY).read(uri) == asked


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("azure-403", "cloud_forbidden"),
        ("gcs-401", "cloud_forbidden"),
        ("gcs-403", "cloud_forbidden"),
        ("gone", "cloud_missing"),
        ("odd", "cloud"),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_each_librarys_failures_have_one_name(name: str, code: str) -> None:
    error = refused(f"azure-blob://pets/{name}")

    assert error.code == code
    assert "\n" not in error.message


@pytest.mark.usefixtures("shelf")
def test_a_range_beyond_an_empty_file_is_its_content() -> None:
    assert CloudFiles(ROOMY).read("gs://pets/empty") == b""


@pytest.mark.usefixtures("shelf")
def test_a_storage_that_hangs_ends_at_the_deadline() -> None:
    assert refused("gs://pets/hang", SHORT).code == "timeout"


def test_credentials_that_are_looked_for_too_long_end_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(Shelf):
        def __init__(self, *args: Any, **options: Any) -> None:
            time.sleep(2)
            super().__init__(*args, **options)

    monkeypatch.setitem(_registry, "gs", Slow)
    files = CloudFiles(SHORT)

    with pytest.raises(ImageError) as refusal:
        files.read("gs://pets/a")

    assert refusal.value.code == "timeout"
