"""Layouts: how the samples of a release are arranged for the code that trains on them."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import cast

from importers.training_storage.layouts.base import Layout

LAYOUTS = MappingProxyType(
    {
        "imagefolder": ("imagefolder", "lay_out"),
        "webdataset": ("webdataset", "lay_out"),
        "parquet": ("parquet", "lay_out"),
        "coco": ("coco", "lay_out"),
        "yolo": ("yolo", "lay_out"),
        "csv": ("tables", "lay_out_csv"),
        "jsonl": ("tables", "lay_out_jsonl"),
    }
)
"""Name of each layout in `[storage] layout` → its module in this package and its function."""


def layout(name: str) -> Layout:
    """The layout of this name; its module is imported when it is first asked for.

    Raises:
        KeyError: there is none.
        ModuleNotFoundError: a package that it needs is not installed.
    """
    return cast(Layout, getattr(_module(name), LAYOUTS[name][1]))


def version(name: str) -> str:
    """Which files of earlier releases this layout can take lines from: those of this version."""
    return cast(str, getattr(_module(name), "VERSION", ""))


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{LAYOUTS[name][0]}")
