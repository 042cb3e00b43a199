"""Layouts: how the samples of a release are arranged for the code that trains on them.

A layout is handed records and an output, which takes its files. Packed layouts (webdataset,
parquet) write files named by their content, which releases share: one that the last release has is
kept as it is. Trees and indexes lie in the release's own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Protocol, cast

from importers.config.storage_sections import StorageSettings
from importers.record import Record
from importers.training_storage.classes import ClassList

LAYOUTS = MappingProxyType(
    {
        "imagefolder": ("imagefolder", "lay_out"),
        "webdataset": ("packed", "lay_out_webdataset"),
        "parquet": ("parquet", "lay_out"),
        "coco": ("coco", "lay_out"),
        "yolo": ("folders", "lay_out_yolo"),
        "csv": ("tables", "lay_out_csv"),
        "jsonl": ("tables", "lay_out_jsonl"),
    }
)
"""Name of each layout in `[storage] layout` → its module in this package and its function."""


@dataclass(frozen=True)
class Contents:
    """What is to be laid out.

    Attributes:
        records: Records of all approved samples, in the order of their keys.
        classes: Every class there is or was, by number.
        settings: Settings of the storage.
        before: Records of the last release, by key; none where they are not known.
    """

    records: Sequence[Record]
    classes: ClassList
    settings: StorageSettings
    before: Mapping[str, Record] = field(default_factory=dict)


class Output(Protocol):
    """Takes the files of one layout of one release. Paths have forward slashes."""

    def keep(self, path: str) -> bool:
        """Take a shared file into this release as it is, where the last release has it.

        Args:
            path: Below the storage's root, named by its content.

        Returns:
            Whether the last release has it; otherwise `share` it.
        """

    def share(self, path: str, data: bytes) -> None:
        """Write a shared file, named by its content, below the storage's root."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file into the folder of this layout in this release."""

    def place(self, name: str, record: Record) -> None:
        """Put the record's picture into the folder of this layout in this release."""

    def earlier(self, name: str) -> bytes | None:
        """What `write` was given for this name in the last release.

        Returns:
            None where there is none that is as it should be, or the layout's `VERSION` was another.
        """

    def image(self, record: Record) -> bytes:
        """The bytes of the record's picture."""

    def url(self, path: str) -> str:
        """The full URL of a path below the storage's root, as other programs take it."""


Layout = Callable[[Contents, Output], None]
"""Lays out a release. The same contents always give the same files, byte for byte."""


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
