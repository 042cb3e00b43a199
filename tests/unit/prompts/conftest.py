"""Campaigns whose prompts the sketch server writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from importers.config.campaign import Campaign

WritingCampaign = Callable[..., Campaign]


@pytest.fixture
def writing_campaign(text_api: Any, tmp_path: Path) -> WritingCampaign:
    """A campaign whose prompts the sketch server writes; keywords go into `[prompts.writing]`."""

    def make(
        *, prompts: dict[str, Any] | None = None, samples: int = 12, **writing: Any
    ) -> Campaign:
        return Campaign.model_validate(
            {
                "name": "pets",
                "labels": ["cat", "dog"],
                "samples": samples,
                "prompts": {
                    "writer": "openai:sketch-writer-1",
                    "writing": {"base_url": text_api.url, "count": 6, **writing},
                    **(prompts or {}),
                },
                "generator": {"model": "sketch-1", "base_url": text_api.url, "size": "256x256"},
                "score": {"model": "sketch"},
                "folder": tmp_path,
            }
        )

    return make
