"""Which versions of Label Studio work, and whether this one is among them.

Below the lowest, filters of the Data Manager find nothing: the tab of the audit would be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio

LOWEST = "1.15.0"
"""The lowest version with which the whole loop was run; the README has a table of all of them."""
ROUTE = "/api/version"
_NOT_TOLD = {"label_studio_not_found", "label_studio_forbidden", "label_studio_wrong_url"}


def check_version(ls: LabelStudio) -> str:
    """Label Studio's version, such as "1.23.2"; "" where it does not tell.

    Raises:
        LabelStudioError: it is too old ("label_studio_too_old"), or cannot be asked.
    """
    try:
        said = ls.json("GET", ROUTE, what="ask for its version")
    except LabelStudioError as error:
        if error.code in _NOT_TOLD:  # a proxy may show less of it
            return ""
        raise
    return checked_version(said, ls.url)


def checked_version(said: Any, url: str) -> str:
    """The version in an answer of `ROUTE`; see `check_version`.

    Raises:
        LabelStudioError: it is too old ("label_studio_too_old").
    """
    from packaging.version import InvalidVersion, Version

    release = str(said.get("release") or "") if isinstance(said, Mapping) else ""
    try:
        too_old = Version(release) < Version(LOWEST)
    except InvalidVersion:
        return ""
    if too_old:
        raise LabelStudioError(
            f"Label Studio {release} at {url} is too old: {LOWEST} is the lowest that works.",
            hint="Upgrade it: `pip install --upgrade label-studio`, or a newer image, after a "
            "backup of its database. Nothing was changed there.",
            code="label_studio_too_old",
        )
    return release
