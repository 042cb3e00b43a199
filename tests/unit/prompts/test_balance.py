"""Values come equally often, pairs before they repeat; techniques get their share at any moment."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.prompts.balance import BalancedRows, turns

sizes = st.lists(st.integers(1, 7), min_size=1, max_size=4)
seeds = st.integers(0, 10_000)


def values_of(sizes: list[int]) -> dict[str, list[str]]:
    return {f"f{i}": [f"{i}.{k}" for k in range(size)] for i, size in enumerate(sizes)}


def rows_of(sizes: list[int], seed: int, number: int) -> list[dict[str, str]]:
    values = values_of(sizes)
    rows = BalancedRows(values, f"{seed}|cat")
    return [rows.next(values) for _ in range(number)]


def pairs_of(rows: list[dict[str, str]], a: str, b: str) -> Counter[tuple[str, str]]:
    return Counter((row[a], row[b]) for row in rows)


@settings(max_examples=60, deadline=None)
@given(sizes, seeds, st.integers(1, 60))
def test_every_value_comes_equally_often_at_any_moment(
    sizes: list[int], seed: int, number: int
) -> None:
    rows = rows_of(sizes, seed, number)
    for name, values in values_of(sizes).items():
        counts = Counter(row[name] for row in rows)
        came = [counts[value] for value in values]
        assert max(came) - min(came) <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 8), min_size=2, max_size=2), seeds, st.integers(1, 3))
def test_of_two_factors_no_pair_comes_again_before_all_have_come(
    sizes: list[int], seed: int, rounds: int
) -> None:
    all_pairs = sizes[0] * sizes[1]
    rows = rows_of(sizes, seed, rounds * all_pairs)
    assert set(pairs_of(rows, "f0", "f1").values()) == {rounds}
    assert max(pairs_of(rows[:all_pairs], "f0", "f1").values()) == 1


@settings(max_examples=40, deadline=None)
@given(sizes, seeds, st.integers(0, 40), st.integers(0, 40))
def test_more_rows_keep_the_first_ones(sizes: list[int], seed: int, few: int, more: int) -> None:
    assert rows_of(sizes, seed, few + more)[:few] == rows_of(sizes, seed, few)


@pytest.mark.parametrize(("sizes", "number", "least"), [([5] * 4, 25, 1.0), ([8, 5, 4], 40, 0.88)])
def test_of_more_factors_most_pairs_come_before_any_repeats(
    sizes: list[int], number: int, least: float
) -> None:
    rows = rows_of(sizes, 1, number)
    for a, b in itertools.combinations(values_of(sizes), 2):
        possible = min(number, len(values_of(sizes)[a]) * len(values_of(sizes)[b]))
        assert len(pairs_of(rows, a, b)) >= least * possible


@settings(max_examples=40, deadline=None)
@given(seeds, st.lists(st.booleans(), min_size=1, max_size=50))
def test_a_factor_that_some_rows_leave_out_is_balanced_too(seed: int, uses: list[bool]) -> None:
    rows = BalancedRows(values_of([3, 4]), str(seed))
    made = [rows.next(["f0", "f1"] if both else ["f0"]) for both in uses]
    assert [set(row) for row in made] == [{"f0", "f1"} if both else {"f0"} for both in uses]
    for name, size in (("f0", 3), ("f1", 4)):
        counts = Counter(row[name] for row in made if name in row)
        came = [counts[f"{name[1]}.{k}"] for k in range(size)]
        assert max(came) - min(came) <= 1


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0.05, 20), min_size=1, max_size=6), st.integers(1, 150))
def test_each_technique_has_its_share_less_than_one_off_at_any_moment(
    shares: list[float], number: int
) -> None:
    counts = Counter(itertools.islice(turns(shares), number))
    for index, share in enumerate(shares):
        assert abs(counts[index] - number * share / sum(shares)) < 1 + 1e-6
