"""Label Studio's own name, and what it means where a task's image lies under it.

Label Studio calls itself LABEL_STUDIO_HOST and writes absolute addresses with that name into tasks,
as the sync of local files does. It is the name for browsers: a backend beside Label Studio often
knows it as LABEL_STUDIO_URL alone. So the path is taken and read there. That opens nothing: a task
may name any path of Label Studio anyway.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from ls_backend.addresses import Origin, origin_of
from ls_backend.errors import LsClipError

_FOLDERS = {"data", "storage-data", "tasks", "projects", "static"}
"""Where Label Studio's images lie. Something else may share its host name."""

_FILES = re.compile(r"https?://[^/]+(/[^?#]*)?/data/(upload|local-files)/", re.IGNORECASE)


class OwnName(NamedTuple):
    """What Label Studio calls itself: `http://localhost:8080`, or with a base path after it."""

    origin: Origin
    base_path: str

    def path_of(self, source: str) -> str | None:
        """The path, without the base path, of an image under this name; None for all else.

        Args:
            source: An absolute URL, or a path, which Label Studio writes with its base path.
        """
        is_path = source.startswith("/") and not source.startswith("//")
        if not is_path and _origin(source) != self.origin:
            return None
        parts = urlsplit(source)
        path = parts.path.removeprefix(self.base_path)
        if not parts.path.startswith(f"{self.base_path}/") or path.split("/")[1] not in _FOLDERS:
            return None
        return f"{path}?{parts.query}" if parts.query else path


def own_name(hostname: str) -> OwnName | None:
    """The name in LABEL_STUDIO_HOST, which Label Studio ignores too where it is no http address."""
    origin = _origin(hostname.strip())
    if origin is None:
        return None
    return OwnName(origin, urlsplit(hostname.strip()).path.rstrip("/"))


def named_in(url: str) -> str | None:
    """Label Studio's own name, if this is the address of a file of some Label Studio."""
    match = _FILES.match(url)
    return url[: match.start(2)].removesuffix("/data/") if match else None


def _origin(url: str) -> Origin | None:
    try:
        return origin_of(url)
    except LsClipError:
        return None
