"""Times as Label Studio writes them."""

from __future__ import annotations

from datetime import datetime


def read_time(text: str) -> datetime:
    """The time that an ISO 8601 text says, with its offset.

    Raises:
        ValueError: it says none.
    """
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not read the Z
