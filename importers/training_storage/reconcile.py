"""Makes training storage hold what the ledger says is approved, and nothing else of this campaign.

The storage is compared with what it should hold and only the difference is written: images first,
then metadata.jsonl at once, then what is no longer wanted goes. So metadata.jsonl never names a
file that is not there, and the next run repairs what a killed one left. Files of others stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from importers.campaign import NONE_OF_THESE, Campaign
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.money.terms import noted_terms
from importers.progress import Progress, silent
from importers.sample import Sample
from importers.training_storage.records import (
    IMAGES,
    METADATA,
    file_stem,
    folder_name,
    metadata_bytes,
    parse_metadata,
    record,
)
from importers.training_storage.storage import Storage, is_temporary
from importers.training_storage.verdicts import APPROVED, RELABELLED
from ls_backend.errors import LedgerError, StorageError


@dataclass(frozen=True)
class Changes:
    """How many samples the storage gained, lost or holds elsewhere than before.

    Attributes:
        added, removed: Samples that came and went.
        moved: Samples whose label changed, and with it their folder.
        unchanged: Samples that stayed where they are.
    """

    added: int
    moved: int
    removed: int
    unchanged: int


def reconcile(
    storage: Storage, campaign: Campaign, ledger: Ledger, progress: Progress = silent
) -> Changes:
    """Bring the storage in step with the verdicts in the ledger; a second run writes nothing.

    Args:
        progress: Called with (done, total) images after each one that is written.

    Raises:
        StorageError: the storage refuses, or belongs to another campaign.
        LedgerError: an original is not in the campaign's folder any more.
    """
    samples = ledger.samples()
    wanted = dict(_approved(samples, campaign))
    metadata = metadata_bytes(
        record(
            sample, name, campaign, ledger.campaign_id, noted_terms(ledger, sample.planned.model)
        )
        for name, (sample, _) in wanted.items()
    )
    metadata_before = storage.read(METADATA)
    names_before = _names_before(metadata_before or b"", storage, campaign, ledger)
    present = storage.images()
    missing = {
        name: original
        for name, (_, original) in wanted.items()
        if present.get(name) != original.stat().st_size
    }
    stems = {file_stem(sample) for sample in samples}
    leftover = [name for name in present if name not in wanted and _is_ours(name, stems)]

    if missing or leftover or metadata != metadata_before:
        storage.check_writable()
    _put(storage, missing, progress)
    if metadata != metadata_before:
        storage.put(METADATA, metadata)
    for name in leftover:
        storage.remove(name)
    storage.remove_empty_folders(_folders(campaign, leftover))
    return _changes(names_before, {sample.key: name for name, (sample, _) in wanted.items()})


def _approved(
    samples: list[Sample], campaign: Campaign
) -> Iterator[tuple[str, tuple[Sample, Path]]]:
    """Name in the storage → sample and its original, for what people approved."""
    originals = ImageStore(campaign.images_path)
    for sample in samples:
        if sample.verdict is None or sample.verdict.kind not in {APPROVED, RELABELLED}:
            continue
        try:
            original = originals.path(sample.sha256 or "")
        except FileNotFoundError:
            raise LedgerError(
                f"The image of sample {sample.key} is not in {originals.folder} any more.",
                hint="Restore that folder from a backup; nothing was changed in training storage.",
            ) from None
        folder = folder_name(sample.verdict.label or "")
        yield f"{IMAGES}/{folder}/{file_stem(sample)}{original.suffix}", (sample, original)


def _put(storage: Storage, images: Mapping[str, Path], progress: Progress) -> None:
    progress(0, len(images))
    for done, (name, original) in enumerate(images.items(), start=1):
        storage.put(name, original.read_bytes())
        progress(done, len(images))


def _names_before(
    metadata: bytes, storage: Storage, campaign: Campaign, ledger: Ledger
) -> dict[str, str]:
    """Sample key → file name, as metadata.jsonl has it."""
    try:
        records = parse_metadata(metadata)
    except ValueError:
        raise StorageError(
            f"Training storage {storage.shown} has a {METADATA} that ls-clip did not write.",
            hint="Give the campaign a folder of its own: [storage] url in campaign.toml.",
        ) from None
    for found in records:
        if found["campaign_id"] != ledger.campaign_id:
            raise StorageError(_other_campaign(found, storage, campaign), hint=_OTHER_CAMPAIGN_HINT)
    return {found["sample"]: found["file_name"] for found in records}


_OTHER_CAMPAIGN_HINT = (
    "Give each campaign a folder of its own: [storage] url in campaign.toml. If this campaign's "
    "ledger was made anew, empty that folder first."
)


def _other_campaign(found: Mapping[str, Any], storage: Storage, campaign: Campaign) -> str:
    other = found.get("campaign")
    which = f"another campaign, {other!r}" if other != campaign.name else f"another {other!r}"
    return f"Training storage {storage.shown} belongs to {which} (id {found['campaign_id']})."


def _is_ours(name: str, stems: set[str]) -> bool:
    path = PurePosixPath(name)
    return is_temporary(name) or (len(path.parts) == 3 and path.stem in stems)


def _folders(campaign: Campaign, leftover: list[str]) -> set[str]:
    folders = {f"{IMAGES}/{folder_name(label)}" for label in (*campaign.labels, NONE_OF_THESE)}
    return folders | {str(PurePosixPath(name).parent) for name in leftover}


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    stayed = before.keys() & after.keys()
    moved = sum(before[key] != after[key] for key in stayed)
    return Changes(
        added=len(after.keys() - stayed),
        moved=moved,
        removed=len(before.keys() - stayed),
        unchanged=len(stayed) - moved,
    )
