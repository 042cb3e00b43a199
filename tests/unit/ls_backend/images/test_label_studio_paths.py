"""Tasks that hold Label Studio's own name, where the backend knows Label Studio by another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from backend_client import loaded
from image_files import encoded
from image_host import ImageHost, body, redirect
from PIL import Image

from ls_backend.clip.clip import Clip
from ls_backend.errors import ImageError
from ls_backend.images.label_studio_paths import label_studio_name
from ls_backend.images.task_images import TaskImages
from ls_backend.label_studio import Credentials
from ls_backend.model import ClipModel
from ls_backend.server.app import create_app
from ls_backend.settings import Settings, settings_from_env

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PNG = encoded(Image.new("RGB", (4, 3), "red"))
LOCAL = "/data/local-files/?d=sub/a%20b.png"
UPLOAD = "/data/upload/1/a.png"
NAME = "http://localhost:8080"

StartHost = Callable[[], ImageHost]


def serve_files(host: ImageHost, base_path: str = "") -> None:
    for path in ("/data/local-files/", UPLOAD, "/tasks/7/resolve/"):
        host.routes[base_path + path] = body(PNG)


def reader(url: str, named: str | None = None, **settings: Any) -> TaskImages:
    images = TaskImages(Settings(label_studio=Credentials(url, TOKEN), **settings))
    if named is not None:
        images.learn(named, "")
    return images


def read(images: TaskImages, source: str) -> Image.Image:
    return images.read({"id": 7, "data": {"image": source}}, "image")


def refusal(images: TaskImages, source: str) -> ImageError:
    with pytest.raises(ImageError) as refused:
        read(images, source)
    assert TOKEN not in refused.value.message + refused.value.hint
    return refused.value


@pytest.mark.parametrize("path", [LOCAL, UPLOAD, "/tasks/7/resolve/?fileuri=czM6Ly9iL2E="])
@pytest.mark.parametrize("spelling", [NAME, "HTTP://LocalHost:8080", "http://localhost.:8080"])
def test_its_addresses_are_read_where_the_backend_finds_it(
    host: ImageHost, path: str, spelling: str
) -> None:
    serve_files(host)

    assert read(reader(host.url, NAME), spelling + path).size == (4, 3)
    (asked,) = host.asked
    assert asked.path == path
    assert asked.authorization == f"Token {TOKEN}"
    assert asked.host == f"127.0.0.1:{host.port}"


@pytest.mark.parametrize("base_there", ["", "/studio"])
@pytest.mark.parametrize("base_here", ["", "/inside"])
def test_each_side_has_its_own_base_path(host: ImageHost, base_there: str, base_here: str) -> None:
    serve_files(host, base_here)
    name = f"https://labels.example{base_there}"
    images = reader(f"{host.url}{base_here}", f"{name}/")

    for source in (f"{name}{LOCAL}", f"{base_there}{UPLOAD}"):
        assert read(images, source).size == (4, 3)

    assert [asked.path for asked in host.asked] == [base_here + LOCAL, base_here + UPLOAD]


def test_an_upload_has_a_lasting_name_by_either_address(host: ImageHost) -> None:
    images = reader(host.url, NAME)

    names = {
        images.lasting_name({"data": {"image": source}}, "image")
        for source in (UPLOAD, NAME + UPLOAD, host.url + UPLOAD)
    }

    assert names == {host.url + UPLOAD}


@pytest.mark.parametrize(
    "source",
    [
        "http://localhost:8081" + UPLOAD,
        "https://localhost:8080" + UPLOAD,
        "http://localhost:8080/studio-too" + UPLOAD,
        "http://localhost:8080" + UPLOAD,  # not under the base path
        "http://localhost:8080/studio/images/a.png",  # another application's
        "http://localhost:8080/studio/../data/upload/1/a.png",
    ],
)
def test_what_only_resembles_its_name_is_not_read_there(host: ImageHost, source: str) -> None:
    serve_files(host)
    images = reader(host.url, f"{NAME}/studio")

    assert refusal(images, source).code in {"private_address", "unreachable"}
    assert host.asked == []


@pytest.mark.parametrize(
    "source",
    [
        "http://localhost:8080@evil.example/data/upload/1/a.png",
        "http://user@localhost:8080/data/upload/1/a.png",
        "http://localhost:8080.evil.invalid/data/upload/1/a.png",
    ],
)
def test_a_name_within_another_address_is_none(host: ImageHost, source: str) -> None:
    serve_files(host)

    assert refusal(reader(host.url, NAME), source).code in {"url", "unreachable"}
    assert host.asked == []


def test_a_name_moves_no_token_to_its_host(start_host: StartHost) -> None:
    """Whoever reaches /setup gives the name: even an allowed host gets no request for it."""
    label_studio, named = start_host(), start_host()
    serve_files(label_studio)
    serve_files(named)
    images = reader(label_studio.url, named.url, allowed_hosts=frozenset({"127.0.0.1"}))

    read(images, named.url + UPLOAD)
    label_studio.routes["/data/upload/1/moved.png"] = redirect(named.url + UPLOAD)
    read(images, "/data/upload/1/moved.png")

    assert [asked.path for asked in label_studio.asked] == [UPLOAD, "/data/upload/1/moved.png"]
    assert [asked.authorization for asked in named.asked] == [None]


def test_the_configured_address_means_itself(host: ImageHost) -> None:
    serve_files(host, "/studio")
    images = reader(host.url, f"{host.url}/studio")

    for source in (f"{host.url}/studio{UPLOAD}", f"/studio{UPLOAD}"):
        assert read(images, source).size == (4, 3)
    images.learn(NAME, "")
    images.learn(host.url, "")
    assert refusal(images, NAME + UPLOAD).code == "private_address"


@pytest.mark.parametrize("name", ["", "/studio", "localhost:8080", "ftp://x", "http://", "\0"])
def test_what_is_no_name_changes_nothing(host: ImageHost, name: str) -> None:
    serve_files(host)
    assert label_studio_name(name) is None

    assert read(reader(host.url, name), UPLOAD).size == (4, 3)


def test_the_last_setup_counts_and_the_variable_more(host: ImageHost) -> None:
    serve_files(host)
    variables = {
        "LABEL_STUDIO_URL": host.url,
        "LABEL_STUDIO_API_KEY": TOKEN,
        "LABEL_STUDIO_HOST": "http://localhost:8080/",
    }
    told, configured = reader(host.url, "http://before.invalid"), settings_from_env(variables)
    told.learn(NAME, "")
    images = TaskImages(configured)
    images.learn("http://other.invalid", "")

    for each in (told, images):
        assert read(each, NAME + UPLOAD).size == (4, 3)
    assert refusal(told, "http://before.invalid" + UPLOAD).code == "unreachable"


def test_an_unknown_name_says_what_to_set(host: ImageHost) -> None:
    images = reader(host.url)

    error = refusal(images, f"{NAME}/studio{LOCAL}")

    assert error.code == "private_address"
    assert f"LABEL_STUDIO_HOST={NAME}/studio," in error.hint
    assert host.url in error.hint
    assert "LABEL_STUDIO_HOST" not in refusal(images, f"{NAME}/cat.png").hint


def test_the_backend_learns_the_name_from_setup(host: ImageHost, clip: Clip, tmp_path: Any) -> None:
    serve_files(host)
    settings = Settings(label_studio=Credentials(host.url, TOKEN), cache_dir=tmp_path)
    client = create_app(loaded(ClipModel(clip)), settings).test_client()
    config = (
        '<View><Image name="i" value="$image"/><Choices name="c" toName="i">'
        '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
    )
    setup = {"project": "1.1", "schema": config, "hostname": NAME, "access_token": ""}
    tasks = [{"id": 7, "data": {"image": NAME + LOCAL}}]

    assert client.post("/setup", json=setup).status_code == 200
    answer = client.post("/predict", json={"tasks": tasks, "label_config": config, "params": {}})

    (prediction,) = json.loads(answer.data)["results"]
    assert 0 <= prediction["score"] <= 1
    assert [asked.path for asked in host.asked] == [LOCAL]
