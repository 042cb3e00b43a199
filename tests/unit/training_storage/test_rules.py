"""Which control of a labeling config holds the label, and which of its choices are labels."""

from __future__ import annotations

from typing import Any

import pytest

from importers.config.campaign import NONE_OR_UNUSABLE, Campaign
from importers.config.review_config import review_config
from importers.config.storage_sections import ApprovalSettings
from importers.training_storage.verdicts import Rules, judge, read_rules
from ls_backend.errors import ConfigError, LabelConfigError

PETS = '<Choice value="cat"/><Choice value="dog"/>'
YES_NO = '<Choice value="accept"/><Choice value="reject"/>'
NOON = "2026-05-04T12:00:00Z"


def config(*controls: str) -> str:
    return f'<View><Image name="image" value="$image"/>{"".join(controls)}</View>'


def control(name: str, choices: str = PETS, tag: str = "Choices", more: str = "") -> str:
    return f'<{tag} name="{name}" toName="image" {more}>{choices}</{tag}>'


def rules(label_config: str, **approval: Any) -> Rules:
    return read_rules(label_config, ApprovalSettings(**approval))


def outcome(found: Rules, value: dict[str, Any], name: str = "kind") -> tuple[str, str | None]:
    answer = {
        "id": 1,
        "result": [{"from_name": name, "value": value}],
        "was_cancelled": False,
        "created_at": NOON,
        "updated_at": NOON,
        "completed_by": 1,
    }
    review = judge({"annotations": [answer], "predictions": []}, None, found)
    return review.outcome, review.reason or review.label


@pytest.mark.parametrize("kept", [False, True])
def test_a_campaign_s_labels_are_those_that_it_lists(kept: bool) -> None:
    campaign = Campaign.model_validate(
        {
            "name": "pets",
            "labels": ["dog", "cat"],
            "samples": 1,
            "prompts": {"templates": ["a {label}"]},
            "generator": {"model": "sketch-1"},
        }
    )
    found = rules(review_config(campaign, keep_none_or_unusable=kept))
    assert (found.control, found.key, found.labels) == ("label", "choices", ("dog", "cat"))
    assert (found.none, found.unusable) == ({"none of these"}, {"unusable"})


def test_the_only_choices_beside_the_verdict_hold_the_label() -> None:
    both = config(control("verdict", YES_NO), control("kind"))
    assert rules(both, verdict_control="verdict").control == "kind"
    assert rules(both, control="kind").control == "kind"
    one_of_them_is_marked = config(control("a"), control("b", more='clip_target="true"'))
    assert rules(one_of_them_is_marked).control == "b"
    drawn = config(control("kind"), control("box", '<Label value="tail"/>', "RectangleLabels"))
    assert rules(drawn).control == "kind"


def test_clip_filling_the_verdict_does_not_make_it_the_label() -> None:
    marked = control("verdict", YES_NO, more='clip_target="true"')
    assert rules(config(marked, control("kind")), verdict_control="verdict").control == "kind"


@pytest.mark.parametrize(
    ("controls", "approval", "said"),
    [
        ([control("a"), control("b")], {}, r"There is Choices 'a', Choices 'b'"),
        ([control("verdict", YES_NO)], {"verdict_control": "verdict"}, r"none beside the verdict"),
        ([control("a")], {"control": "b"}, r"control names 'b'.*there is Choices 'a'"),
        ([control("a")], {"verdict_control": "b"}, r"verdict_control names 'b'.*Choices 'a'"),
        (
            [control("a"), control("v", '<Choice value="Reject"/>')],
            {"verdict_control": "v"},
            r"none of the values that reject names \(reject\); it has: Reject",
        ),
        (
            [control("a"), control("v", '<Choice value="yes"/><Choice value="reject"/>')],
            {"verdict_control": "v", "policy": "verdict"},
            r"none of the values that approve names \(accept\)",
        ),
        ([control("a")], {"unusable": ["blurry"]}, r"unusable names the choice 'blurry'"),
        ([control("a")], {"none": ["neither"]}, r"none names the choice 'neither'.*cat, dog"),
        ([control("a", "", more='value="$options"')], {"control": "a"}, r"lists no labels"),
    ],
)
def test_what_the_labeling_config_leaves_open_is_refused_with_the_key_to_set(
    controls: list[str], approval: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        rules(config(*controls), **approval)
    assert "[review.approval]" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "label_config", ["<View>", config(), config("<Rating name='a' toName='image'/>")]
)
def test_a_labeling_config_without_any_label_is_not_for_images(label_config: str) -> None:
    with pytest.raises(LabelConfigError):
        rules(label_config)


def test_named_choices_are_no_labels_and_capitals_make_no_difference() -> None:
    more = '<Choice value="Blurry"/><Choice value="UNUSABLE"/><Choice value="neither"/>'
    found = rules(config(control("kind", PETS + more)), unusable=["blurry"], none=["Neither"])
    assert found.labels == ("cat", "dog")
    for choice, expected in (
        ("Blurry", "unusable"),
        ("UNUSABLE", "unusable"),
        ("neither", "none of these"),
    ):
        assert outcome(found, {"choices": [choice]}) == (expected, None)


def test_the_way_out_that_clip_knows_counts_as_none() -> None:
    found = rules(config(control("kind", PETS + '<Choice value="Other"/>')))
    assert found.labels == ("cat", "dog")
    assert outcome(found, {"choices": ["Other"]}) == ("none of these", None)


def test_the_one_choice_of_earlier_versions_rejects() -> None:
    old = f'<Choice value="{NONE_OR_UNUSABLE}" clip_none="true"/>'
    found = rules(config(control("kind", PETS + old, more='clip_claim="$label"')))
    assert found.labels == ("cat", "dog")
    assert outcome(found, {"choices": [NONE_OR_UNUSABLE]}) == ("rejected", None)


def test_what_clip_never_answers_is_a_label_all_the_same() -> None:
    found = rules(
        config(control("kind", '<Choice value="a"/><Choice value="b" clip_ignore="true"/>'))
    )
    assert found.labels == ("a", "b")


def test_a_taxonomy_has_paths_for_labels() -> None:
    tree = '<Choice value="pet"><Choice value="cat"/><Choice value="dog"/></Choice>'
    found = rules(config(control("kind", tree + '<Choice value="Unusable"/>', "Taxonomy")))
    assert found.labels == ("pet / cat", "pet / dog")
    assert outcome(found, {"taxonomy": [["pet", "dog"]]}) == ("approved", "pet / dog")
    assert outcome(found, {"taxonomy": [["Unusable"]]}) == ("unusable", None)
    reason = "'pet' is a group of labels, and none of them was chosen"
    assert outcome(found, {"taxonomy": [["pet"]]}) == ("undecided", reason)


def test_nested_choices_and_aliases_are_answered_in_the_same_words() -> None:
    tree = '<Choice value="pet"><Choice value="cat" alias="felis"/></Choice>'
    found = rules(config(control("kind", tree)), control="kind")
    assert found.labels == ("pet / felis",)
    assert outcome(found, {"choices": [["pet", "felis"]]}) == ("approved", "pet / felis")


def test_boxes_of_one_label_say_what_the_picture_shows() -> None:
    labels = '<Label value="cat"/><Label value="dog"/>'
    found = rules(config(control("kind", labels, "RectangleLabels")))
    assert found.labels == ("cat", "dog")
    assert outcome(found, {"rectanglelabels": ["dog"]}) == ("approved", "dog")
