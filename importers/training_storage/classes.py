"""The class list: which number each label has, for ever."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassList:
    """Labels by number. A number is never given to another label.

    Attributes:
        names: The label of each number; None where the class was dropped or mapped to another.
    """

    names: tuple[str | None, ...] = ()

    def id_of(self, label: str) -> int:
        """The number of a label.

        Raises:
            ValueError: no class has it.
        """
        return self.names.index(label)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in use, in the order of their numbers."""
        return tuple(name for name in self.names if name is not None)
