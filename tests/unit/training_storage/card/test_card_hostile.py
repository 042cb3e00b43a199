"""Names that mean something to Markdown, YAML or HTML are shown on the card as they are."""

from __future__ import annotations

import pytest
from card_release import LABELS, contents, facts, record, rows, seen, split_card, tokens
from huggingface_hub import DatasetCard

from importers.training_storage.card.files import card_files

HOSTILE = (
    "no",
    "1",
    "a: b",
    "#x",
    "a|b",
    "*bold*",
    "<b>&lt;",
    "two\nlines",
    "`code`",
    "---",
    "[a](http://b)",
    "犬 🐕",
    "\\|",
    "~~a~~ _b_",
    "| x |",
    "```",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_breaks_neither_metadata_nor_page(name: str) -> None:
    records = [
        record(
            1,
            name,
            technique=name,
            generator=name,
            size=name,
            terms=name,
            model_version=name,
            generated_at=name,
        )
    ]
    labels = (name, f"{name} 2")
    told = facts(name=name, campaign_id=name, campaign_file=name, labels=labels)
    card = card_files(contents(records, labels), told, lambda _: b"")["README.md"]
    shown = " ".join(name.split())
    assert DatasetCard(card.decode()).data.pretty_name == shown

    metadata, text = split_card(card)
    assert metadata.count("\n---") == 0
    found = rows(text)
    assert ["0", shown, "1", "1", "0", "0"] in found
    assert ["1", f"{shown} 2", "0", "0", "0", "0"] in found
    assert [shown, "1", "100.0 %"] in found
    assert [shown, shown, shown[:10].strip(), shown[:10].strip(), "1"] in found
    parsed = tokens(text)
    heading = next(n for n, token in enumerate(parsed) if token.type == "heading_open")
    assert seen(parsed[heading + 1]) == shown
    plain = split_card(
        card_files(contents([record(1)], LABELS[:2]), facts(), lambda _: b"")["README.md"]
    )[1]
    assert structure(text) == structure(plain + "\n\n> terms")


def structure(markdown: str) -> list[str]:
    """Kinds of all blocks and of what is in them, but for plain text; terms stand anywhere."""
    kinds = [
        kind
        for token in tokens(markdown)
        for kind in (token.type, *(child.type for child in token.children or []))
    ]
    return sorted(kind for kind in kinds if kind not in ("text", "strong_open", "strong_close"))
