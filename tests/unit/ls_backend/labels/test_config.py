"""Labeling configs as people write them → the control to fill, or a plain reason."""

from __future__ import annotations

import pytest

from ls_backend.errors import LabelConfigError
from ls_backend.labels.config import read_label_config
from ls_backend.labels.target import LabelTarget
from ls_backend.labels.texts import DEFAULT_BACKGROUND, readable

CHOICES = '<Choice value="cat"/><Choice value="dog"/>'


def config(
    attributes: str = "", choices: str = CHOICES, more: str = "", image: str = 'value="$image"'
) -> str:
    return (
        f'<View><Image name="img" {image}/>'
        f'<Choices name="label" toName="img" {attributes}>{choices}</Choices>{more}</View>'
    )


def reason(xml: str) -> str:
    with pytest.raises(LabelConfigError) as refusal:
        read_label_config(xml)
    assert refusal.value.hint
    return refusal.value.message


def test_the_review_config_of_a_campaign() -> None:
    target = read_label_config(
        """
        <View style="display:flex">
          <Image name="image" value="$photo" zoom="true"/>
          <Header value="Prompt: $prompt"/>
          <Choices name="label" toName="image" choice="single-radio" required="true"
                   clip_claim="$claimed" clip_fit="$prompt"
                   clip_background="a tree | a street||Dog">
            <Choice value="cat" hotkey="1"/>
            <Choice value="traffic_light" alias="tl" hotkey="2"/>
            <Choice value="dog" hotkey="3"/>
            <Choice value="None of these / unusable" hotkey="0" clip_none="true"/>
          </Choices>
        </View>
        """
    )

    assert target == LabelTarget(
        from_name="label",
        to_name="image",
        image_field="photo",
        labels=("cat", "tl", "dog"),
        texts=("cat", "traffic light", "dog"),
        none_label="None of these / unusable",
        claim_field="claimed",
        fit_field="prompt",
        background=("a tree", "a street"),
        values=("cat", "traffic_light", "dog"),
    )


@pytest.mark.parametrize("choice", ["", 'choice="single"', 'choice="single-radio"'])
def test_single_choice_in_each_spelling(choice: str) -> None:
    target = read_label_config(config(choice))

    assert target.labels == ("cat", "dog")
    assert (target.claim_field, target.fit_field, target.none_label) == (None, None, None)


def background(attributes: str = "", choices: str = CHOICES) -> tuple[str, ...]:
    return read_label_config(config(attributes, choices)).background


THREE = CHOICES + '<Choice value="cow"/>'


def test_one_label_or_two_or_one_for_none_compete_with_default_background() -> None:
    assert background(choices='<Choice value="cat"/>') == DEFAULT_BACKGROUND
    assert background() == DEFAULT_BACKGROUND
    assert background('choice="multiple"', THREE) == DEFAULT_BACKGROUND
    assert background(choices=THREE + '<Choice value="Other"/>') == DEFAULT_BACKGROUND
    assert background(choices=THREE) == ()


def test_background_of_ones_own_takes_the_place_of_the_default() -> None:
    assert background('clip_background="a wall|Cat"') == ("a wall",)
    assert background('clip_background="cat"') == DEFAULT_BACKGROUND
    assert background('clip_background="thing"', '<Choice value="a thing"/>') == ("thing",)
    assert "a thing" not in background(choices='<Choice value="a thing"/>')


def test_two_labels_may_be_left_alone_and_one_may_not() -> None:
    assert background('clip_background=""') == ()
    assert background('clip_background=""', '<Choice value="cat"/>') == DEFAULT_BACKGROUND
    assert background('clip_background="" choice="multiple"') == DEFAULT_BACKGROUND


def test_labels_may_stand_in_views_and_next_to_comments() -> None:
    grouped = (
        f'<View><Header value="Animals"/>{CHOICES}</View><!-- others --><View>'
        '<Choice value="猫 &amp; Käse"/></View>'
    )

    assert read_label_config(config(choices=grouped)).labels == ("cat", "dog", "猫 & Käse")


def test_a_claim_names_a_label_by_its_answer_or_its_value() -> None:
    aliased = '<Choice value="Cat" alias="c"/><Choice value="c" alias="d"/><Choice value="e"/>'
    target = read_label_config(config(choices=aliased))

    assert [target.label_of(claim) for claim in ("c", "Cat", "d", "e", "cat", "f")] == [
        "c", "c", "d", "e", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "attributes",
    ["", 'clip_claim="$label"', 'choice="multiple"', 'clip_background="a wall"'],
)
def test_a_label_for_people_alone_is_as_if_it_were_not_there(attributes: str) -> None:
    """The target says all that CLIP answers, and what its version hangs on."""
    none = '<Choice value="none" clip_none="true"/>'
    ignored = '<Choice value="other" clip_ignore="true"/><Choice value="bad" clip_ignore="true"/>'
    with_it = config(attributes, CHOICES + none + ignored)

    assert read_label_config(with_it) == read_label_config(config(attributes, CHOICES + none))


def test_a_branch_of_a_taxonomy_may_be_for_people_alone() -> None:
    kept = '<Choice value="pet"><Choice value="cat"/><Choice value="dog"/></Choice>'
    more = '<Choice value="no" clip_ignore="true"><Choice value="blurred"/></Choice>'
    with_it, without = (
        config(choices=choices).replace("Choices", "Taxonomy") for choices in (kept + more, kept)
    )

    assert read_label_config(with_it) == read_label_config(without)
    assert "left out" in reason(config(choices=more).replace("Choices", "Taxonomy"))


