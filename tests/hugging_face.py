"""Hugging Face `datasets`, kept from the network and from the caches of whoever runs the tests."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LoadDataset = Callable[..., Any]


def open_datasets(folder: Path) -> LoadDataset:
    """`datasets.load_dataset`, with caches in this folder."""
    with pytest.MonkeyPatch.context() as environment, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of packages that it imports
        environment.setenv("HF_HOME", str(folder))
        environment.setenv("HF_DATASETS_OFFLINE", "1")
        environment.setenv("HF_HUB_OFFLINE", "1")
        import datasets
    datasets.disable_progress_bars()

    def load(builder: str, **options: Any) -> Any:
        return datasets.load_dataset(builder, cache_dir=str(folder / "datasets"), **options)

    return load
