"""Image files within every bound of bytes and pixels, that take minutes or gigabytes to decode."""

from __future__ import annotations

import struct
import zlib

from image_files import RGB, encoded, png
from PIL import Image

BYTES = 31_000_000
SMALL = Image.effect_noise((64, 64), 80).convert("RGB")
PNG = encoded(SMALL)
JPEG = encoded(SMALL, "JPEG")


def png_of_empty_chunks(name: bytes = b"teSt") -> bytes:
    empty = chunk(name, b"")
    place = PNG.index(b"IDAT") - 4
    return PNG[:place] + empty * (BYTES // len(empty)) + PNG[place:]


def png_that_unpacks(times: int = 20_000) -> bytes:
    """Each of its colour profiles has a megabyte of nothing."""
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1_000_000), 9))
    place = PNG.index(b"IDAT") - 4
    return PNG[:place] + profile * times + PNG[place:]


def jpeg_of_segments(segment: bytes) -> bytes:
    place = 2 + 2 + 16  # behind the segment that all have
    return JPEG[:place] + segment * (BYTES // len(segment)) + JPEG[place:]


def jpeg_of_scans(side: int = 6000, scans: int = 20_000) -> bytes:
    """A progressive file that repeats its second scan, of which each goes over all pixels."""
    data = encoded(Image.new("L", (side, side)), "JPEG", progressive=True, optimize=True)
    starts = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    tables = data.rindex(b"\xff\xc4", 0, starts[1])
    scan = data[tables : data.index(b"\xff\xc4", starts[1])]
    return data[: starts[1]] + scan * scans + data[tables:]


def exif(entries: bytes, number: int, rest: bytes) -> bytes:
    head = b"MM\0*" + struct.pack(">LH", 8, number)
    return head + entries + bytes(4) + rest


def exif_of_fractions(tag: int, size: int = BYTES) -> bytes:
    """One tag that holds millions of fractions."""
    count = (size - 26) // 8
    return exif(struct.pack(">HHLL", tag, 5, count, 26), 1, b"\0\0\0\1" * 2 * count)


def exif_that_claims(entries: int = 5_000) -> bytes:
    """Thousands of tags, each of which holds all bytes of all; turned by a quarter."""
    size = 10 + 12 * (entries + 1) + 4
    tags = [struct.pack(">HHLHH", 0x0112, 3, 1, 6, 0)]
    tags += [struct.pack(">HHLL", 40_000 + n, 5, size // 8, 0) for n in range(entries)]
    return exif(b"".join(tags), entries + 1, b"")


def png_with_exif(data: bytes) -> bytes:
    return png((1, 1), 8, RGB, b"\0\1\2\3", eXIf=data)


def jpeg_with_exif(data: bytes) -> bytes:
    """In as many segments as it takes."""
    parts = [data[place : place + 65_000] for place in range(0, len(data), 65_000)]
    segments = b"".join(
        b"\xff\xe1" + struct.pack(">H", len(part) + 8) + b"Exif\0\0" + part for part in parts
    )
    return JPEG[:2] + segments + JPEG[2:]


def webp_with_exif(data: bytes) -> bytes:
    return encoded(SMALL, "WEBP", exif=data)


def avif_of_fractions(tag: int) -> bytes:
    """Saved with bytes under another tag: Pillow would read the fractions, too."""
    data = exif_of_fractions(tag)
    count = struct.unpack(">L", data[14:18])[0]
    harmless = struct.pack(">HHL", 0x9999, 7, 8 * count)
    saved = encoded(SMALL, "AVIF", exif=data[:10] + harmless + data[18:])
    return saved.replace(harmless, data[10:18])


def tiff(tags: list[tuple[int, int, int, int]], rest: bytes = b"") -> bytes:
    """Tag, type, count and value or place of each; `rest` begins behind the directory."""
    entries = b"".join(struct.pack("<HHLL", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<LH", 8, len(tags)) + entries + bytes(4) + rest


def tiff_of_strips(strips: int = 7_000_000) -> bytes:
    """An image one pixel wide, with a strip for each row."""
    place = 8 + 2 + 12 * 9 + 4
    return tiff(
        [(256, 4, 1, 1), (257, 4, 1, strips), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
         (273, 4, strips, place), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, strips, place)],
        bytes(4 * strips),
    )  # fmt: skip


def tiff_of_shared_strips(strips: int = 50_000) -> bytes:
    """Each of its strips is the same megabyte, of which libtiff turns each bit around."""
    size, place = 1_000_000, 8 + 2 + 12 * 10 + 4
    offsets = struct.pack("<L", place) * strips
    counts = struct.pack("<L", size) * strips
    return tiff(
        [(256, 4, 1, 8), (257, 4, 1, strips), (258, 3, 1, 1), (259, 3, 1, 32_773), (262, 3, 1, 1),
         (266, 3, 1, 2), (273, 4, strips, place + size), (277, 3, 1, 1), (278, 4, 1, 1),
         (279, 4, strips, place + size + len(offsets))],
        bytes(size) + offsets + counts,
    )  # fmt: skip


def tiff_of_one_tile(side: int = 32_000) -> bytes:
    """One pixel in a tile of a gigabyte."""
    packed = zlib.compress(bytes(side * 1024))
    place = 8 + 2 + 12 * 10 + 4
    return tiff(
        [(256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
         (277, 3, 1, 1), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, place),
         (325, 4, 1, len(packed))],
        packed,
    )  # fmt: skip


def tiff_of_pages(pages: int = 100_000) -> bytes:
    """Pages of one red pixel."""
    page = encoded(Image.new("RGB", (1, 1), "red"), "TIFF")
    start = struct.unpack("<L", page[4:8])[0]
    count = struct.unpack("<H", page[start : start + 2])[0]
    entries = page[start : start + 2 + 12 * count]
    first, size = len(page), len(entries) + 4
    nexts = [first + size * number for number in range(pages)]
    directories = b"".join(entries + struct.pack("<L", place) for place in [*nexts[1:], 0])
    return page[:4] + struct.pack("<L", first) + page[8:] + directories


def gif_of_frames() -> bytes:
    """Frames of one red pixel."""
    first = encoded(Image.new("P", (1, 1), 0).convert("RGB"), "GIF")
    frame = first[first.index(b",") : -1]
    return first[:-1] + frame * (BYTES // len(frame)) + b";"


def gif_of_comments() -> bytes:
    data = encoded(SMALL, "GIF")
    place = 13 + 3 * 2 ** ((data[10] & 7) + 1)  # behind the colours
    comment = b"!\xfe" + (b"\xff" + b"a" * 255) * (BYTES // 256) + b"\0"
    return data[:place] + comment + data[place:]


def apng_of_frames(frames: int = 200_000) -> bytes:
    """Frames of one pixel each, in chunks of their own."""
    data = encoded(SMALL)
    begin, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    pixel = zlib.compress(b"\0\1\2\3")
    parts = [data[:begin], chunk(b"acTL", struct.pack(">II", frames + 1, 0)),
             _frame(0, 64), data[begin:end]]  # fmt: skip
    for number in range(frames):
        parts.append(_frame(2 * number + 1, 1))
        parts.append(chunk(b"fdAT", struct.pack(">I", 2 * number + 2) + pixel))
    return b"".join([*parts, data[end:]])


def webp_of_frames(frames: int = 300_000) -> bytes:
    """An animation that repeats its last frame."""
    images = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    data = encoded(images[0], "WEBP", save_all=True, append_images=images[1:], lossless=True)
    frame = data[data.rindex(b"ANMF") :]
    body = data[8:] + frame * frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


def avif_of_frames(frames: int = 1_000) -> bytes:
    images = [Image.new("RGB", (16, 16), (n % 256, n // 256, 0)) for n in range(frames)]
    return encoded(images[0], "AVIF", save_all=True, append_images=images[1:], speed=10)


def bmp_of_runs() -> bytes:
    """Runs of no pixel."""
    runs = b"\0\2\0\0" * (BYTES // 4)
    info = struct.pack("<IiiHHIIiiII", 40, 64, 64, 1, 8, 1, len(runs), 0, 0, 256, 0)
    start = 14 + 40 + 1024
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + info + bytes(1024) + runs


def _frame(number: int, side: int) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, side, side, 0, 0, 1, 10, 0, 0))


def parts_of(chunks: bytes, name: bytes) -> list[bytes]:
    """What the chunks of that name hold."""
    found, place = [], 0
    while place < len(chunks):
        size = struct.unpack(">I", chunks[place : place + 4])[0]
        if chunks[place + 4 : place + 8] == name:
            found.append(chunks[place + 8 : place + 8 + size])
        place += 12 + size
    return found


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
