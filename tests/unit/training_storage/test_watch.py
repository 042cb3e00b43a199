"""When a watching sync wakes: by events of a real backend, by the clock, never too often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from importers.training_storage.watch import LONGEST_DELAY_S, QUIET_S, Events, SyncSchedule, watch
from ls_backend.errors import LabelStudioUnauthorized, LabelStudioUnreachable, LsClipError


@dataclass
class Time:
    """A clock that goes on while somebody sleeps, and what happens then."""

    now: float = 0.0
    events: dict[float, int] = field(default_factory=dict)
    """Second → how many events the backend has taken by then."""
    started: float = 1.0
    down: tuple[float, float] = (-1.0, -1.0)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now

    def seen(self) -> tuple[float, int] | None:
        if self.down[0] <= self.now < self.down[1]:
            return None
        taken = [number for second, number in self.events.items() if second <= self.now]
        return self.started, max(taken, default=0)

    def schedule(self, every_s: float) -> SyncSchedule:
        return SyncSchedule(every_s, _Watched(self), wait=self.sleep, clock=self.clock)


class _Watched(Events):
    def __init__(self, time: Time) -> None:
        super().__init__("http://backend:9090")
        object.__setattr__(self, "_time", time)

    def seen(self) -> tuple[float, int] | None:
        return self.__dict__["_time"].seen()  # type: ignore[no-any-return]


def test_without_events_a_sync_is_due_by_the_clock() -> None:
    time = Time()
    assert (time.schedule(60).wait_until_due(), time.now) == ("time", 60)


def test_without_a_backend_a_sync_is_due_by_the_clock() -> None:
    time = Time()
    assert SyncSchedule(60, wait=time.sleep, clock=time.clock).wait_until_due() == "time"
    assert time.now == 60


def test_an_event_wakes_it_once_they_pause() -> None:
    time = Time(events={10: 1, 11: 2, 12: 5})
    schedule = time.schedule(60)
    assert schedule.wait_until_due() == "event"
    assert 12 + QUIET_S <= time.now <= 12 + QUIET_S + 2
    assert schedule.wait_until_due() == "time", "the same events wake it once"


def test_events_without_end_wake_it_all_the_same() -> None:
    time = Time(events={second: second for second in range(1, 500)})
    assert time.schedule(400).wait_until_due() == "event"
    assert time.now <= 1 + LONGEST_DELAY_S + 2


def test_a_restarted_backend_counts_as_an_event() -> None:
    """It has forgotten how many there were; some may have come while it was down."""
    time = Time(down=(5, 8))
    schedule = time.schedule(60)
    time.started = 2.0
    assert schedule.wait_until_due() == "event"


def test_a_backend_that_is_down_leaves_the_clock(caplog: pytest.LogCaptureFixture) -> None:
    time = Time(down=(0, 1000))
    schedule = time.schedule(30)
    assert [schedule.wait_until_due(), schedule.wait_until_due()] == ["time", "time"]
    assert time.now == 60
    told = [r.message for r in caplog.records if "syncing by the clock alone" in r.message]
    assert len(told) == 1


def test_a_server_that_is_no_backend_tells_of_no_events() -> None:
    assert Events("http://127.0.0.1:1").seen() is None


class Sync:
    def __init__(self, *results: int | LsClipError) -> None:
        self._results = iter(results)

    def __call__(self) -> int:
        result = next(self._results)
        if isinstance(result, LsClipError):
            raise result
        return result


def gone() -> LsClipError:
    return LabelStudioUnreachable("Label Studio does not answer.", hint="Start it.")


def some(syncs: Iterator[int], number: int) -> list[int]:
    return [next(syncs) for _ in range(number)]


def test_a_label_studio_that_is_away_for_a_while_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = Time()
    syncs = watch(Sync(1, gone(), gone(), 2), time.schedule(60))
    assert some(syncs, 2) == [1, 2]
    assert time.now == 180
    assert "does not answer. Trying again in at most 60 seconds." in caplog.text


def test_what_is_wrong_at_the_start_or_for_good_ends_it() -> None:
    with pytest.raises(LabelStudioUnreachable):
        next(watch(Sync(gone()), Time().schedule(60)))
    syncs = watch(Sync(1, LabelStudioUnauthorized("No such token.", hint="x")), Time().schedule(60))
    assert next(syncs) == 1
    with pytest.raises(LabelStudioUnauthorized):
        next(syncs)
