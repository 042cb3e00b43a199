"""Who is in the audit sample: at random, once, with a known probability."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.config.campaign import Campaign
from importers.label_studio.push import draw, draw_audit
from importers.ledger import Ledger
from importers.sample import PlannedSample, Prompt
from ls_backend.zero_shot import Score


def campaign(share: float) -> Campaign:
    return Campaign.model_validate(
        {
            "name": "pets",
            "labels": ["cat", "dog"],
            "samples": 1,
            "prompts": {"templates": ["a {label}"]},
            "generator": {"model": "sketch-1"},
            "review": {"audit": share},
        }
    )


def ledger_with(path: Path, names: range) -> Ledger:
    ledger = Ledger(path)
    add_scored(ledger, names)
    return ledger


def add_scored(ledger: Ledger, names: range) -> None:
    prompt = Prompt("a cat", "cat", "vanilla", {})
    ledger.plan(PlannedSample(f"{i:03d}", prompt, "m", "8x8", {}, i) for i in names)
    ledger.record_scores({f"{i:03d}": Score("cat", i / 1000, 0, "cat", 0, 0) for i in names}, "v")


def audited(ledger: Ledger) -> set[str]:
    return {sample.key for sample in ledger.samples() if sample.audit}


def test_a_tenth_is_drawn_and_its_probability_noted(tmp_path: Path) -> None:
    with ledger_with(tmp_path / "ledger.sqlite", range(120)) as ledger:
        draw_audit(campaign(0.1), ledger, ledger.to_push())
        assert len(audited(ledger)) == 12
        assert {sample.audit_probability for sample in ledger.samples()} == {0.1}


def test_nobody_is_drawn_twice_and_newcomers_have_their_own_draw(tmp_path: Path) -> None:
    with ledger_with(tmp_path / "ledger.sqlite", range(20)) as ledger:
        draw_audit(campaign(0.1), ledger, ledger.to_push())
        first = audited(ledger)
        draw_audit(campaign(0.1), ledger, ledger.to_push())
        assert audited(ledger) == first
        add_scored(ledger, range(20, 23))
        draw_audit(campaign(0.1), ledger, ledger.to_push())
        assert len(audited(ledger) - first) == 1
        assert ledger.samples()[-1].audit_probability == pytest.approx(1 / 3)


def test_the_seed_decides_and_the_order_does_not() -> None:
    keys = [str(number) for number in range(100)]
    assert draw(keys, 0.1, seed=1) == draw(keys[::-1], 0.1, seed=1) != draw(keys, 0.1, seed=2)


def test_every_sample_is_drawn_about_equally_often() -> None:
    counts = Counter(key for seed in range(1000) for key in draw("abcdefghij", 0.3, seed))
    assert sum(counts.values()) == 3000
    # 300 expected, standard deviation 14.5: five of them on either side.
    assert all(227 < counts[key] < 373 for key in "abcdefghij")


def test_no_audit_is_none(tmp_path: Path) -> None:
    with ledger_with(tmp_path / "ledger.sqlite", range(5)) as ledger:
        draw_audit(campaign(0.0), ledger, ledger.to_push())
        assert not audited(ledger)
        assert {sample.audit for sample in ledger.samples()} == {False}


@given(total=st.integers(1, 500), percent=st.integers(0, 100))
def test_the_size_is_the_share_rounded_up(total: int, percent: int) -> None:
    keys = {str(number) for number in range(total)}
    assert len(draw(keys, percent / 100, seed=0)) == -(-total * percent // 100)
