"""Approved prompts → chat JSONL, from which a language model learns to write such prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.prompts.sampling import WHOLE
from importers.prompts.writer import first_line, instructions
from importers.review import APPROVED
from importers.sample import Prompt, Sample
from ls_backend.errors import StorageError
from ls_backend.whole_files import write_whole


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        file: The JSONL file.
        prompts: Lines in it: distinct prompts whose image people approved.
    """

    file: Path
    prompts: int


def export_prompts(campaign: Campaign, samples: Sequence[Sample], file: Path) -> ExportReport:
    """Write the prompts whose images people approved, one conversation for each, whole or not.

    A line is {"messages": [system, user, assistant]}: the instructions that the writer gets, the
    request, and the prompt as its answer.

    Raises:
        StorageError: nothing is approved yet, or the file cannot be written.
    """
    approved = list(_approved(samples))
    if not approved:
        raise StorageError(
            f"No image of {campaign.name!r} is approved yet, so there is no prompt to export.",
            hint=f"Review some in Label Studio, then: ls-clip sync {campaign.folder.name}.",
        )
    lines = [json.dumps(_conversation(campaign, p), ensure_ascii=False) for p in approved]
    try:
        write_whole(file, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        raise StorageError(
            f"{file} cannot be written: {error.strerror}.", hint="Choose another file with --to."
        ) from None
    return ExportReport(file, len(approved))


def _approved(samples: Sequence[Sample]) -> Iterator[Prompt]:
    seen: set[tuple[str, str]] = set()
    for sample in samples:
        prompt = sample.prompt
        approved = sample.verdict == APPROVED
        shows = prompt.label != NONE_OF_THESE and not sample.planned.parents
        if approved and shows and (prompt.label, prompt.text) not in seen:
            seen.add((prompt.label, prompt.text))
            yield prompt


def _conversation(campaign: Campaign, prompt: Prompt) -> dict[str, list[dict[str, str]]]:
    factors = "; ".join(f"{name}: {value}" for name, value in prompt.factors.items())
    request = first_line(prompt.label, WHOLE, 1) + (f" With {factors}." if factors else "")
    said = {"system": instructions(campaign, WHOLE), "user": request, "assistant": prompt.text}
    return {"messages": [{"role": role, "content": content} for role, content in said.items()]}
