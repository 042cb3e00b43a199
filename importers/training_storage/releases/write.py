"""Writes a release so that readers see the one before, or this one, and never a part of it.

Pictures come first, then shared files, both named by their content, so nothing that a reader has is
touched, and the release's own folder; then release.json, and LATEST at the very end. A killed
run leaves the release before as it was; the next one writes its own under a new number, takes up
the pictures and shared files that are there, and removes the folder that was not finished.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256

from importers.progress import Progress, silent
from importers.record import Record, record_json
from importers.training_storage.card.files import CAMPAIGN, README
from importers.training_storage.card.picture_grid import PICTURES
from importers.training_storage.layouts import layout, version
from importers.training_storage.layouts.base import Contents, Output
from importers.training_storage.layouts.packed import shards
from importers.training_storage.releases.files import (
    Image,
    ReleaseFiles,
    load,
    missing_pictures,
    picture,
)
from importers.training_storage.releases.read import (
    REMOVED,
    Tombstone,
    tombstone_lines,
    tombstones_before,
)
from importers.training_storage.releases.release import (
    ABOUT,
    BEGUN,
    LATEST,
    MANIFEST,
    File,
    Release,
    begun,
    content_of,
    folder,
    latest_name,
    number,
    refuse_others,
    release_json,
    remove_release,
)
from importers.training_storage.storages.fsspec_storage import Storage
from ls_backend.errors import StorageError

_SHARD_RECORDS = 256


@dataclass(frozen=True)
class Shard:
    """A file of the manifest, and the records that are its lines."""

    file: File
    records: Sequence[Record]


def shards_of(records: Sequence[Record]) -> Iterator[Shard]:
    """The shards of a manifest; the same records always make the same."""
    by_key = {record.sample: record for record in records}
    for prefix, keys in shards(by_key, _SHARD_RECORDS).items():
        lines = [record_json(by_key[key]) for key in keys]
        data = _data(lines)
        digest = sha256(data).hexdigest()
        file = File(f"{MANIFEST}/{prefix}-{digest[:16]}.jsonl", digest, len(data))
        yield Shard(file, [by_key[key] for key in keys])


def write_shards(part: Output, manifest: Iterable[Shard]) -> None:
    """Hand out those that the last release has not."""
    for shard in manifest:
        if not part.keep(shard.file.path):
            part.share(shard.file.path, _data(map(record_json, shard.records)))


def _data(lines: Iterable[str]) -> bytes:
    return "\n".join((*lines, "")).encode()


_LINK = re.compile(rf"(?<!\\)\]\((?={re.escape(CAMPAIGN)}\)|{PICTURES}/)")


def root_card(storage: Storage, release: str) -> list[tuple[str, bytes]]:
    """Name and bytes of the card at the root, with links that lead into the release's folder.

    Nothing where the storage shows none. What its metadata names starts at the root anyway.

    Args:
        release: Name of one whose card is written.
    """
    card = storage.read(f"{folder(release)}/{README}") if storage.root_card else None
    if card is None:
        return []
    return [(README, _LINK.sub(f"]({folder(release)}/", card.decode()).encode())]


@dataclass(frozen=True)
class Laid:
    """What a dataset card may ask of the release that it is for; its layouts are written.

    Attributes:
        name, created_at: Of the release.
        files: Paths below the storage's root, by layout, in order.
        image: Bytes of a record's picture.
        earlier: Bytes of a file of the last release's card by its name; None where it had none.
        removed: How many samples were in an earlier release and are not in this one.
    """

    name: str
    created_at: datetime
    files: Mapping[str, Sequence[str]]
    image: Callable[[Record], bytes]
    earlier: Callable[[str], bytes | None]
    removed: int


@dataclass(frozen=True)
class Draft:
    """What is to be released.

    Attributes:
        previous: The release that LATEST names; nobody else may write one meanwhile.
        tombstones: Samples that the previous release has and this one has not.
        outcomes: How many tasks had which outcome.
        card: Makes the files of the dataset card, by name.
    """

    contents: Contents
    campaign: str
    campaign_id: str
    project: int
    previous: Release | None
    tombstones: Sequence[Tombstone]
    outcomes: Mapping[str, int]
    card: Callable[[Laid], Mapping[str, bytes]]

    @property
    def previous_name(self) -> str | None:
        return self.previous.name if self.previous else None

    @property
    def previous_files(self) -> dict[str, File]:
        """Files of the previous release, by path."""
        return {file.path: file for file in self.previous.every_file()} if self.previous else {}


def write_release(
    storage: Storage,
    draft: Draft,
    image: Image,
    progress: Progress = silent,
    *,
    heal: bool = False,
) -> Release:
    """Write a release, unless the previous one holds the same.

    Args:
        image: Asked only for pictures that are not in the storage yet, by the layouts that pack
            them, and by the card.
        progress: Called with (done, total): pictures that are new, then also layouts.
        heal: Look whether everything that the previous release names is there, in its size; what
            is not is written again, in a new release.

    Returns:
        The new release, or the previous one where there is nothing to write.

    Raises:
        StorageError: the storage refuses, belongs to another campaign, lost a picture that nobody
            has, or another process wrote a release meanwhile.
    """
    refuse_others(storage, draft.previous, draft.campaign, draft.campaign_id)
    manifest = list(shards_of(draft.contents.records))
    content = _content(draft, manifest)
    unfinished = [name for name in begun(storage) if name != draft.previous_name]
    present = storage.sizes() if heal else None
    is_same = draft.previous is not None and draft.previous.content == content
    if draft.previous and is_same and (present is None or _is_whole(draft, present)):
        _forget(storage, unfinished)
        return draft.previous

    _check_latest(storage, draft)
    storage.check_writable()
    name = f"{_next_number(draft, unfinished):06d}-{content[:8]}"
    with storage.together():
        storage.put_many([(BEGUN, "".join(f"{n}\n" for n in (*unfinished, name)).encode())])
        release = _write(storage, draft, image, name, content, manifest, present, progress)
        storage.put_many([(release_json(name), f"{release.model_dump_json()}\n".encode())])
        try:
            _check_latest(storage, draft)
        except StorageError:
            remove_release(storage, name)
            raise
        storage.put_many([*root_card(storage, name), (LATEST, f"{name}\n".encode())])
        _forget(storage, unfinished)
    return release


def _write(
    storage: Storage,
    draft: Draft,
    image: Image,
    name: str,
    content: str,
    manifest: Sequence[Shard],
    present: Mapping[str, int] | None,
    progress: Progress,
) -> Release:
    """Everything of a release but release.json."""
    created_at = datetime.now(timezone.utc).replace(microsecond=0)
    kept = _kept(draft, present)
    settings, records = draft.contents.settings, draft.contents.records
    pictures = missing_pictures(storage, records, draft.contents.before, present)
    steps = len(pictures) + len(settings.layout)
    progress(0, steps)
    storage.put_many(load(storage, pictures, image), lambda done, _: progress(done, steps))

    files = ReleaseFiles(storage, name, kept, image, draft.previous)
    write_shards(files.part(MANIFEST), manifest)
    for done, used in enumerate(settings.layout, start=len(pictures) + 1):
        layout(used)(draft.contents, files.layout(used, version(used)))
        files.flush()
        progress(done, steps)
    laid: dict[str, list[str]] = {used: sorted(files.parts[used].files) for used in settings.layout}
    about = files.part(ABOUT)
    for file_name, data in _about(
        storage, draft, name, created_at, laid, image, present is not None
    ).items():
        about.write(file_name, data)
    files.flush()

    return Release(
        name=name,
        content=content,
        previous=draft.previous_name,
        created_at=created_at,
        campaign=draft.campaign,
        campaign_id=draft.campaign_id,
        project=draft.project,
        layouts=tuple(settings.layout),
        versions={used: version(used) for used in settings.layout},
        shard_samples=settings.shard_samples,
        classes=draft.contents.classes.names,
        license=settings.license,
        outcomes=dict(draft.outcomes),
        samples=len(records),
        labels=_counts(record.label for record in records),
        splits=_counts(record.split for record in records),
        verdicts=_counts(record.verdict for record in records),
        files=files.account(),
    )


def _content(draft: Draft, manifest: Sequence[Shard]) -> str:
    settings = draft.contents.settings
    return content_of(
        draft.campaign_id,
        settings.layout,
        settings.shard_samples,
        draft.contents.classes.names,
        [shard.file for shard in manifest],
        settings.license,
    )


# -- what is there already -----------------------------------------------------------------------


def _kept(draft: Draft, present: Mapping[str, int] | None) -> Callable[[str], File | None]:
    files = draft.previous_files

    def kept(path: str) -> File | None:
        file = files.get(path)
        is_there = file is not None and (present is None or present.get(path) == file.bytes)
        return file if is_there else None

    return kept


def _is_whole(draft: Draft, present: Mapping[str, int]) -> bool:
    """If everything that the previous release names is there, in its size."""
    records = draft.contents.records
    return all(present.get(r.object_path) == r.bytes for r in records) and all(
        present.get(file.path) == file.bytes for file in draft.previous_files.values()
    )


def _check_latest(storage: Storage, draft: Draft) -> None:
    found = latest_name(storage)
    if found != draft.previous_name:
        raise StorageError(
            f"Another process wrote release {found} to {storage.shown} meanwhile.",
            hint="Its release stands. Run `ls-clip sync` again, on one machine at a time.",
            code="storage_moved",
        )


def _next_number(draft: Draft, unfinished: Sequence[str]) -> int:
    names = [*unfinished, *([draft.previous.name] if draft.previous else [])]
    return max(map(number, names), default=0) + 1


def _forget(storage: Storage, unfinished: Sequence[str]) -> None:
    """Remove what killed runs left of releases that they did not finish."""
    for name in unfinished:
        remove_release(storage, name)
    if unfinished or storage.read(BEGUN) is not None:
        storage.remove_many([BEGUN])


# -- the release's own files ---------------------------------------------------------------------


def _about(
    storage: Storage,
    draft: Draft,
    name: str,
    created_at: datetime,
    files: Mapping[str, Sequence[str]],
    image: Image,
    heal: bool,
) -> dict[str, bytes]:
    """Tombstones and dataset card, by file name."""

    def earlier(file_name: str) -> bytes | None:
        return storage.read(f"{draft.previous.folder}/{file_name}") if draft.previous else None

    before = tombstones_before(storage, draft.previous, heal=heal)
    new = [stone.model_copy(update={"release": name}) for stone in draft.tombstones]
    stones = [*before, *new]
    here = {record.sample for record in draft.contents.records}
    removed = len({stone.sample for stone in stones} - here)
    laid = Laid(name, created_at, files, lambda r: picture(storage, r, image), earlier, removed)
    return {**draft.card(laid), REMOVED: tombstone_lines(stones)}


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
