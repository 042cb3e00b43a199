"""What a layout is, and what it may do: the release hands it records, and takes its files.

Packed layouts (webdataset, parquet) write files named by their content, which releases share: one
that the last release has is kept as it is. Trees and indexes lie in the release's own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from importers.config.storage_sections import StorageSettings
from importers.record import Record
from importers.training_storage.classes import ClassList


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
