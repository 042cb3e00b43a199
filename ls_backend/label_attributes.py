"""The clip_* attributes of a labeling config, read from one element each.

Label Studio keeps what it does not know, so a misspelt one would do nothing, and nobody would hear
of it: it is refused. `label_config` explains what each is for.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element

from ls_backend.errors import LabelConfigError

ON_CONTROL = (
    "clip_target", "clip_claim", "clip_fit", "clip_background", "clip_prefill", "clip_templates",
    "clip_threshold",
)  # fmt: skip
ON_LABEL = ("clip_prompt", "clip_threshold", "clip_none", "clip_ignore")

_FIELD = re.compile(r"\$(\w[\w.\-]*)")
_PREFILLS = ("claim", "clip", "none")


def check_attributes(control: Element, labels: Iterable[Element]) -> None:
    """Refuse attributes of ours that mean nothing where they stand.

    Raises:
        LabelConfigError: One is misspelt, or belongs to the other kind of element.
    """
    for element, known in ((control, ON_CONTROL), *((label, ON_LABEL) for label in labels)):
        for name in element.attrib:
            if name.lower().startswith("clip") and name not in known:
                shown = f"{element.tag} {element.get('name') or element.get('value')!r}"
                raise LabelConfigError(
                    f"{shown} has the attribute {name}, which means nothing there.",
                    hint=_instead_of(name, known),
                )


def is_true(element: Element, attribute: str) -> bool:
    """Whether an attribute says "true"."""
    return element.get(attribute, "").strip().lower() == "true"


def field_of(value: str | None) -> str | None:
    """The task field that "$field" names, or None."""
    match = _FIELD.fullmatch(value.strip()) if value else None
    return match.group(1) if match else None


def named_field(control: Element, attribute: str) -> str | None:
    """The task field that an attribute names, or None without the attribute.

    Raises:
        LabelConfigError: It names none.
    """
    value = control.get(attribute)
    if not value:
        return None
    field = field_of(value)
    if field is None:
        raise LabelConfigError(
            f"{attribute}={value!r} on {control.get('name')!r} names no task field.",
            hint=f'Write a dollar sign and the field\'s name, such as {attribute}="$label".',
        )
    return field


def prefill_of(control: Element) -> str:
    """What clip_prefill says.

    Raises:
        LabelConfigError: It says something else.
    """
    value = control.get("clip_prefill", "claim").strip().lower()
    if value not in _PREFILLS:
        raise LabelConfigError(
            f"clip_prefill={value!r} on {control.get('name')!r} is unknown.",
            hint='Write clip_prefill="clip" for CLIP\'s own answer, "none" for an empty one.',
        )
    return value


def threshold_of(element: Element, default: float) -> float:
    """What clip_threshold says.

    Raises:
        LabelConfigError: It is no probability.
    """
    text = element.get("clip_threshold")
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise LabelConfigError(
            f"clip_threshold={text!r} on {element.get('name') or element.get('value')!r} is no "
            "probability.",
            hint='Write a number from 0 to 1, such as clip_threshold="0.5".',
        )
    return number


def _instead_of(name: str, known: Iterable[str]) -> str:
    if name in ON_CONTROL:
        return f"{name} belongs on the control, not on a label."
    if name in ON_LABEL:
        return f"{name} belongs on a label, not on the control."
    nearest = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.8)
    return f"Write {nearest[0]}." if nearest else f"Remove it. Known are: {', '.join(known)}."
