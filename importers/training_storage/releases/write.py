"""Writes a release so that readers see the one before, or this one, and never a part of it.

Pictures come first, then shared files, both named by their content, so nothing that a reader has is
touched, and the release's own folder; then release.json, and LATEST at the very end. A killed
run leaves the release before as it was; the next one writes its own under a new number, takes up
the pictures and shared files that are there, and removes the folder that was not finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from importers.progress import Progress, silent
from importers.training_storage.card.facts import CardRelease
from importers.training_storage.card.files import README, at_root
from importers.training_storage.layouts import Contents, layout, version
from importers.training_storage.releases.files import (
    Image,
    ManifestShard,
    ReleaseFiles,
    load,
    missing_pictures,
    picture,
    remove_release,
    shards_of,
    write_shards,
)
from importers.training_storage.releases.read import (
    begun,
    latest_name,
    refuse_others,
    tombstones_before,
)
from importers.training_storage.releases.release import (
    ABOUT,
    BEGUN,
    LATEST,
    MANIFEST,
    REMOVED,
    File,
    Release,
    Tombstone,
    content_of,
    folder,
    number,
    release_json,
    tombstone_lines,
)
from importers.training_storage.storages.fsspec_storage import Storage
from ls_backend.errors import StorageError


@dataclass(frozen=True)
class NewRelease:
    """What is to be released.

    Attributes:
        contents: Records, classes and settings.
        campaign, campaign_id: Name and id of the campaign.
        project: Number of the Label Studio project.
        previous: Release that LATEST names; nobody else may write one meanwhile.
        tombstones: Samples that the previous release has and this one has not.
        outcomes: Number of tasks by outcome.
        card: Function that makes the files of the dataset card, by name.
    """

    contents: Contents
    campaign: str
    campaign_id: str
    project: int
    previous: Release | None
    tombstones: Sequence[Tombstone]
    outcomes: Mapping[str, int]
    card: Callable[[CardRelease], Mapping[str, bytes]]

    @property
    def previous_name(self) -> str | None:
        return self.previous.name if self.previous else None

    @property
    def previous_files(self) -> dict[str, File]:
        """Files of the previous release, by path."""
        return {file.path: file for file in self.previous.every_file()} if self.previous else {}


def write_release(
    storage: Storage,
    new: NewRelease,
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
    refuse_others(storage, new.previous, new.campaign, new.campaign_id)
    manifest = list(shards_of(new.contents.records))
    content = _content(new, manifest)
    unfinished = [name for name in begun(storage) if name != new.previous_name]
    present = storage.sizes() if heal else None
    is_same = new.previous is not None and new.previous.content == content
    if new.previous and is_same and (present is None or _is_whole(new, present)):
        _forget(storage, unfinished)
        return new.previous

    _check_latest(storage, new)
    storage.check_writable()
    names = [*unfinished, *filter(None, [new.previous_name])]
    name = f"{max(map(number, names), default=0) + 1:06d}-{content[:8]}"
    with storage.together():
        storage.put_many([(BEGUN, "".join(f"{n}\n" for n in (*unfinished, name)).encode())])
        release = _write(storage, new, image, name, content, manifest, present, progress)
        storage.put_many([(release_json(name), f"{release.model_dump_json()}\n".encode())])
        try:
            _check_latest(storage, new)
        except StorageError:
            remove_release(storage, name)
            raise
        storage.put_many([*root_card(storage, name), (LATEST, f"{name}\n".encode())])
        _forget(storage, unfinished)
    return release


def root_card(storage: Storage, release: str) -> list[tuple[str, bytes]]:
    """Name and bytes of the card at the storage's root; nothing where the storage shows none.

    Args:
        release: Name of a release whose card is written.
    """
    card = storage.read(f"{folder(release)}/{README}") if storage.root_card else None
    return [] if card is None else [(README, at_root(card, folder(release)))]


def _write(
    storage: Storage,
    new: NewRelease,
    image: Image,
    name: str,
    content: str,
    manifest: Sequence[ManifestShard],
    present: Mapping[str, int] | None,
    progress: Progress,
) -> Release:
    """Everything of a release but release.json, which is returned."""
    created_at = datetime.now(UTC).replace(microsecond=0)
    layouts, records = new.contents.settings.layout, new.contents.records
    pictures = missing_pictures(storage, records, new.contents.before, present)
    steps = len(pictures) + len(layouts)
    progress(0, steps)
    storage.put_many(load(storage, pictures, image), lambda done, _: progress(done, steps))

    files = ReleaseFiles(storage, name, _kept(new, present), image, new.previous)
    write_shards(files.part(MANIFEST), manifest)
    for done, used in enumerate(layouts, start=len(pictures) + 1):
        layout(used)(new.contents, files.layout(used, version(used)))
        files.flush()
        progress(done, steps)
    _write_about(files, new, name, created_at, heal=present is not None)
    return _described(new, name, content, created_at, files)


def _write_about(
    files: ReleaseFiles, new: NewRelease, name: str, created_at: datetime, *, heal: bool
) -> None:
    """Tombstones and dataset card."""
    storage = files.storage

    def earlier(file_name: str) -> bytes | None:
        return storage.read(f"{new.previous.folder}/{file_name}") if new.previous else None

    before = tombstones_before(storage, new.previous, heal=heal)
    stones = [*before, *(stone.model_copy(update={"release": name}) for stone in new.tombstones)]
    here = {record.sample for record in new.contents.records}
    release = CardRelease(
        name=name,
        folder=folder(name),
        created_at=created_at,
        files={used: sorted(files.parts[used].files) for used in new.contents.settings.layout},
        image=lambda record: picture(storage, record, files.original),
        earlier=earlier,
        removed=len({stone.sample for stone in stones} - here),
    )
    about = files.part(ABOUT)
    for file_name, data in {**new.card(release), REMOVED: tombstone_lines(stones)}.items():
        about.write(file_name, data)
    files.flush()


def _described(
    new: NewRelease, name: str, content: str, created_at: datetime, files: ReleaseFiles
) -> Release:
    settings, records = new.contents.settings, new.contents.records
    return Release(
        name=name,
        content=content,
        previous=new.previous_name,
        created_at=created_at,
        campaign=new.campaign,
        campaign_id=new.campaign_id,
        project=new.project,
        layouts=tuple(settings.layout),
        versions={used: version(used) for used in settings.layout},
        shard_samples=settings.shard_samples,
        classes=new.contents.classes.names,
        license=settings.license,
        outcomes=dict(new.outcomes),
        samples=len(records),
        labels=_counts(record.label for record in records),
        splits=_counts(record.split for record in records),
        verdicts=_counts(record.verdict for record in records),
        files=files.account(),
    )


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _content(new: NewRelease, manifest: Sequence[ManifestShard]) -> str:
    settings = new.contents.settings
    return content_of(
        new.campaign_id,
        settings.layout,
        settings.shard_samples,
        new.contents.classes.names,
        [shard.file for shard in manifest],
        settings.license,
    )


# -- what is there already -----------------------------------------------------------------------


def _kept(new: NewRelease, present: Mapping[str, int] | None) -> Callable[[str], File | None]:
    files = new.previous_files

    def kept(path: str) -> File | None:
        file = files.get(path)
        is_there = file is not None and (present is None or present.get(path) == file.bytes)
        return file if is_there else None

    return kept


def _is_whole(new: NewRelease, present: Mapping[str, int]) -> bool:
    """If everything that the previous release names is there, in its size."""
    records = new.contents.records
    return all(present.get(r.object_path) == r.bytes for r in records) and all(
        present.get(file.path) == file.bytes for file in new.previous_files.values()
    )


def _check_latest(storage: Storage, new: NewRelease) -> None:
    found = latest_name(storage)
    if found != new.previous_name:
        raise StorageError(
            f"Another process wrote release {found} to {storage.shown} meanwhile.",
            hint="Its release stands. Run `ls-clip sync` again, on one machine at a time.",
            code="storage_moved",
        )


def _forget(storage: Storage, unfinished: Sequence[str]) -> None:
    """Remove what killed runs left of releases that they did not finish."""
    for name in unfinished:
        remove_release(storage, name)
    if unfinished or storage.read(BEGUN) is not None:
        storage.remove_many([BEGUN])
