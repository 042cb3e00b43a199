"""What a task can point to, where the token goes, and what comes out as pixels."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from image_host import ImageHost, body, redirect, status
from PIL import Image

from ls_backend.errors import ImageError
from ls_backend.label_studio import Credentials
from ls_backend.pixels import decode_image
from ls_backend.settings import Settings
from ls_backend.task_images import TaskImages

TOKEN = "0123456789abcdef0123456789abcdef01234567"
UPLOAD = "/data/upload/1/a.png"

StartHost = Callable[[], ImageHost]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


PNG = encoded(Image.new("RGB", (4, 3), "red"))
NOISE = encoded(Image.effect_noise((64, 64), 80))


def reader(label_studio: str | None = None, **settings: Any) -> TaskImages:
    credentials = Credentials(label_studio, TOKEN) if label_studio else None
    return TaskImages(Settings(label_studio=credentials, **settings))


def read(images: TaskImages, source: object) -> Image.Image:
    return images.read({"id": 1, "data": {"image": source}}, "image")


def code_of(images: TaskImages, source: object) -> str:
    with pytest.raises(ImageError) as refusal:
        read(images, source)
    assert refusal.value.hint
    assert TOKEN not in refusal.value.message + refusal.value.hint
    return refusal.value.code


def test_an_upload_is_read_with_the_token(host: ImageHost) -> None:
    host.routes[UPLOAD] = body(PNG)

    assert read(reader(host.url), UPLOAD).getpixel((0, 0)) == (255, 0, 0)
    assert host.asked[0].authorization == f"Token {TOKEN}"


def test_any_path_of_label_studio_is_read(host: ImageHost) -> None:
    host.routes["/data/local-files/"] = body(PNG)

    read(reader(host.url), "/data/local-files/?d=sub/a.png")

    assert host.asked[0].path == "/data/local-files/?d=sub/a.png"


def test_an_absolute_url_of_label_studio_gets_the_token(host: ImageHost) -> None:
    host.routes[UPLOAD] = body(PNG)

    read(reader(host.url), host.url + UPLOAD)

    assert host.asked[0].authorization == f"Token {TOKEN}"


@pytest.mark.parametrize("path", [UPLOAD, f"/studio{UPLOAD}"])
def test_a_base_path_is_added_once(host: ImageHost, path: str) -> None:
    host.routes[f"/studio{UPLOAD}"] = body(PNG)

    assert read(reader(f"{host.url}/studio"), path).size == (4, 3)


def test_another_origin_never_sees_the_token(start_host: StartHost) -> None:
    label_studio, other = start_host(), start_host()
    other.routes["/a.png"] = body(PNG)
    images = reader(label_studio.url, allowed_hosts=frozenset({f"127.0.0.1:{other.port}"}))

    read(images, f"{other.url}/a.png")

    assert [asked.authorization for asked in other.asked] == [None]


def test_a_redirect_to_another_origin_leaves_the_token_behind(start_host: StartHost) -> None:
    label_studio, bucket = start_host(), start_host()
    label_studio.routes[UPLOAD] = redirect(f"{bucket.url}/a.png")
    bucket.routes["/a.png"] = body(PNG)
    images = reader(label_studio.url, allowed_hosts=frozenset({"127.0.0.1"}))

    read(images, UPLOAD)

    assert label_studio.asked[0].authorization == f"Token {TOKEN}"
    assert bucket.asked[0].authorization is None


def test_a_path_cannot_lead_away_from_label_studio(start_host: StartHost) -> None:
    label_studio, other = start_host(), start_host()

    assert code_of(reader(label_studio.url), f"//127.0.0.1:{other.port}/a.png") == "http_404"
    assert other.asked == []


def test_private_addresses_need_to_be_allowed(start_host: StartHost) -> None:
    label_studio, other = start_host(), start_host()
    other.routes["/a.png"] = body(PNG)

    assert code_of(reader(label_studio.url), f"{other.url}/a.png") == "private_address"
    assert other.asked == []
    allowed = reader(label_studio.url, allowed_hosts=frozenset({"127.0.0.1"}))
    assert read(allowed, f"{other.url}/a.png").size == (4, 3)


def test_a_refused_token_is_named_without_showing_it(host: ImageHost) -> None:
    host.routes[UPLOAD] = status(401)

    assert code_of(reader(host.url), UPLOAD) == "http_401"


def test_a_personal_token_that_is_not_accepted_is_an_image_error(host: ImageHost) -> None:
    claims = base64.urlsafe_b64encode(b'{"token_type": "refresh"}').rstrip(b"=").decode()
    personal = Settings(label_studio=Credentials(host.url, f"eyJh.{claims}.sig"))

    assert code_of(TaskImages(personal), UPLOAD).startswith("label_studio")
    assert host.asked == []


def test_an_upload_without_label_studio_says_what_to_set() -> None:
    assert code_of(reader(), UPLOAD) == "no_label_studio"


@pytest.mark.parametrize("source", [None, "", "  ", 7, ["/a.png"], {"url": "/a.png"}])
def test_a_task_without_an_image_is_named(source: object) -> None:
    assert code_of(reader(), source) == "no_image"


def test_a_data_uri_is_read() -> None:
    inline = base64.b64encode(PNG).decode()

    assert read(reader(), f"data:image/png;base64,{inline}").size == (4, 3)
    assert read(reader(), f"DATA:image/png;BASE64,{inline}").size == (4, 3)


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("data:image/png;base64", "data_uri"),
        ("data:image/png;base64,abc", "data_uri"),
        ("data:image/png;base64,", "empty"),
        ("data:text/html,%3Chtml%3E", "html"),
        ("data:image/png;base64," + "A" * 2000, "too_many_bytes"),
    ],
)
def test_a_data_uri_that_is_none_is_named(uri: str, code: str) -> None:
    assert code_of(reader(image_max_bytes=1000), uri) == code


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    empty = b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + start + empty


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\n <!DOCTYPE html><html>please log in</html>", "html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "html"),
        (b"notpng", "not_an_image"),
        (NOISE[: len(NOISE) // 2], "damaged"),
        (NOISE[:200].ljust(len(NOISE), b"\0"), "damaged"),
        (NOISE[:20], "damaged"),
        (png_header(20_000, 20_000), "too_many_pixels"),
        (png_header(9_000, 9_000), "too_many_pixels"),
        (encoded(Image.new("RGB", (64, 64), "red"), "JPEG")[:-200], "damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[-12:]),
)
def test_what_is_no_whole_image_is_named(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as refusal:
        decode_image(data)

    assert refusal.value.code == code
    assert refusal.value.hint


def test_pixels_are_counted_before_they_are_decoded() -> None:
    image = encoded(Image.new("RGB", (100, 100)))

    assert decode_image(image, max_pixels=10_000).size == (100, 100)
    with pytest.raises(ImageError, match="9999 pixels"):
        decode_image(image, max_pixels=9_999)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "WEBP"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("RGBA", "WEBP"),
        ("RGB", "BMP"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("I;16", "TIFF"),
        ("I", "TIFF"),
        ("F", "TIFF"),
    ],
)
def test_every_mode_becomes_rgb(mode: str, kind: str) -> None:
    decoded = decode_image(encoded(Image.new(mode, (4, 3)), kind))

    assert (decoded.mode, decoded.size) == ("RGB", (4, 3))


def test_sixteen_bits_keep_their_brightness() -> None:
    grey = Image.fromarray(np.full((3, 4), 32_768, dtype=np.uint16))

    red, green, blue = decode_image(encoded(grey)).getpixel((0, 0))  # type: ignore[misc]

    assert red == green == blue
    assert abs(red - 127) <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode: str) -> None:
    image = Image.new("RGBA", (4, 3), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": image.getpixel((0, 0))} if mode == "P" else {}

    assert decode_image(encoded(image, **options)).getpixel((0, 0)) == (255, 255, 255)


def test_a_photo_taken_sideways_is_turned_upright() -> None:
    image = Image.new("RGB", (4, 3))
    exif = image.getexif()
    exif[0x0112] = 6

    assert decode_image(encoded(image, "JPEG", exif=exif)).size == (3, 4)


def test_an_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 3), color) for color in ("red", "blue")]

    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert decode_image(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_odd_shapes_are_images_too(size: tuple[int, int]) -> None:
    assert decode_image(encoded(Image.new("RGB", size))).size == size
