"""Layouts: how the samples of a release are arranged for the code that trains on them."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import cast

from importers.training_storage.layouts.base import Layout

LAYOUTS = MappingProxyType(
    {
        "imagefolder": "imagefolder",
        "webdataset": "webdataset",
        "parquet": "parquet",
        "coco": "coco",
        "yolo": "yolo",
        "csv": "csv_table",
        "jsonl": "jsonl",
    }
)
"""Name of each layout in `[storage] layout` → its module in this package."""


def layout(name: str) -> Layout:
    """The layout of this name; its module is imported when it is first asked for.

    Raises:
        KeyError: there is none.
        ModuleNotFoundError: a package that it needs is not installed.
    """
    return cast(Layout, import_module(f"{__name__}.{LAYOUTS[name]}").lay_out)
