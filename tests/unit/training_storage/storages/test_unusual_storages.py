"""Storages with unusual but legal names: each holds releases, verifies, and lets old ones go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import fsspec
import pytest
from fsspec.registry import _registry
from release_world import LABELS, LAYOUTS, World
from s3_servers import s3_server

from importers.training_storage.releases import write
from importers.training_storage.releases.prune import prune_releases
from importers.training_storage.releases.verify import verify

FIRST = {number: LABELS[number % 3] for number in range(3)}
SECOND = {**FIRST, 0: "dog", 3: "cat"}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty bucket `pets`, where the environment says."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.resource("s3")
    bucket = client.create_bucket(Bucket="pets")
    bucket.objects.all().delete()
    yield
    client.meta.client.close()
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    _registry.pop("s3", None)  # fsspec remembers packages, which other tests take away


@pytest.mark.parametrize(
    "url",
    [
        "s3://pets",
        "s3://pets/Katzen & Hunde/größte #1 50%/",
        "memory://pets",
        "{folder}/with space/größte #1 50%/",
        "file://{folder}/with space",
    ],
)
def test_releases_are_written_verified_and_collected(
    url: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if url.startswith("s3://"):
        request.getfixturevalue("s3")
    monkeypatch.setattr(write, "layout", LAYOUTS.__getitem__)
    world = World(url.format(folder=tmp_path))
    try:
        world.release(FIRST)
        second = world.release(SECOND)
        assert world.release(SECOND) == second
        before = set(world.storage.sizes())

        report = prune_releases(world.url, keep=1)

        after = set(world.storage.sizes())
        assert report.kept == [second.name]
        assert report.files == len(before - after)
        verified = verify(world.url)
        assert (verified.is_whole, verified.leftovers) == (True, 0)
        assert {name.split("/")[0] for name in after} == {
            *("LATEST", "objects", "manifest", "parquet", "releases")
        }
    finally:
        if url.startswith("memory://"):
            fsspec.filesystem("memory").rm("/pets", recursive=True)
