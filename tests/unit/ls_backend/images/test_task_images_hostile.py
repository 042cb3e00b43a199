"""Addresses and answers that would lead the backend where it must not go."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile

import pytest
from image_host import ImageHost, body, redirect
from PIL import Image

from ls_backend.addresses import Origin, check_public
from ls_backend.errors import ImageError
from ls_backend.images.task_images import TaskImages
from ls_backend.label_studio import Credentials
from ls_backend.settings import Settings

TOKEN = "0123456789abcdef0123456789abcdef01234567"


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(buffer, "PNG")
    return buffer.getvalue()


def task(source: str) -> dict[str, object]:
    return {"id": 7, "data": {"image": source}}


PRIVATE_URLS = [
    "http://127.0.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0x7f000001:{port}/",
    "http://127.1:{port}/",
    "http://localhost.:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://0.0.0.0:{port}/",
]


@pytest.mark.parametrize("url", PRIVATE_URLS)
def test_no_spelling_of_a_private_address_is_reached(host: ImageHost, url: str) -> None:
    host.routes["/"] = body(png())

    with pytest.raises(ImageError) as refusal:
        TaskImages(Settings()).read(task(url.format(port=host.port)), "image")

    assert refusal.value.code in {"private_address", "unreachable", "url"}
    assert host.asked == []


@pytest.mark.parametrize(
    "address",
    ["64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "::7f00:1",
     "::ffff:0:7f00:1", "::", "2001:db8::1", "4000::1",
     "::ffff:10.0.0.1", "fe80::1%eth0", "fd00:ec2::254", "169.254.169.254", "100.64.0.1",
     "fec0::1", "224.0.0.1"],
)  # fmt: skip
def test_a_private_address_is_refused_however_it_is_wrapped(address: str) -> None:
    with pytest.raises(ImageError, match="private address"):
        check_public(Origin("http", "x", 80), address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_a_public_address_is_allowed(address: str) -> None:
    check_public(Origin("http", "x", 80), address)


def test_a_fallback_does_not_open_a_private_host(host: ImageHost) -> None:
    images = TaskImages(Settings())
    images.learn(host.url, TOKEN)

    with pytest.raises(ImageError) as refusal:
        images.read(task("/data/upload/1/a.png"), "image")

    assert refusal.value.code == "private_address"
    assert f"LABEL_STUDIO_URL={host.url}" in refusal.value.hint
    assert host.asked == []


def test_an_allowed_fallback_gets_its_token(host: ImageHost) -> None:
    host.routes["/data/upload/1/a.png"] = body(png())
    images = TaskImages(Settings(allowed_hosts=frozenset({"127.0.0.1"})))
    images.learn(host.url, TOKEN)

    images.read(task("/data/upload/1/a.png"), "image")

    assert host.asked[0].authorization == f"Token {TOKEN}"


def test_a_cloud_file_is_asked_of_label_studio_and_its_bucket_gets_no_token(
    host: ImageHost,
) -> None:
    with ImageHost() as bucket:
        bucket.routes["/signed"] = body(png())
        host.routes["/tasks/7/presign/"] = redirect(f"{bucket.url}/signed")
        allowed = frozenset({f"127.0.0.1:{bucket.port}"})
        images = TaskImages(Settings(Settings.model, Credentials(host.url, TOKEN),
                                     allowed_hosts=allowed))  # fmt: skip
        images.read(task("s3://b/ü a.png"), "image")

        name = base64.urlsafe_b64encode("s3://b/ü a.png".encode()).decode()
        assert host.asked[0].path == f"/tasks/7/presign/?fileuri={name}"
        assert bucket.asked[0].authorization is None


def test_a_cloud_file_that_is_not_found_says_what_gives_access(host: ImageHost) -> None:
    images = TaskImages(Settings(label_studio=Credentials(host.url, TOKEN)))

    with pytest.raises(ImageError) as refusal:
        images.read(task("gs://b/a.png"), "image")

    assert refusal.value.code == "http_404"
    assert refusal.value.message.startswith("gs://b/a.png is not found")
    assert "Cloud Storage" in refusal.value.hint
    assert "CLIP_CLOUD_DIRECT=gs" in refusal.value.hint


SCRIPT = b"<script>fetch('http://169.254.169.254/')</script>"
ENTITY = b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg><text>&x;</text></svg>'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html>" + SCRIPT, "html"),
        (ENTITY, "html"),
        (b"\x89PNG\r\n\x1a\n" + SCRIPT, "not_an_image"),
        (b"GIF89a/*" + SCRIPT, "not_an_image"),
        (b"%PDF-1.7\n" + png(), "not_an_image"),
        (b"#!/bin/sh\n" + png(), "not_an_image"),
        (gzip.compress(png(), mtime=0), "not_an_image"),
        (gzip.compress(bytes(50_000_000), mtime=0), "not_an_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
        (b"#define a_width 1\n#define a_height 1\nstatic char a[] = {0};", "not_an_image"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:12]),
)
def test_a_file_that_is_something_else_too_is_no_image(
    host: ImageHost, data: bytes, code: str
) -> None:
    host.routes["/data/upload/1/a.png"] = body(data, Content_Type="image/png")
    images = TaskImages(Settings(label_studio=Credentials(host.url, TOKEN)))

    with pytest.raises(ImageError) as refusal:
        images.read(task("/data/upload/1/a.png"), "image")

    assert refusal.value.code == code
    assert "script" not in refusal.value.message
    assert "ENTITY" not in refusal.value.message


@pytest.mark.parametrize("kind", ["text/html", "application/zip", "no kind at all"])
def test_an_image_is_one_whatever_is_said_of_it_or_follows_it(host: ImageHost, kind: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("a.html", SCRIPT)
    host.routes["/data/upload/1/a.html"] = body(png() + archive.getvalue(), Content_Type=kind)
    images = TaskImages(Settings(label_studio=Credentials(host.url, TOKEN)))

    image = images.read(task("/data/upload/1/a.html"), "image")

    assert (image.size, image.getpixel((0, 0))) == ((2, 2), (255, 0, 0))


@pytest.mark.parametrize("at", ["user@", "user:secret@", ":@", "127.0.0.1@", "a%40b:secret@"])
def test_no_user_info_is_taken_in_a_task_or_a_redirect(host: ImageHost, at: str) -> None:
    address = f"http://{at}127.0.0.1:{host.port}/data/upload/1/a.png"
    host.routes["/moved"] = redirect(address)
    images = TaskImages(Settings(label_studio=Credentials(host.url, TOKEN)))

    for source in (address, f"{host.url}/moved"):
        with pytest.raises(ImageError) as refusal:
            images.read(task(source), "image")
        assert refusal.value.code == "url"
        assert "secret" not in refusal.value.message + refusal.value.hint

    assert [asked.path for asked in host.asked] == ["/moved"]
