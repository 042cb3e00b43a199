"""What a file may cost beside its pixels: chunks, segments, tags, scans, and the time of all of it.

Pillow walks the parts of a file for as long as there are any, and millions of empty ones take it
minutes. So it reads through a `BoundedFile`, which ends each such walk; what it does without
reading, in C or over a directory of tags that it holds, is checked here before.
"""

from __future__ import annotations

import io
import math
import re
import struct
import time
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ls_backend.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

HEADER_READS = 20_000
"""Reads until the size is known; large profiles and comments take a few thousand."""
PIXEL_READS = 250_000
"""Reads for the pixels; the most are in PNG files of small chunks, three a chunk."""
SEGMENTS = 20_000
"""Segments of a JPEG file, of all its scans."""
EXIF_BYTES = 1_048_576
"""Of a JPEG file, of all its segments together; one has up to 65,533."""
SCANNED_PIXELS = 1_500_000_000
"""Pixels times scans of a JPEG file: each scan goes over all of them. Ten scans are usual."""
TAGS = 100_000
"""In the directories of all TIFF structures of a file; EXIF is one."""
TAG_NUMBERS = 262_144
"""Numbers in one tag; a strip or tile of an image has one in some."""
CLAIMS = 4
"""How often the parts of a file, all together, may be as large as the file."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
          16: 8, 17: 8, 18: 8}  # fmt: skip
"""Bytes of a value of each TIFF type."""
_BYTE_TYPES = {1, 2, 7}
_DIRECTORY_TAGS = {34_665, 34_853, 40_965}
"""Those of EXIF, GPS and interoperability point to a directory of their own."""
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_BYTE_COUNTS = (279, 325)
_TIFF_HEAD = re.compile(rb"II\*\0|MM\0\*|MM\*\0|II\0\*|II\+\0|MM\0\+")
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_END, _SCAN, _APP1 = 0xD9, 0xDA, 0xE1
_WITHOUT_LENGTH = {0x01, 0xD8}
_JPEG = b"\xff\xd8"
_EXIF_NAME = b"Exif\0\0"
_EXIF_NAMES = re.compile(rb"(?:Exif\0\0)*")


class BoundedFile(io.BytesIO):
    """A file in memory that can be read so often and so long, and no more.

    Args:
        data: The file.
        seconds: Of this thread's processor time, for the header, and again for the pixels: a busy
            machine makes no image slow.
    """

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self._seconds = seconds
        self._allow(HEADER_READS)

    def begin_pixels(self) -> None:
        """The header is read: from now on the bounds of the pixels hold."""
        self._allow(PIXEL_READS)

    def read(self, size: int | None = -1, /) -> bytes:
        """As io.BytesIO.

        Raises:
            ImageError: A bound is reached.
        """
        self._reads_left -= 1
        if self._reads_left < 0:
            raise _too_many_parts()
        if time.thread_time() > self._until:
            raise ImageError(
                f"The image takes longer to decode than {self._seconds:g} s of processor time.",
                hint="Save it anew with an image editor, or raise CLIP_IMAGE_SECONDS.",
                code="slow_to_decode",
            )
        return super().read(size)

    def _allow(self, reads: int) -> None:
        self._reads_left = reads
        self._until = time.thread_time() + self._seconds


def check_parts(data: bytes) -> None:
    """Refuse a file whose tags cost too much to open it.

    Raises:
        ImageError: With the code too_many_parts.
    """
    if data.startswith(_JPEG):
        _check_exif(_exif_of(data))
    elif data[4:8] == b"ftyp":  # AVIF and HEIC, in which EXIF lies anywhere
        left = TAGS
        for head in _TIFF_HEAD.finditer(data):
            left = _check_tags(data, head.start(), left)
    else:
        _check_tags(data)


def check_costs(image: Image, data: bytes, max_pixels: int) -> None:
    """Refuse an image, opened and not yet decoded, that costs more than its pixels.

    Raises:
        ImageError: With the code too_many_parts or too_many_pixels.
    """
    exif = image.info.get("exif")
    if isinstance(exif, bytes):
        _check_exif(exif)
    if data.startswith(_JPEG):
        scans = sum(marker == _SCAN for marker, _, _ in _segments(data))
        if scans * image.width * image.height > SCANNED_PIXELS:
            raise _too_many_parts()
    _check_tiles(getattr(image, "tag_v2", {}), len(data), max_pixels)


def too_many_pixels(most: int) -> ImageError:
    return ImageError(
        f"The image has more than {most} pixels.",
        hint="Use a smaller image, or raise CLIP_IMAGE_MAX_PIXELS.",
        code="too_many_pixels",
    )


def _too_many_parts() -> ImageError:
    return ImageError(
        "The image's file is made of more parts than images are.",
        hint="Save it anew with an image editor: that leaves out all but the image.",
        code="too_many_parts",
    )


def _check_tiles(tags: Mapping[int, Any], size: int, max_pixels: int) -> None:
    """Of a TIFF file: a tile is unpacked as a whole, however small the image is."""
    tile = [tags.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH)]
    if all(isinstance(side, int) for side in tile) and math.prod(tile) > max_pixels:
        raise too_many_pixels(max_pixels)
    for tag in _BYTE_COUNTS:
        counts = tags.get(tag)
        if isinstance(counts, tuple) and sum(counts) > CLAIMS * size:
            raise _too_many_parts()


def _check_exif(exif: bytes) -> None:
    names = _EXIF_NAMES.match(exif)
    _check_tags(exif, names.end() if names else 0)


def _check_tags(data: bytes, start: int = 0, left: int = TAGS) -> int:
    """How many of the tags that are left remain after those of the TIFF structure at `start`."""
    if not _TIFF_HEAD.match(data, start):
        return left
    order = "<" if data[start : start + 1] == b"I" else ">"
    is_big = 43 in data[start + 2 : start + 4]
    offset, entry = ("Q", "HHQQ") if is_big else ("L", "HHLL")
    directories = [_number(data, start + (8 if is_big else 4), order + offset)]
    claimed, end = 0, len(data) - start
    for directory in directories:  # which grows by those that are found in it
        for tag, kind, count, value in _entries(data, start + directory, order, entry):
            left -= 1
            size = count * _SIZES.get(kind, 0)
            is_whole = value + size <= end  # Pillow leaves out what is not
            claimed += size if is_whole else 0
            is_bomb = is_whole and kind not in _BYTE_TYPES and size > 0 and count > TAG_NUMBERS
            if left < 0 or is_bomb or claimed > CLAIMS * end:
                raise _too_many_parts()
            if tag in _DIRECTORY_TAGS:
                directories.append(value)
    return left


def _entries(data: bytes, at: int, order: str, entry: str) -> Iterator[tuple[int, ...]]:
    """Tag, type, count and value of each entry of a directory of tags."""
    number = order + ("H" if entry == "HHLL" else "Q")
    count, first = _number(data, at, number), at + struct.calcsize(number)
    size = struct.calcsize(order + entry)
    whole = min(count, max(0, len(data) - first) // size)
    return struct.iter_unpack(order + entry, data[first : first + whole * size])


def _number(data: bytes, at: int, kind: str) -> int:
    """0 where the file ends before it."""
    end = at + struct.calcsize(kind)
    return int(struct.unpack(kind, data[at:end])[0]) if end <= len(data) else 0


def _exif_of(data: bytes) -> bytes:
    """EXIF of a JPEG file as Pillow puts it together, of all segments.

    Raises:
        ImageError: It is larger than cameras make it.
    """
    before_pixels = takewhile(lambda segment: segment[0] != _SCAN, _segments(data))
    exif = b"".join(
        data[start + len(_EXIF_NAME) : end]
        for marker, start, end in before_pixels
        if marker == _APP1 and data.startswith(_EXIF_NAME, start)
    )
    if len(exif) > EXIF_BYTES:
        raise _too_many_parts()
    return exif


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each segment of a JPEG file until its end: marker, start and end of what it holds."""
    at = 2
    for _ in range(SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found[1][0] == _END:
            return
        at = found.end()
        if found[1][0] not in _WITHOUT_LENGTH:
            end = at + _number(data, at, ">H")
            yield found[1][0], at + 2, end
            at = max(at, end)
    raise _too_many_parts()
