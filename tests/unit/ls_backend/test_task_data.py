"""What a value of the labeling config stands for in a task's data, as Label Studio's page has it.

`tests/e2e/test_nested_data.py` asks the page itself.
"""

from __future__ import annotations

from typing import Any

import pytest

from ls_backend.errors import ImageError
from ls_backend.task_data import field_of, image_address, value_of

DATA = {
    "image": "flat",
    "file": "cat.png",
    "meta": {"image": "nested", "shots": [{"url": "deep"}], "nothing": None},
    "images": ["first", "second"],
    "a.b": "flat before path",
    "a": {"b": "path"},
    "both": {"c": "path"},
    "number": 7,
    "whole": 7.0,
    "half": 7.5,
    "yes": True,
}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("$image", "flat"),
        (" $image ", "flat"),
        ("$meta.image", "nested"),
        ("$images[0]", "first"),
        ("$images[1]", "second"),
        ("$images.1", "second"),
        ("$meta.shots[0].url", "deep"),
        ("$a.b", "flat before path"),
        ("$both.c", "path"),
        ("$images", ["first", "second"]),
        ("$number", 7),
        ("https://host/$file", "https://host/cat.png"),
        ("https://host/$meta.image/$file?n=$number", "https://host/nested/cat.png?n=7"),
        ("$image-$whole-$half-$yes", "flat-7-7.5-true"),
        ("$image URL", "flat URL"),
    ],
)
def test_a_value_is_read_as_label_studio_reads_it(value: str, found: Any) -> None:
    field = field_of(value)

    assert field is not None
    assert value_of(DATA, field) == found


@pytest.mark.parametrize(
    "value",
    [
        "$gone",
        "$meta.gone",
        "$meta.nothing",
        "$meta.nothing.deeper",
        "$image.length",
        "$images[2]",
        "$images[-1]",
        "$images[01]",
        "$images[one]",
        "$images[]",
        "$number.real",
        "$[",
        "$.",
        "https://host/$gone",
        "$image/$gone",
        "https://host/$meta",
    ],
)
def test_what_is_not_there_is_nothing(value: str) -> None:
    assert value_of(DATA, field_of(value) or "") is None


@pytest.mark.parametrize("value", [None, "", "image", "https://host/a.png", "$", "$images[{{i}}]"])
def test_a_value_without_a_field_names_none(value: str | None) -> None:
    assert field_of(value) is None


def address(value: str, **data: Any) -> str:
    return image_address({"id": 1, "data": data}, field_of(value) or "")


def test_an_address_comes_without_blanks_and_out_of_a_list_of_one() -> None:
    assert address("$image", image=" /a.png\n") == "/a.png"
    assert address("$image", image=["/a.png"]) == "/a.png"


def refusal(value: str, **data: Any) -> ImageError:
    with pytest.raises(ImageError) as refused:
        address(value, **data)
    return refused.value


@pytest.mark.parametrize("image", [None, "", "  ", 7, {}, [], [None], [" "], [["/a.png"]]])
def test_what_is_no_address_is_no_image(image: object) -> None:
    error = refusal("$image", image=image)

    assert error.code == "no_image"
    assert "'image'" in error.message
    assert "$image:" in error.hint


def test_the_field_that_is_missing_is_named() -> None:
    assert "'meta.image'" in refusal("$meta.image", meta={}).message
    error = refusal("https://host/$folder/$file", folder="a")
    assert "'file'" in error.message
    assert "https://host/$folder/$file:" in error.hint


def test_several_images_are_refused_as_several() -> None:
    error = refusal("$images", images=["/a.png", "/b.png"])

    assert error.code == "several_images"
    assert "2 images in 'images'" in error.message
    assert 'value="$images[0]"' in error.hint


@pytest.mark.parametrize(("name", "read"), [("Image URL", "Image"), ("image-url", "image")])
def test_a_name_that_label_studio_cuts_off_is_said_to_be_one(name: str, read: str) -> None:
    error = refusal(f"${name}", **{name: "/a.png"})

    assert error.code == "no_image"
    assert f"'{read}'" in error.message
    assert f"ends the name of {name!r} after {read!r}" in error.hint
    assert "rename" in error.hint
