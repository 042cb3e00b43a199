"""What a task can point to, where the token goes, and what comes out as pixels."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from image_files import encoded
from image_host import ImageHost, body, redirect, status
from PIL import Image

from ls_backend.errors import ImageError
from ls_backend.images.task_images import TaskImages
from ls_backend.label_studio import Credentials
from ls_backend.settings import Settings

TOKEN = "0123456789abcdef0123456789abcdef01234567"
UPLOAD = "/data/upload/1/a.png"

StartHost = Callable[[], ImageHost]


PNG = encoded(Image.new("RGB", (4, 3), "red"))


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


@pytest.mark.parametrize("source", [None, "", "  ", 7, [], {"url": "/a.png"}])
def test_a_task_without_an_image_is_named(source: object) -> None:
    assert code_of(reader(), source) == "no_image"


def test_a_data_uri_is_read() -> None:
    inline = base64.b64encode(PNG).decode()

    assert read(reader(), f"data:image/png;base64,{inline}").size == (4, 3)
    as_browsers_take_it = "\n ".join([inline[:40], inline[40:].rstrip("=")])
    assert read(reader(), f"data:image/png;base64,{as_browsers_take_it}").size == (4, 3)
    assert read(reader(), f"DATA:image/png;BASE64,{inline}").size == (4, 3)


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("data:image/png;base64", "data_uri"),
        ("data:image/png;base64,abcde", "data_uri"),
        ("data:image/png;base64,####", "data_uri"),
        ("data:image/png;base64,\u00e4\u00f6\u00fc", "data_uri"),
        ("data:image/png;base64,", "empty"),
        ("data:text/html,%3Chtml%3E", "html"),
        ("data:image/png;base64," + "A" * 2000, "too_many_bytes"),
    ],
)
def test_a_data_uri_that_is_none_is_named(uri: str, code: str) -> None:
    assert code_of(reader(image_max_bytes=1000), uri) == code
