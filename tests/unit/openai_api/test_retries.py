"""One pace for all threads: pauses, halves, and grows again; on a clock of our own."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from importers.openai_api.errors import RateLimited
from importers.openai_api.retries import Pace


@dataclass
class Clock:
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(clock.sleep, clock.time)


def refusal(wait_s: float | None) -> RateLimited:
    return RateLimited("later", hint="wait", wait_s=wait_s)


def test_nothing_waits_before_the_api_says_so(pace: Pace, clock: Clock) -> None:
    for _ in range(100):
        pace.wait()
        pace.speed_up()
    assert clock.slept == []
    assert pace.rate is None


def test_one_refusal_pauses_everybody(pace: Pace) -> None:
    pace.slow_down(pace.wait(), refusal(7.0))
    assert pace.wait() == 7.0
    assert pace.wait() > 7.0  # the next one leaves later, not in the same moment


def test_many_refusals_at_once_lower_the_rate_once(pace: Pace, clock: Clock) -> None:
    for _ in range(10):
        pace.wait()
        pace.speed_up()
        clock.now += 0.1
    together = [pace.wait() for _ in range(8)]
    for sent_at in together:
        pace.slow_down(sent_at, refusal(20.0))
    assert pace.rate == pytest.approx(5.0, rel=0.1)  # it was 10 a second
    for _ in range(2):  # nothing has passed at this rate yet: it may be right
        pace.slow_down(pace.wait(), refusal(20.0))
    assert pace.rate == pytest.approx(5.0, rel=0.1)
    pace.wait()
    pace.speed_up()
    pace.slow_down(pace.wait(), refusal(20.0))
    assert pace.rate == pytest.approx(2.5, rel=0.1)


def test_the_rate_grows_again_with_what_passes(pace: Pace) -> None:
    pace.slow_down(pace.wait(), refusal(2.0))
    slow = pace.rate
    assert slow is not None
    for _ in range(20):
        pace.wait()
        pace.speed_up()
    assert pace.rate == pytest.approx(2 * slow)


def test_a_pause_without_a_number_grows_and_is_jittered(pace: Pace, clock: Clock) -> None:
    for _ in range(9):
        pace.slow_down(pace.wait(), refusal(None))
    pace.wait()
    assert 1 <= clock.slept[0] <= 2
    assert 15 <= clock.slept[-1] <= 30
    assert len(set(clock.slept)) == len(clock.slept)


def test_patience_ends_for_all_and_begins_anew_with_an_image(pace: Pace) -> None:
    pace.slow_down(pace.wait(), refusal(800.0))
    pace.wait()
    pace.speed_up()
    pace.slow_down(pace.wait(), refusal(800.0))
    sent_at = pace.wait()
    pace.slow_down(sent_at, refusal(800.0))
    for _ in range(2):
        with pytest.raises(RateLimited):
            pace.wait()


def test_it_settles_at_what_the_api_allows(pace: Pace, clock: Clock) -> None:
    """An API that takes 2 requests a second is asked about that often, and refuses few."""
    free_at, passed, refused = 0.0, 0, 0
    while clock.now < 300:
        sent_at = pace.wait()
        clock.now += 0.001
        if clock.now < free_at:
            refused += 1
            pace.slow_down(sent_at, refusal(free_at - clock.now))
        else:
            passed += 1
            free_at = clock.now + 0.5
            pace.speed_up()
    assert passed > 0.7 * 600
    assert refused < passed / 4


def test_threads_leave_one_after_the_other_after_a_pause() -> None:
    pace = Pace()
    pace.slow_down(pace.wait(), refusal(0.05))
    turns: list[float] = []
    threads = [threading.Thread(target=lambda: turns.append(pace.wait())) for _ in range(3)]
    interval = 1 / (pace.rate or 1)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second, third = sorted(turns)
    assert second - first >= interval
    assert third - second >= interval
