"""Image files as Pillow writes them, and as it does not: with headers that tell tales."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""Color types of PNG."""


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(size: tuple[int, int], bits: int, color: int, pixels: bytes, **chunks: bytes) -> bytes:
    """A PNG of these rows of `pixels`, each after its filter byte; with `chunks` before them."""
    before = b"".join(_chunk(name.encode(), data) for name, data in chunks.items())
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, color, 0, 0, 0))
        + before
        + _chunk(b"IDAT", zlib.compress(pixels))
        + _chunk(b"IEND", b"")
    )


def gif(size: tuple[int, int], frame: tuple[int, int]) -> bytes:
    """A GIF that says how large it and its one frame are, and holds a pixel."""
    screen = struct.pack("<HHBBB", *size, 0x80, 0, 0)
    image = b"," + struct.pack("<HHHHB", 0, 0, *frame, 0)
    return b"GIF89a" + screen + b"\0\0\0\xff\xff\xff" + image + b"\x02\x02\x44\x01\0;"


def bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def webp(width: int, height: int) -> bytes:
    """A small animation whose header says another size."""
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    start = data.index(b"VP8X") + 12
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return data[:start] + size + data[start + 6 :]


def tiff(width: int, height: int) -> bytes:
    """One strip of black RGB pixels at byte 8 that is much too short."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 2), (273, 0), (277, 3),
            (278, height), (279, 8)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def grey_tiff(bits: int, pixels: bytes, width: int, photometric: int = 1, kind: int = 1) -> bytes:
    """One row of grey. Photometric 0: white is zero; kind 1: unsigned, 2: signed, 3: float."""
    start = 8 + 2 + 12 * 10 + 4
    tags = [(256, width), (257, 1), (258, bits), (259, 1), (262, photometric), (273, start),
            (277, 1), (278, 1), (279, len(pixels)), (339, kind)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + pixels


def jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header says another size."""
    data = encoded(Image.new("RGB", (8, 8)), "JPEG")
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", height, width) + data[start + 4 :]


def ycck(rgb: tuple[int, int, int], black: int = 0) -> bytes:
    """A JPEG of one colour and black ink as Photoshop writes them: YCC of the inks, marked so."""
    inks = Image.new("RGB", (16, 16), tuple(255 - value for value in rgb)).convert("YCbCr")
    # Pillow stores CMYK inverted, and knows the marker of CMYK alone.
    stored = [band.point(lambda value: 255 - value) for band in inks.split()]
    image = Image.merge("CMYK", (*stored, Image.new("L", (16, 16), black)))
    data = bytearray(encoded(image, "JPEG", quality=100, subsampling=0))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
