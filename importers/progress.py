"""How a long step tells how far it is, without knowing who watches."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, total): once before the first step, then after each."""


def silent(done: int, total: int) -> None:
    """Watch nothing."""
