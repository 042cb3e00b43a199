"""How a long step tells how far it is, without knowing who watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with (done, total): once before the first step, then after each."""


class PaidProgress(Protocol):
    """A Progress that is also told what the step has cost so far."""

    def __call__(self, done: int, total: int, spent: str = "", /) -> None:
        """Like `Progress`.

        Args:
            spent: For people, "$1.20"; empty where nothing was spent.
        """
        ...


def silent(done: int, total: int, spent: str = "", /) -> None:
    """Watch nothing."""
