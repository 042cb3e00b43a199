"""What a picture's file was called where it came from."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

_UPLOADED = re.compile(r".*/data/upload/\d+/(?:[0-9a-f]{8}-)?(?P<name>[^/]+)")
"""Label Studio puts eight digits and a dash before the name."""
_LOCAL_FILES = "/data/local-files"


def name_of_source(source: str) -> str | None:
    """The name in a task's value for an image: an upload, a local file, a URL, a cloud file.

    Returns:
        The file's name, unquoted; None where the value has none, as a data URI.
    """
    if source[:5].lower() == "data:":
        return None
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    if uploaded := _UPLOADED.fullmatch(parts.path):
        return unquote(uploaded["name"])
    if parts.path.rstrip("/").endswith(_LOCAL_FILES):
        return name_in_folder(next(iter(parse_qs(parts.query).get("d", ())), None))
    return name_in_folder(unquote(parts.path))


def name_in_folder(file: object) -> str | None:
    """The last part of a path with "/"; None where there is none."""
    return PurePosixPath(file).name or None if isinstance(file, str) else None
