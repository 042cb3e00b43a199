"""The pictures behind reviewed tasks: found in the job's image store, or read into it once.

A campaign has drawn its pictures itself. Those of a project of somebody else are read as the ML
backend reads them, within the same bounds, and each once: what is known of a picture stands in the
ledger, so that one whose host is gone later on stays what it was when people approved it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from importers.config.job import Job
from importers.image_store import ImageStore
from importers.label_studio.annotated_images import image_settings
from importers.ledger import Ledger
from importers.ledger.reviews import Picture
from importers.progress import Progress, silent
from importers.record import Record
from importers.review import ReviewedTask
from importers.sample import Sample
from ls_backend.errors import ImageError
from ls_backend.images.pixels import ORIENTATION
from ls_backend.label_studio import LabelStudio

if TYPE_CHECKING:
    from PIL.Image import Image

    from ls_backend.images.task_images import TaskImages

AT_ONCE = 8
"""Pictures that are read at the same time: as many as Label Studio answers well."""
_FIELD = "image"
_ON_ITS_SIDE = {5, 6, 7, 8}
"""EXIF's orientations that a viewer turns by a quarter."""


def picture_bytes(record: Record, job: Job) -> bytes | None:
    """The picture of a record as it is kept beside the ledger; None where it is not."""
    try:
        return ImageStore(job.images_path).get(record.sha256)
    except FileNotFoundError:
        return None


def drawn_pictures(
    samples: Mapping[str, Sample], job: Job, ledger: Ledger
) -> dict[str, Picture | str]:
    """The picture of each sample key of a campaign, or why there is none."""
    store = ImageStore(job.images_path)
    return {key: _drawn(sample, store, ledger) for key, sample in samples.items()}


def read_pictures(
    tasks: Sequence[ReviewedTask],
    job: Job,
    ledger: Ledger,
    ls: LabelStudio,
    progress: Progress = silent,
) -> dict[str, Picture | str]:
    """The picture of each task's sample key, or why it cannot be had; read where it is not known.

    Args:
        progress: Called with (done, total) pictures that have to be read.
    """
    store = ImageStore(job.images_path)
    found: dict[str, Picture | str] = {}
    missing: dict[str, list[ReviewedTask]] = {}
    for task in tasks:
        known = ledger.reviews.picture(task.source)
        if known is not None:
            found[task.key] = known
        else:
            missing.setdefault(task.source, []).append(task)
    if not missing:
        return found
    from ls_backend.images.task_images import TaskImages

    images = TaskImages(image_settings(ls.credentials))
    progress(0, len(missing))
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")
    try:
        first = [same[0] for same in missing.values()]
        read = pool.map(lambda task: _read(task, images, store), first)
        for done, (same, picture) in enumerate(zip(missing.values(), read, strict=True), start=1):
            if isinstance(picture, Picture):
                ledger.reviews.record_picture(same[0].source, picture)
            found.update({task.key: picture for task in same})
            progress(done, len(missing))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for those under way, not for all
    return found


def _drawn(sample: Sample, store: ImageStore, ledger: Ledger) -> Picture | str:
    # Not by the task's address of it, which people can change.
    name = f"sha256:{sample.sha256}"
    known = ledger.reviews.picture(name)
    if known is not None:
        return known
    try:
        path = store.path(sample.sha256 or "")
    except FileNotFoundError:
        return (
            f"Its image {sample.sha256} is not in {store.folder} any more: restore that folder "
            "from a backup."
        )
    picture = _facts(path, sample.sha256 or "")
    if isinstance(picture, Picture):
        ledger.reviews.record_picture(name, picture)
    return picture


def _read(task: ReviewedTask, images: TaskImages, store: ImageStore) -> Picture | str:
    """Put a task's picture into the store."""
    if not task.source:
        return f"Its task shows no image, or several: see ls-clip doctor --task {task.task_id}."
    try:
        data = images.fetch({"id": task.task_id, "data": {_FIELD: task.source}}, _FIELD)
        images.decode(data)  # whole: training would stumble over one that breaks off
    except ImageError as error:
        return f"{error.message} {error.hint}"
    digest = store.put(data)
    return _facts(store.path(digest), digest)


def _upright_size(image: Image) -> tuple[int, int]:
    """Width and height as browsers and Label Studio show it, to which boxes refer."""
    width, height = image.size
    return (height, width) if image.getexif().get(ORIENTATION) in _ON_ITS_SIDE else (width, height)


def _facts(path: Path, digest: str) -> Picture | str:
    import PIL.Image

    data = path.read_bytes()
    try:
        with PIL.Image.open(io.BytesIO(data)) as image:
            width, height = _upright_size(image)
            kind = (image.format or path.suffix[1:]).lower()
    except Exception as error:  # damaged files make Pillow raise nearly anything
        return f"Its image {path} cannot be read: {error}."
    name = {"jpeg": "jpg", "mpo": "jpg"}.get(kind, kind)
    return Picture(digest, name, width, height, len(data))
