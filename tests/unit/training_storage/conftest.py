"""Campaigns with training storage of their own, on disk or in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hugging_face import LoadDataset, open_datasets
from release_world import LAYOUTS
from release_world import World as Releases

from importers.training_storage import releasing


@pytest.fixture
def memory_url() -> Iterator[str]:
    """A training storage in memory, emptied afterwards."""
    yield "memory://bucket/training"
    fsspec.filesystem("memory").rm("/", recursive=True)


@pytest.fixture(scope="session")
def load_dataset(tmp_path_factory: pytest.TempPathFactory) -> LoadDataset:
    """Hugging Face's `load_dataset`."""
    return open_datasets(tmp_path_factory.mktemp("hugging-face"))


@pytest.fixture(params=["local", "memory"])
def releases(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Releases:
    """An empty storage for releases, with layouts of a few lines."""
    monkeypatch.setattr(releasing, "layout", LAYOUTS.__getitem__)
    if request.param == "memory":
        return Releases(request.getfixturevalue("memory_url"))
    return Releases(str(tmp_path / "training"))
