"""Campaigns with techniques that start from pictures, in folders of their own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from importers.config.campaign import Campaign
from importers.ledger import Ledger

MakeCampaign = Callable[..., Campaign]


@pytest.fixture
def make_campaign(tmp_path: Path) -> MakeCampaign:
    """Makes a campaign with these techniques; keywords are further keys of it."""

    def make(*techniques: dict[str, Any], **values: Any) -> Campaign:
        return Campaign.model_validate(
            {
                "name": "pets",
                "labels": ["cat", "dog"],
                "samples": 20,
                "prompts": {"templates": ["a {label}"]},
                "generator": {"model": "sketch-1", "size": "256x256"},
                "score": {"model": "sketch"},
                "technique": [{"name": "vanilla"}, *techniques],
                "folder": tmp_path,
                **values,
            }
        )

    return make


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., bytes]:
    """Writes a picture of one colour into the campaign's folder; gives its bytes."""

    def write(name: str, color: str = "teal", size: tuple[int, int] = (24, 16)) -> bytes:
        buffer = io.BytesIO()
        kind = "JPEG" if name.endswith(".jpg") else "PNG"
        Image.new("RGB", size, color).save(buffer, kind)
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(buffer.getvalue())
        return buffer.getvalue()

    return write
