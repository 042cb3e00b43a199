"""Campaigns with training storage of their own, on disk or in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from dataset_hub import DatasetHub, dataset_hub
from hugging_face import LoadDataset, open_datasets
from release_world import LAYOUTS
from release_world import World as Releases

from importers.training_storage.releases import write
from importers.training_storage.storages import errors as storage_errors
from importers.training_storage.storages import hub_requests


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
    monkeypatch.setattr(write, "layout", LAYOUTS.__getitem__)
    if request.param == "memory":
        return Releases(request.getfixturevalue("memory_url"))
    return Releases(str(tmp_path / "training"))


@pytest.fixture
def hub_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DatasetHub]:
    """A hub where HF_ENDPOINT points, a token that may write, short waits between tries."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-login"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub_requests, "_TRIES", {"max_retries": 2, "base_wait_time": 0})
    monkeypatch.setattr(storage_errors, "LONGEST_BACKOFF", 0.01)
    with dataset_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running
