"""Who asks: the projects of Label Studio that the backend answers, and what came of their tasks.

For the page at /, and the log. Bounded: of projects that have not asked for long, nothing is known.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

PROJECTS_KEPT = 100


@dataclass(frozen=True)
class Project:
    """What is known of a project.

    Attributes:
        number: Number of the project in Label Studio.
        version: Model version that it was given last; "" before the first.
        asked: Time of its last /setup or /predict, in seconds since 1970.
        answered: Number of tasks that got a prediction.
        failed: Code of a reason → number of tasks that got none for it.
        last: Last reason why there was no prediction, in a sentence; "" where there is none.
    """

    number: str
    version: str = ""
    asked: float = 0.0
    answered: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    last: str = ""


class Projects:
    """The projects that asked last. Safe to share between threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Project] = OrderedDict()
        self._lock = threading.Lock()

    def asked(self, number: str, version: str) -> bool:
        """A project has asked, and is answered with this version; whether that is news."""
        with self._lock:
            before = self._asking(number)
            self._known[number] = replace(before, version=version)
        return before.version != version

    def refused(self, number: str, reason: str) -> None:
        """A project has asked with a labeling config that cannot be answered."""
        with self._lock:
            self._known[number] = replace(self._asking(number), last=reason)

    def answered(self, number: str, tasks: int, failed: Mapping[str, int], last: str) -> None:
        """Count what came of a request of a project that has asked: see `Project`."""
        with self._lock:
            before = self._known.get(number)
            if before is not None:
                self._known[number] = replace(
                    before,
                    answered=before.answered + tasks,
                    failed=Counter(before.failed) + Counter(failed),
                    last=last or before.last,
                )

    def _asking(self, number: str) -> Project:
        """What is known of it, now that it asks; makes room for it."""
        before = self._known.pop(number, Project(number))
        if len(self._known) >= PROJECTS_KEPT:
            self._known.popitem(last=False)
        return replace(before, asked=time.time())

    def latest_first(self) -> list[Project]:
        with self._lock:
            return list(reversed(self._known.values()))
