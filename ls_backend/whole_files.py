"""Files that are whole or not there, whatever cuts the writing short: a kill, a full disk, …"""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_whole(target: Path, data: bytes, part: Path | None = None) -> None:
    """Write a file under another name, have it on the disk, then give it its name.

    Args:
        part: The other name, on the same file system: what it holds stays there when the writing
            fails. None for a hidden one in the same folder, which is removed then.

    Raises:
        OSError: it cannot be written; a file that was there before is as it was.
    """
    unfinished = part or target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException:
        if part is None:
            unfinished.unlink(missing_ok=True)
        raise


def put_in_place(part: Path, target: Path) -> None:
    """Have a file that somebody else wrote on the disk, then give it its name."""
    flush(part)
    part.replace(target)


def flush(path: Path) -> None:
    """Have a file's content, or a folder's names, outlast a power failure."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
