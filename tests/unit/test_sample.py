"""A sample knows all that it was made from."""

from __future__ import annotations

from importers.ledger import Ledger
from importers.sample import PlannedSample, Prompt, Sample, all_ancestors, ancestors


def add(ledger: Ledger, key: str, image: str, *parents: str) -> None:
    prompt = Prompt(f"a cat, {key}", "cat", "vanilla", {})
    ledger.plan([PlannedSample(key, prompt, "m", "8x8", {}, 0, parents=parents)])
    request = ledger.requests.begin(key)
    ledger.requests.stored(request, image, request_id=None, cost_usd=None, usage=None)


def by_key(ledger: Ledger) -> dict[str, Sample]:
    return {sample.key: sample for sample in ledger.samples()}


def test_three_generations(ledger: Ledger) -> None:
    add(ledger, "grandparent", "g", "photo")
    add(ledger, "parent", "p", "g")
    add(ledger, "other", "o")
    add(ledger, "child", "c", "p", "other photo")
    samples = by_key(ledger)
    found = ancestors(samples.values(), samples["child"])
    assert found.images == {"p", "g", "photo", "other photo"}
    assert found.samples == {"parent", "grandparent"}
    everyone = all_ancestors(list(samples.values()))
    assert everyone["child"] == found
    assert everyone["grandparent"].images == {"photo"}
    assert everyone["other"].images == everyone["other"].samples == frozenset()


def test_one_image_of_two_samples_has_the_ancestors_of_both(ledger: Ledger) -> None:
    add(ledger, "one", "same", "a")
    add(ledger, "two", "same", "b")
    add(ledger, "child", "c", "same")
    samples = by_key(ledger)
    found = ancestors(samples.values(), samples["child"])
    assert found.images == {"same", "a", "b"}
    assert found.samples == {"one", "two"}


def test_an_image_that_came_back_as_its_own_parent_ends_the_search(ledger: Ledger) -> None:
    add(ledger, "round", "r", "r")
    samples = by_key(ledger)
    assert ancestors(samples.values(), samples["round"]).samples == {"round"}
