"""The dataset card of a release: README.md in Hugging Face's format, its pictures, its campaign.

The format is that of https://huggingface.co/docs/hub/datasets-cards: metadata in YAML, then
Markdown. Its text is `card.md.jinja`; every number in it is counted from the release or given in
`CardFacts`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importers.config.storage_sections import OTHER_LICENSE
from importers.record import SPLITS, Record
from importers.training_storage.card.counts import Counts
from importers.training_storage.card.facts import CardFacts
from importers.training_storage.card.picture_grid import (
    MOST_LABELS,
    PICTURES,
    Strip,
    picture_files,
    strips,
)
from importers.training_storage.card.text import bibtex, one_line, plain, share, without_secrets
from importers.training_storage.layouts import Contents
from ls_backend.words import count, dollars, listed

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

README = "README.md"
CAMPAIGN = "campaign.toml"

_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)
# Of https://huggingface.co/docs/hub/repositories-licenses, those that are meant for data.
_HUB_LICENSES = frozenset(
    ("apache-2.0", "bsd-3-clause", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "etalab-2.0", "mit", "odbl",
    "odc-by", "other", "pddl")
)  # fmt: skip
_HUB_FAMILIES = {"ODC-By-1.0": "odc-by", "ODbL-1.0": "odbl", "PDDL-1.0": "pddl"}
_LINK = re.compile(rf"(?<!\\)\]\((?={re.escape(CAMPAIGN)}\)|{PICTURES}/)")
_BLANK_LINES = re.compile(r"\n{3,}")


def card_files(
    contents: Contents,
    facts: CardFacts,
    image: Callable[[Record], bytes],
    earlier: Callable[[str], bytes | None] = lambda _: None,
) -> dict[str, bytes]:
    """The files of a release's own folder that tell people what it is.

    Args:
        image: Bytes of a record's picture; asked only for pictures that the card shows.
        earlier: Bytes of a file of the last release's card by its name, None where it had none:
            pictures that show the same are not drawn again.

    Returns:
        README.md, campaign.toml and `pictures/….png`, by name. The same contents, facts and
        pictures give the same bytes.
    """
    shown = strips(contents.records)
    campaign = without_secrets(facts.campaign_text)
    return {
        README: _readme(contents, facts, shown, campaign).encode(),
        CAMPAIGN: campaign.encode(),
        **picture_files(shown, image, earlier),
    }


def at_root(card: bytes, folder: str) -> bytes:
    """README.md for the root of the storage: its links lead into the release's folder.

    What its metadata names starts at the root anyway.
    """
    return _LINK.sub(f"]({folder}/", card.decode()).encode()


# -- text ----------------------------------------------------------------------------------------


def _readme(contents: Contents, facts: CardFacts, shown: list[Strip], campaign: str) -> str:
    import yaml

    counts = Counts(contents)
    metadata = yaml.safe_dump(
        _metadata(contents, facts, counts), sort_keys=False, allow_unicode=True
    )
    text = _template().render(
        n=counts,
        facts=facts,
        review=facts.review,
        approval=facts.approval,
        settings=contents.settings,
        strips=shown,
        most_labels=MOST_LABELS,
        campaign_sha256=hashlib.sha256(campaign.encode()).hexdigest(),
        is_scrubbed=campaign != facts.campaign_text,
    )
    return f"---\n{metadata}---\n\n" + _BLANK_LINES.sub("\n\n", text)


@cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # so that what macros give counts as escaped, too
        finalize=_escaped,
        undefined=jinja2.StrictUndefined,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "bibtex": lambda text: _safe(bibtex(text)),
        "count": count,
        "counted": _counted,
        "dollars": lambda amount: _safe(dollars(amount)),
        "listed": _listed,
        "plain": lambda text: _safe(plain(text)),
        "share": lambda part, whole: _safe(share(part, whole)),
    }
    return environment.get_template("card.md.jinja")


def _escaped(value: object) -> Markup:
    """What the template shows of a value: whole numbers with commas, texts made safe."""
    if hasattr(value, "__html__"):
        return _safe(str(value))
    return _safe(f"{value:,}" if isinstance(value, int) else plain(str(value)))


def _safe(markdown: str) -> Markup:
    from markupsafe import Markup

    return Markup(markdown)


def _listed(texts: Iterable[str], form: str = "{}") -> str:
    return listed(form.format(text) for text in texts)


def _counted(numbers: Mapping[str, int]) -> str:
    """`3 drawn by a model and 1 unknown`; what there is none of is left out."""
    return listed(f"{number:,} {words}" for words, number in numbers.items() if number)


# -- metadata ------------------------------------------------------------------------------------


def _metadata(contents: Contents, facts: CardFacts, counts: Counts) -> dict[str, Any]:
    """The card's YAML; a licence stands in it only where one is known."""
    tags = {
        "synthetic": counts.origins[True],
        "label-studio": True,
        "clip": counts.model_versions,
    }
    found: dict[str, Any] = {"pretty_name": one_line(facts.name)}
    found |= _license(facts.license) if facts.license else {}
    found["task_categories"] = ["image-classification"] + ["object-detection"] * counts.has_boxes
    found["size_categories"] = [_size(counts.pictures)]
    found["tags"] = [tag for tag, holds in tags.items() if holds]
    configs = _configs(contents, facts)
    return found | ({"configs": configs} if configs else {})


def _license(name: str) -> dict[str, str]:
    """As the hub takes it, which refuses a card with an identifier that it does not know."""
    known = _HUB_FAMILIES.get(name, name.lower())
    if known in _HUB_LICENSES:
        return {"license": known}
    return {
        "license": OTHER_LICENSE,
        "license_name": name.lower(),
        "license_link": f"https://spdx.org/licenses/{name}.html",
    }


def _configs(contents: Contents, facts: CardFacts) -> list[dict[str, Any]]:
    """The campaign's first layout that `datasets` loads: it reads all of a card as one format."""
    for layout in contents.settings.layout:
        files = facts.data_files.get(layout, {})
        splits = [{"split": s, "path": list(files[s])} for s in SPLITS if files.get(s)]
        if splits:
            return [{"config_name": layout, "default": True, "data_files": splits}]
    return []


def _size(number: int) -> str:
    return next((name for limit, name in _SIZES if number < limit), "10M<n<100M")