@pytest.mark.parametrize(
    ("xml", "why", "hint"),
    [
        (config('clip_claims="$label"'), "Choices 'label' has the attribute clip_claims", "claim."),
        (config('clip-treshold="0.2"'), "clip-treshold", "Write clip_threshold."),
        (config('clip_prompt="a cat"'), "clip_prompt", "belongs on a label"),
        (config('clip_version="2"'), "clip_version", "Known are: clip_target, "),
        (config(choices='<Choice value="a" clip_claim="$b"/>'), "Choice 'a'", "on the control"),
        (config(choices='<Choice value="a" clip_Prompt="b"/>'), "Choice 'a'", "clip_prompt."),
    ],
)
def test_an_attribute_of_ours_that_would_do_nothing_is_refused(
    xml: str, why: str, hint: str
) -> None:
    with pytest.raises(LabelConfigError) as refusal:
        read_label_config(xml)

    assert why in refusal.value.message
    assert hint in refusal.value.hint


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("traffic_light", "traffic light"),
        ("traffic-light", "traffic light"),
        ("trafficLight", "traffic light"),
        ("Traffic Light", "Traffic Light"),
        ("  cat ", "cat"),
        ("USA", "USA"),
        ("--", "--"),
    ],
)
def test_readable_words(value: str, words: str) -> None:
    assert readable(value).lower() == words.lower()


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (config('perItem="true"'), "per item"),
        (config('value="$options"', choices=""), "come from the task data"),
        (config(choices=""), "no labels"),
        (config(choices='<Choice value="a" clip_none="true"/>'), "no labels"),
        (config(choices='<Choice value="a" clip_ignore="true"/>'), "no labels"),
        (config(choices='<Choice value="a"><Choice value="b"/></Choice>'), "nested"),
        (config(image='valueList="$images"'), "shows a list of images (valueList='$images')"),
        (config(image='value="http://example.com/a.png"'), 'value="$field"'),
        (config().replace('toName="img"', 'toName="text"'), "not an Image"),
        (config().replace('toName="img"', 'toName="img,text"'), "toName='img,text' is not"),
        (config().replace("Image", "Video"), "'label': its toName='img' is not an Image"),
        (config(image='value="$images[{{idx}}]"'), "once for each item of a Repeater"),
        (config('value="$options"'), "come from the task data"),
        (config().replace("Choices", "Labels"), "Labels 'label': CLIP does not fill these"),
        (config().replace("Choices", "Pairwise"), "Pairwise 'label': CLIP does not fill these"),
        (config(choices="").replace("Choices", "Taxonomy"), "Taxonomy 'label': it has no labels"),
        ('<View><Image name="img" value="$image"/></View>', "none that it can."),
        ("<View></View>", "none that it can."),
    ],
)
def test_what_cannot_be_filled_says_why(xml: str, why: str) -> None:
    message = reason(xml)

    assert message.startswith("CLIP can fill Choices, Taxonomy, RectangleLabels or EllipseLabels")
    assert why in message


@pytest.mark.parametrize("xml", ["", "<View>", "cat, dog", "<View>&nbsp;</View>"])
def test_what_is_no_xml_says_so(xml: str) -> None:
    assert "not well-formed XML" in reason(xml)


SECOND = (
    '<Choices name="verdict" toName="img" {}><Choice value="yes"/><Choice value="no"/></Choices>'
)


def test_of_several_controls_one_must_be_marked() -> None:
    assert "Choices 'label', Choices 'verdict'" in reason(config(more=SECOND.format("")))
    assert "Choices 'label', Choices 'verdict'" in reason(
        config('clip_target="true"', more=SECOND.format('clip_target="true"'))
    )

    marked = read_label_config(config(more=SECOND.format('clip_target="true"')))

    assert marked.from_name == "verdict"


def test_a_control_that_cannot_be_filled_does_not_compete() -> None:
    assert read_label_config(config(more=SECOND.format('perItem="true"'))).from_name == "label"


def test_a_marked_control_that_cannot_be_filled_is_not_passed_over() -> None:
    xml = config(more=SECOND.format('perItem="true" clip_target="true"'))

    assert "Choices 'verdict': it is answered per item" in reason(xml)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("$image", "image"),
        ("$meta.image", "meta.image"),
        ("$images[0].url", "images[0].url"),
        ("https://host/$file", "https://host/$file"),
        ("$Image URL", "$Image URL"),
    ],
)
def test_an_image_may_come_from_anywhere_in_the_data(value: str, field: str) -> None:
    assert read_label_config(config(image=f'value="{value}"')).image_field == field


@pytest.mark.parametrize("attributes", ['clip_background="a tree"', 'clip_fit="$prompt"'])
def test_one_label_needs_something_to_be_compared_with(attributes: str) -> None:
    assert read_label_config(config(attributes, '<Choice value="cat"/>')).labels == ("cat",)


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (config('clip_claim="label"'), "clip_claim='label'"),
        (config('clip_fit="a $b c"'), "clip_fit='a $b c'"),
        (config('clip_claim="$my label"'), "clip_claim='$my label'"),
        (config(choices=CHOICES + '<Choice value="cat"/>'), "same answer: cat"),
        (config(choices=CHOICES + '<Choice value="tom" alias="cat"/>'), "same answer: cat"),
        (config(choices=CHOICES + "<Choice/>"), "has no value"),
        (
            config(
                choices=CHOICES
                + '<Choice value="x" clip_none="true"/><Choice value="y" clip_none="true"/>'
            ),
            "x, y",
        ),
    ],
)
def test_what_contradicts_itself_says_where(xml: str, why: str) -> None:
    assert why in reason(xml)
