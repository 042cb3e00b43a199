"""What the next commit on the hub will change: gathered file by file, bounded in number and bytes.

Of several changes to one file the last one counts. A copy of a file that is gathered too is that
file's content once more: the hub could not copy what no commit has yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    Operation = CommitOperationAdd | CommitOperationCopy | CommitOperationDelete

MOST_FILES = 1000
MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class CopyOf:
    """The content of a file that is in the repository, as of the commit before."""

    path: str


Content = bytes | Path | CopyOf | None
"""What a file will hold; None: it will not be there."""


class Changes:
    """New contents by path in the repository.

    Attributes:
        contents: In the order in which they were given.
    """

    def __init__(self) -> None:
        self.contents: dict[str, Content] = {}
        self._bytes = 0

    def has_room(self, content: Content) -> bool:
        """If one more file fits; the first one always does."""
        bytes_then = self._bytes + _length(content)
        return not self.contents or (len(self.contents) < MOST_FILES and bytes_then <= MOST_BYTES)

    def set(self, path: str, content: Content) -> None:
        """Let a file have this content."""
        self.forget(path)
        self.contents[path] = content
        self._bytes += _length(content)

    def forget(self, path: str) -> None:
        """Leave a file as it is in the repository."""
        self._bytes -= _length(self.contents.pop(path, None))

    def copied(self, path: str) -> Content:
        """What a copy of this file holds."""
        content = self.contents.get(path)
        return CopyOf(path) if content is None else content

    def adds_below(self, folder: str) -> bool:
        """If a file below a folder gets a content; "" is the whole repository."""
        inside = f"{folder}/" if folder else ""
        added = (path for path, content in self.contents.items() if content is not None)
        return any(path.startswith(inside) for path in added)

    def removes(self, path: str) -> bool:
        """If this file will not be there."""
        return path in self.contents and self.contents[path] is None

    def operations(self) -> list[Operation]:
        """What huggingface_hub calls them; reads and hashes the contents."""
        return [_operation(path, content) for path, content in self.contents.items()]

    def summary(self) -> str:
        """For the history: "Add 3 files, remove 1 file"."""
        verbs = Counter(map(_verb, self.contents.values()))
        return ", ".join(f"{verb} {counted(n)}" for verb, n in sorted(verbs.items())).capitalize()


def different(operations: Iterable[Operation]) -> list[CommitOperationAdd]:
    """One addition for each content: files that are alike need one upload."""
    from huggingface_hub import CommitOperationAdd

    additions = [each for each in operations if isinstance(each, CommitOperationAdd)]
    return list({each.upload_info.sha256: each for each in additions}.values())


def counted(files: int) -> str:
    """`1 file`, `3 files`."""
    return "1 file" if files == 1 else f"{files} files"


def _operation(path: str, content: Content) -> Operation:
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    if content is None:
        return CommitOperationDelete(path, is_folder=False)
    if isinstance(content, CopyOf):
        return CommitOperationCopy(content.path, path)
    return CommitOperationAdd(path, content)


def _verb(content: Content) -> str:
    if content is None:
        return "remove"
    return "copy" if isinstance(content, CopyOf) else "add"


def _length(content: Content) -> int:
    if isinstance(content, Path):
        return content.stat().st_size
    return len(content) if isinstance(content, bytes) else 0
