"""Paths within Label Studio: of a file under the name it gives itself, and of a cloud file.

Label Studio writes absolute addresses into tasks with LABEL_STUDIO_HOST, the name by which browsers
know it. The backend may know it by another name, and reads the same path there.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ls_backend.addresses import Origin, origin_of, shown
from ls_backend.errors import ImageError, LsClipError

_FOLDERS = {"data", "storage-data", "tasks", "projects", "static"}
"""Where Label Studio's images lie. Something else may share its host name."""

_FILES = re.compile(r"https?://[^/]+(/[^?#]*)?/data/(upload|local-files)/", re.IGNORECASE)


class LabelStudioName(NamedTuple):
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


def label_studio_name(hostname: str) -> LabelStudioName | None:
    """The name in LABEL_STUDIO_HOST, which Label Studio ignores too where it is no http address."""
    origin = _origin(hostname.strip())
    if origin is None:
        return None
    return LabelStudioName(origin, urlsplit(hostname.strip()).path.rstrip("/"))


def name_in(url: str) -> str | None:
    """What a Label Studio calls itself, if this is the address of one of its files."""
    match = _FILES.match(url)
    return url[: match.start(2)].removesuffix("/data/") if match else None


def presign_path(uri: str, task: Mapping[str, Any]) -> str:
    """The path at which Label Studio redirects to the signed address of a task's cloud file.

    Raises:
        ImageError: The task is not saved in Label Studio.
    """
    number = task.get("id")
    if not isinstance(number, int):
        raise ImageError(
            f"{shown(uri)} is read through Label Studio, and the task has no number.",
            hint="Ask for tasks that are saved in Label Studio.",
            code="no_task_id",
        )
    name = base64.urlsafe_b64encode(uri.encode()).decode()
    return f"/tasks/{number}/presign/?fileuri={name}"


def _origin(url: str) -> Origin | None:
    try:
        return origin_of(url)
    except LsClipError:
        return None
