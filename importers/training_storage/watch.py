"""Syncing again and again: at an event that the ML backend took, and every so often without one.

Events only wake: what changed is asked of Label Studio, so a lost one costs time and nothing else.
Label Studio sends one for each answer; a sync waits until they pause, but not for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from importers.label_studio.backend import ask_backend
from ls_backend.errors import ConfigError, LsClipError

POLL_S = 1.0
QUIET_S = 2.0
LONGEST_DELAY_S = 20.0
_TIMEOUT_S = 2.0
_PASSING = {"label_studio_unreachable", "label_studio_failed", "storage", "ledger_in_use"}

log = logging.getLogger(__name__)

T = TypeVar("T")
Seen = tuple[float, int]
"""When the backend was started, and how many events it has taken since."""


@dataclass(frozen=True)
class Events:
    """The events that an ML backend has taken.

    Attributes:
        backend_url: Without a slash at its end.
        basic_auth: User name and password that it asks for.
    """

    backend_url: str
    basic_auth: tuple[str, str] | None = None

    def seen(self) -> Seen | None:
        """What the backend has taken; None where it does not answer, which is no trouble."""
        try:
            answer = ask_backend(
                self.backend_url, "GET", "/events", self.basic_auth, _TIMEOUT_S
            ).json()
            return float(answer["since"]), int(answer["events"])
        except (ConfigError, ValueError, KeyError, TypeError) as error:
            log.debug("%s/events: %s", self.backend_url, error)
            return None


@dataclass
class SyncSchedule:
    """Says when the next sync is due.

    Attributes:
        every_s: Seconds after which it is due without any event.
        events: Counter of the backend's events; None where there is none.
        wait, clock: Sleep for so many seconds, and tell the time in seconds.
    """

    every_s: float
    events: Events | None = None
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._deaf = False
        self._last = self._look()

    def wait_until_due(self) -> str:
        """Return when a sync is due: "event" or "time"."""
        start = self.clock()
        while (left := start + self.every_s - self.clock()) > 0:
            self.wait(min(POLL_S, left))
            if self._changed():
                self._wait_for_quiet()
                return "event"
        return "time"

    def _wait_for_quiet(self) -> None:
        first = last = self.clock()
        while self.clock() - last < QUIET_S and self.clock() - first < LONGEST_DELAY_S:
            self.wait(min(POLL_S, QUIET_S))
            if self._changed():
                last = self.clock()

    def _changed(self) -> bool:
        now = self._look()
        changed = now is not None and now != self._last
        self._last = now or self._last
        return changed

    def _look(self) -> Seen | None:
        if self.events is None:
            return None
        now = self.events.seen()
        if (now is None) != self._deaf:
            self._deaf = now is None
            tell = log.warning if self._deaf else log.info
            tell(
                "The ML backend at %s %s.",
                self.events.backend_url,
                "tells of no events: syncing by the clock alone" if self._deaf else "is back",
            )
        return now


def watch(sync: Callable[[], T], schedule: SyncSchedule) -> Iterator[T]:
    """Sync at once, then whenever the schedule says; yields what each sync returns.

    From the second one on, a Label Studio or storage that cannot be reached for the moment is
    logged, and tried again when it says so next; every other error ends it.
    """
    yield sync()
    while True:
        schedule.wait_until_due()
        try:
            yield sync()
        except LsClipError as error:
            if error.code not in _PASSING:
                raise
            log.warning("%s Trying again in at most %.0f seconds.", error.message, schedule.every_s)
