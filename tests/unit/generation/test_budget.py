"""No cap can be exceeded, by one thread or by many, over runs, labels and midnight."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.config.sections import BudgetSettings
from importers.generation.budget import Budget, CapReached, Commitment, Reservation, check_priced
from ls_backend.errors import ConfigError

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def budget(*before: Commitment, day: date = MONDAY, **caps: str) -> Budget:
    return Budget(BudgetSettings.model_validate(caps), before, lambda: day)


def reserved(outcome: Reservation | CapReached) -> Reservation:
    assert isinstance(outcome, Reservation)
    return outcome


def reached(outcome: Reservation | CapReached) -> CapReached:
    assert isinstance(outcome, CapReached)
    return outcome


def test_exactly_the_cap_may_be_spent_and_not_a_cent_more() -> None:
    purse = budget(per_run_usd="0.30")
    for _ in range(3):
        reserved(purse.reserve("cat", Decimal("0.10")))
    cap = reached(purse.reserve("cat", Decimal("0.01")))
    assert (cap.cap, cap.label) == ("per_run_usd", None)
    assert (cap.spent_usd, cap.left_usd) == (Decimal("0.30"), Decimal(0))
    assert cap.needed_usd == Decimal("0.01")


def test_what_was_not_needed_can_be_spent_again() -> None:
    purse = budget(per_run_usd="0.10")
    first = reserved(purse.reserve("cat", Decimal("0.10")))
    reached(purse.reserve("cat", Decimal("0.05")))
    purse.settle(first, Decimal("0.04"))
    reserved(purse.reserve("cat", Decimal("0.06")))
    reached(purse.reserve("cat", Decimal("0.01")))


def test_a_cost_above_the_reservation_counts() -> None:
    purse = budget(per_run_usd="0.10")
    purse.settle(reserved(purse.reserve("cat", Decimal("0.01"))), Decimal("0.09"))
    reached(purse.reserve("cat", Decimal("0.02")))


def test_without_an_answer_the_reservation_stays() -> None:
    purse = budget(per_run_usd="0.10")
    purse.settle(reserved(purse.reserve("cat", Decimal("0.10"))), None)
    reached(purse.reserve("cat", Decimal("0.01")))


def test_a_label_has_a_cap_of_its_own_over_all_runs() -> None:
    purse = budget(Commitment("cat", date(2026, 1, 1), Decimal("0.9")), per_label_usd="1")
    cap = reached(purse.reserve("cat", Decimal("0.2")))
    assert (cap.cap, cap.label, cap.left_usd) == ("per_label_usd", "cat", Decimal("0.1"))
    reserved(purse.reserve("dog", Decimal("0.2")))


def test_what_one_cap_refuses_is_not_counted_by_another() -> None:
    purse = budget(per_run_usd="0.3", per_label_usd="0.2")
    reserved(purse.reserve("cat", Decimal("0.2")))
    reached(purse.reserve("cat", Decimal("0.1")))
    reserved(purse.reserve("dog", Decimal("0.1")))
    reached(purse.reserve("bird", Decimal("0.1")))


def test_a_day_counts_earlier_runs_of_that_day_alone() -> None:
    before = (
        Commitment("cat", MONDAY, Decimal("0.5")),
        Commitment(None, TUESDAY, Decimal("0.7")),
    )
    reached(budget(*before, per_day_usd="1", day=TUESDAY).reserve("cat", Decimal("0.4")))
    reserved(budget(*before, per_day_usd="1", day=MONDAY).reserve("cat", Decimal("0.4")))
    reserved(budget(*before, per_run_usd="1", day=TUESDAY).reserve("cat", Decimal(1)))


def test_a_request_counts_for_the_day_on_which_it_was_sent() -> None:
    days = [MONDAY, TUESDAY, TUESDAY]
    purse = Budget(BudgetSettings(per_day_usd=Decimal(1)), (), lambda: days.pop(0))
    late = reserved(purse.reserve("cat", Decimal(1)))
    early = reserved(purse.reserve("cat", Decimal("0.8")))
    assert (late.day, early.day) == (MONDAY, TUESDAY)
    purse.settle(late, Decimal(0))
    reached(purse.reserve("cat", Decimal("0.3")))  # Monday's money is no help on Tuesday


def test_free_images_pass_every_cap() -> None:
    purse = budget(Commitment("cat", MONDAY, Decimal(5)), per_day_usd="1", per_label_usd="1")
    reserved(purse.reserve("cat", Decimal(0)))


def test_unknown_costs_pass_until_a_cap_is_spent() -> None:
    purse = budget(per_run_usd="0.10")
    first = reserved(purse.reserve("cat", None))
    reserved(purse.reserve("cat", None))
    purse.settle(first, Decimal("0.10"))
    assert reached(purse.reserve("cat", None)).needed_usd is None


@pytest.mark.parametrize("parallel", [2, 16])
def test_threads_cannot_overshoot_together(parallel: int) -> None:
    purse = budget(per_run_usd="1", per_label_usd="0.60")
    together = threading.Barrier(parallel)
    lock = threading.Lock()
    most = {"all": Decimal(0), "cat": Decimal(0), "dog": Decimal(0)}
    sent = {"cat": Decimal(0), "dog": Decimal(0)}

    def work(number: int) -> None:
        label = "cat" if number % 2 else "dog"
        together.wait()
        for _ in range(200):
            outcome = purse.reserve(label, Decimal("0.013"))
            if not isinstance(outcome, Reservation):
                continue
            with lock:
                sent[label] += Decimal("0.013")
                most[label] = max(most[label], sent[label])
                most["all"] = max(most["all"], sum(sent.values(), Decimal(0)))
            # Settled in the books before ours: they may only be behind, never ahead.
            with lock:
                sent[label] -= Decimal("0.006")
                purse.settle(outcome, Decimal("0.007"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(parallel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most["all"] <= 1
    assert max(most["cat"], most["dog"]) <= Decimal("0.60")
    assert most["all"] > Decimal("0.95")  # and the cap is made use of


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["cat", "dog"]), st.integers(1, 50), st.none() | st.integers(0, 50)
        ),
        max_size=60,
    )
)
def test_no_order_of_requests_exceeds_a_cap(steps: list[tuple[str, int, int | None]]) -> None:
    """Costs at most as reserved; None is a request that was never answered."""
    purse = budget(per_run_usd="1", per_label_usd="0.7")
    spent = {"cat": Decimal(0), "dog": Decimal(0)}
    for label, cents, cost in steps:
        outcome = purse.reserve(label, Decimal(cents) / 100)
        if isinstance(outcome, Reservation):
            paid = None if cost is None else Decimal(min(cost, cents)) / 100
            purse.settle(outcome, paid)
            spent[label] += Decimal(cents) / 100 if paid is None else paid
        assert spent["cat"] + spent["dog"] <= 1
        assert max(spent.values()) <= Decimal("0.7")


def test_unknown_prices_are_refused_where_the_campaign_says_so() -> None:
    refuse = BudgetSettings(unpriced="refuse")
    assert check_priced(refuse, "m", 0) is None
    with pytest.raises(ConfigError, match="3 of the requests to m") as caught:
        check_priced(refuse, "m", 3)
    assert caught.value.code == "unpriced"
    assert check_priced(BudgetSettings(), "m", 3) is None
    capped = BudgetSettings(per_run_usd=Decimal(1))
    assert "hold only what turns out to be spent" in (check_priced(capped, "m", 3) or "")
