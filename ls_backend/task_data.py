"""What a value of the labeling config ("$image") stands for in a task's data.

Read as Label Studio's page reads it (`parseValue` of its editor, 1.23.2): a field's name is a
dollar sign and the ASCII letters, digits and `_ . [ ] { }` after it. A field of the whole name goes
before the path that the name may be ("meta.image", "images[0]"), and text around names stays as it
is ("https://host/$file"). So a blank or a hyphen ends a name: "$Image URL" is the field "Image",
and " URL" after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ls_backend.errors import ImageError

_NAME = re.compile(r"\$([\w.\[\]{}]+)", re.ASCII)
_STEP = re.compile(r"\[([^\]]*)\]?|([^.\[]+)")


def field_of(value: str | None) -> str | None:
    """The field that a value of the labeling config names: "meta.image" for "$meta.image".

    A value with text around its fields, or with several, is returned as it is; None for one that
    names none, or that a Repeater fills in ("$images[{{idx}}]"). `value_of` takes the result.
    """
    text = value.strip() if value else ""
    if "{{" in text:
        return None
    alone = _NAME.fullmatch(text)
    if alone:
        return alone[1]
    return text if _NAME.search(text) else None


def value_of(data: Mapping[str, Any], field: str) -> Any:
    """What the data has for a field; None where it has nothing.

    Args:
        data: A task's data.
        field: As `field_of` returns it. With text around its fields the value is a text, and None
            where the data lacks one of them.
    """
    if "$" not in field:
        return _at(data, field)
    words = {name: _in_words(_at(data, name)) for name in _NAME.findall(field)}
    if None in words.values():
        return None
    return _NAME.sub(lambda found: str(words[found[1]]), field)


def image_address(task: Mapping[str, Any], field: str) -> str:
    """The address of a task's image, without blanks around it.

    A list that holds one address is that one, as Label Studio shows it.

    Raises:
        ImageError: The task's data has none, or several.
    """
    found = value_of(task["data"], field)
    images = found if isinstance(found, list) else [found]
    if len(images) > 1:
        raise ImageError(
            f"The task's data has {len(images)} images in {field!r}.",
            hint=f'CLIP answers for one: show one of them, such as value="${field}[0]".',
            code="several_images",
        )
    if images and isinstance(images[0], str) and images[0].strip():
        return images[0].strip()
    raise _no_image(task["data"], field)


def _no_image(data: Mapping[str, Any], field: str) -> ImageError:
    names = _NAME.findall(field) if "$" in field else [field]
    name = next((each for each in names if _in_words(_at(data, each)) is None), names[0])
    hint = f"The labeling config shows {_shown(field)}: give every task that field."
    cut = [key for key in data if key.startswith(name) and key != name and f"${key}" in field]
    if cut:
        hint = (
            f"Label Studio ends the name of {max(cut, key=len)!r} after {name!r} and shows no "
            "image either: rename the field, in the labeling config and in the tasks, so that it "
            "has only letters without accents, digits and underscores."
        )
    return ImageError(f"The task's data has no image in {name!r}.", hint=hint, code="no_image")


def _shown(field: str) -> str:
    return field if "$" in field else f"${field}"


def _at(data: Mapping[str, Any], name: str) -> Any:
    """What stands at a name: the field of that whole name, else what its path leads to."""
    if name in data:
        return data[name]
    found: Any = data
    for step in _steps(name):
        found = _within(found, step)
    return found if found is not data else None


def _steps(path: str) -> Iterator[str]:
    """ "meta.images[0]" → "meta", "images", "0"."""
    for bracketed, plain in _STEP.findall(path):
        yield plain or bracketed


def _within(container: Any, step: str) -> Any:
    if isinstance(container, Mapping):
        return container.get(step)
    if isinstance(container, list) and step.isdecimal() and step == str(int(step)):
        number = int(step)
        return container[number] if number < len(container) else None
    return None


def _in_words(value: Any) -> str | None:
    """A value within a text, as JavaScript writes it; None where it would be no word."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, (str, int, float)) else None
