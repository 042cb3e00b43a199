"""Pictures of the dataset card: a strip of thumbnails for each label.

Which samples are shown follows from their keys alone: a new one takes a place only where its hash
is among the smallest. A strip is named by what it shows, so one of an earlier release is known
again by its name.
"""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING

from importers.record import Record
from ls_backend.errors import ImageError
from ls_backend.images.pixels import decode_image

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURES = "pictures"
"""Folder of the pictures, below the release's own."""
MOST_LABELS = 50
"""Most classes of which pictures are shown."""
THUMBNAILS = 8
"""Most pictures of a class."""
SIDE = 128
"""Width and height of a thumbnail, in pixels."""
_GAP = 4
_LOOK = "1"  # counted up when the same samples are to be shown in another way


@dataclass(frozen=True)
class Strip:
    """One picture of the card.

    Attributes:
        label, class_id: Name and number of the class that it shows.
        path: Path below the release's folder: `pictures/<class id>-<hash of what it shows>.png`.
        shown: Records, from left to right; at most `THUMBNAILS`.
        of: Number of records that the label has.
    """

    label: str
    class_id: int
    path: str
    shown: tuple[Record, ...]
    of: int


def strips(records: Iterable[Record]) -> list[Strip]:
    """A strip for each of the first `MOST_LABELS` classes that have pictures, by class id."""
    by_class: defaultdict[int, list[Record]] = defaultdict(list)
    for record in records:
        by_class[record.class_id].append(record)
    return [_strip(by_class[number]) for number in sorted(by_class)[:MOST_LABELS]]


def draw(shown: Sequence[Record], image: Callable[[Record], bytes]) -> bytes:
    """A strip as PNG: thumbnails of `SIDE` × `SIDE` pixels in a row, whole pictures on white.

    The place of a picture that cannot be decoded stays grey. The same pictures give the same bytes.
    """
    import PIL.Image

    width = len(shown) * (SIDE + _GAP) - _GAP
    strip = PIL.Image.new("RGB", (width, SIDE), "white")
    for place, record in enumerate(shown):
        strip.paste(_thumbnail(image(record)), (place * (SIDE + _GAP), 0))
    file = io.BytesIO()
    strip.save(file, "PNG", optimize=True)
    return file.getvalue()


def picture_files(
    of: Iterable[Strip], image: Callable[[Record], bytes], earlier: Callable[[str], bytes | None]
) -> Mapping[str, bytes]:
    """The files of strips: those of the last release as they are, others drawn."""
    return {strip.path: earlier(strip.path) or draw(strip.shown, image) for strip in of}


def _strip(records: Sequence[Record]) -> Strip:
    first = records[0]
    shown = tuple(
        nsmallest(THUMBNAILS, records, key=lambda r: hashlib.sha256(r.sample.encode()).digest())
    )
    content = hashlib.sha256("\n".join([_LOOK, *(r.sha256 for r in shown)]).encode()).hexdigest()
    path = f"{PICTURES}/{first.class_id:04}-{content[:16]}.png"
    return Strip(first.label, first.class_id, path, shown, len(records))


def _thumbnail(data: bytes) -> Image:
    import PIL.Image

    try:
        picture = decode_image(data)
    except ImageError:
        return PIL.Image.new("RGB", (SIDE, SIDE), "#e0e0e0")
    scale = SIDE / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    small = picture.resize((width, height), PIL.Image.Resampling.LANCZOS, reducing_gap=3)
    cell = PIL.Image.new("RGB", (SIDE, SIDE), "white")
    cell.paste(small, ((SIDE - width) // 2, (SIDE - height) // 2))
    return cell
