"""As much of transformers as reads a tokenizer of whole words from a folder; no name of the hub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Encoded:
    input_ids: torch.Tensor


class AutoTokenizer:
    def __init__(self, vocabulary: dict[str, int], unknown: str, padding: str) -> None:
        self.vocabulary = vocabulary
        self.unknown = vocabulary[unknown]
        self.padding = vocabulary[padding]

    @classmethod
    def from_pretrained(cls, folder: str, **_: Any) -> AutoTokenizer:
        stored = json.loads((Path(folder) / "tokenizer.json").read_text())["model"]
        names = json.loads((Path(folder) / "tokenizer_config.json").read_text())
        return cls(stored["vocab"], names["unk_token"], names["pad_token"])

    def __call__(self, texts: list[str], *, max_length: int, **_: Any) -> Encoded:
        rows = [[self.vocabulary.get(word, self.unknown) for word in t.split()] for t in texts]
        padded = [(row + [self.padding] * max_length)[:max_length] for row in rows]
        return Encoded(torch.tensor(padded))
