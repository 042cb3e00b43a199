"""What becomes of source images: prompts, pairs, labels, and what stays when more are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from importers.config.campaign import Campaign
from importers.generation.plan import Known, planned_samples
from importers.prompts.derive import Derived, derive
from importers.sample import SourceImage

VARIATION = {
    "name": "variation",
    "source": "folder:photos",
    "per_image": 2,
    "templates": ["the same {label}, {place}", "this {label} {place}"],
    "factors": {"place": ["in the snow", "in the park", "on the beach", "in the desert"]},
}
FUSION = {"name": "fusion", "source": "folder:photos", "templates": ["{first} and {second}"]}


def photos(labels: str, technique: int = 1, mask: str | None = None) -> list[SourceImage]:
    names = {"c": "cat", "d": "dog", "h": "horse", "-": ""}
    return [
        SourceImage(f"{n:064x}", technique, f"folder:photos/{n}.png", names[label], mask)
        for n, label in enumerate(labels)
    ]


def texts(children: Sequence[Derived]) -> list[str]:
    return [child.prompt.text for child in children]


def pairs(children: Sequence[Derived]) -> list[tuple[int, ...]]:
    return [tuple(int(parent, 16) for parent in child.parents) for child in children]


def test_every_image_has_its_children(make_campaign: Any) -> None:
    children = derive(make_campaign(VARIATION), photos("cdcd"))
    assert pairs(children) == [(0,), (0,), (1,), (1,), (2,), (2,), (3,), (3,)]
    assert {child.prompt.technique for child in children} == {"variation"}
    assert [child.prompt.label for child in children[:4]] == ["cat", "cat", "dog", "dog"]
    for child in children:
        assert child.prompt.label in child.prompt.text
        assert child.prompt.factors["place"] in child.prompt.text
    places = Counter(child.prompt.factors["place"] for child in children)
    assert set(places.values()) == {2}
    for first, second in zip(children[::2], children[1::2], strict=True):
        assert first.prompt.factors["place"] != second.prompt.factors["place"]


def test_more_images_later_and_more_children_each_only_add(make_campaign: Any) -> None:
    few = derive(make_campaign(VARIATION), photos("cdc"))
    assert derive(make_campaign(VARIATION), photos("cdcdd"))[: len(few)] == few
    more_each = derive(make_campaign({**VARIATION, "per_image": 3}), photos("cdc"))
    assert all(child in more_each for child in few)
    without_one = derive(make_campaign(VARIATION), photos("c-c"))
    assert without_one == [child for child in few if child.prompt.label == "cat"]


def test_another_seed_gives_other_words(make_campaign: Any) -> None:
    assert texts(derive(make_campaign(VARIATION), photos("cdcd"))) != texts(
        derive(make_campaign(VARIATION, seed=1), photos("cdcd"))
    )


def test_a_share_caps_the_children(make_campaign: Any) -> None:
    capped = derive(make_campaign({**VARIATION, "share": 0.15}), photos("cdcd"))
    assert len(capped) == 3  # of 20 samples
    assert capped == derive(make_campaign(VARIATION), photos("cdcd"))[:3]


def test_labels_that_the_campaign_lacks_are_passed_over(make_campaign: Any) -> None:
    assert pairs(derive(make_campaign(VARIATION), photos("hc"))) == [(1,), (1,)]
    as_cats = derive(make_campaign({**VARIATION, "label": "cat"}), photos("hd"))
    assert [child.prompt.label for child in as_cats] == ["cat"] * 4


def test_two_images_of_one_label_are_fused_where_the_child_has_it(make_campaign: Any) -> None:
    children = derive(make_campaign(FUSION), photos("cdcdcc"))
    assert pairs(children) == [(0, 2), (3, 1), (4, 5)]
    assert texts(children) == ["cat and cat", "dog and dog", "cat and cat"]


@pytest.mark.parametrize(("rule", "which"), [("first", 0), ("second", 1)])
def test_two_labels_are_fused_and_each_comes_first_in_turn(
    make_campaign: Any, rule: str, which: int
) -> None:
    children = derive(make_campaign({**FUSION, "label": rule}), photos("ccddcd"))
    assert pairs(children) == [(0, 2), (3, 1), (4, 5)]
    names = ["cat", "cat", "dog", "dog", "cat", "dog"]
    for child, pair in zip(children, pairs(children), strict=True):
        assert child.prompt.text == f"{names[pair[0]]} and {names[pair[1]]}"
        assert child.prompt.label == names[pair[which]]


def test_a_fixed_label_fuses_whatever_there_is(make_campaign: Any) -> None:
    campaign = make_campaign({**FUSION, "label": "dog"})
    assert pairs(derive(campaign, photos("cccc"))) == [(0, 1), (3, 2)]
    assert pairs(derive(campaign, photos("ccdd"))) == [(0, 2), (3, 1)]


def test_an_image_is_never_fused_with_itself(make_campaign: Any) -> None:
    twice = [photos("c")[0]] * 2
    assert derive(make_campaign(FUSION), twice) == []


def test_pairs_stay_when_more_images_are_found(make_campaign: Any) -> None:
    few = derive(make_campaign({**FUSION, "label": "first"}), photos("ccddc"))
    assert derive(make_campaign({**FUSION, "label": "first"}), photos("ccddcdd"))[:2] == few


def test_an_inpainting_takes_the_mask_along(make_campaign: Any) -> None:
    inpainting = {**VARIATION, "name": "inpainting", "mask": "background", "per_image": 1}
    campaign: Campaign = make_campaign(inpainting)
    (child,) = derive(campaign, photos("c", mask="m" * 64))
    assert (child.mask, child.prompt.technique) == ("m" * 64, "inpainting")
    assert derive(campaign, photos("c")) == []


def test_sources_of_another_technique_are_left_alone(make_campaign: Any) -> None:
    other = [SourceImage("a" * 64, 1, "folder:photos-2/1.png", "cat")]
    assert derive(make_campaign(VARIATION), other + photos("c", technique=2)) == []


def test_children_are_planned_with_parents_and_the_same_text_with_other_seeds(
    make_campaign: Any,
) -> None:
    plain = {**VARIATION, "templates": ["the same {label}"], "factors": {}}
    planned = planned_samples(make_campaign(plain), Known(sources=photos("cc")))
    children = [sample for sample in planned if sample.parents]
    assert [(int(c.parents[0], 16), c.seed) for c in children] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len({sample.key for sample in planned}) == 20 + 4
