"""Files of S3 that are read directly, from a real server."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
import requests
from cloud_reading import ROOMY, SHORT, refused
from image_host import ImageHost, dripping
from moto.server import ThreadedMotoServer
from PIL import Image

from ls_backend.images.cloud_files import CloudFiles
from ls_backend.images.task_images import TaskImages
from ls_backend.settings import settings_from_env

pytestmark = pytest.mark.usefixtures("forget_storages")


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """Lets S3 be at an address, with credentials from the environment alone."""
    given = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL", url)


@pytest.fixture
def bucket(s3_url: str, endpoint: Any) -> Iterator[Any]:
    """`bucket("a.png", b"…")` puts a file into the bucket `pets`."""
    endpoint(s3_url)
    client = boto3.client("s3")
    client.create_bucket(Bucket="pets")
    yield lambda key, data: client.put_object(Bucket="pets", Key=key, Body=data)
    client.close()
    requests.post(f"{s3_url}/moto-api/reset", timeout=60)


@pytest.mark.parametrize("key", ["a.png", "deep/er/a b.png", "kätzchen #1.png", "a?b=c.png"])
def test_a_file_is_read_whole(bucket: Any, key: str) -> None:
    bucket(key, b"x" * 1000)

    assert CloudFiles(ROOMY).read(f"s3://pets/{key}") == b"x" * 1000
    assert CloudFiles(ROOMY).read(f"S3://pets/{key}") == b"x" * 1000


def test_a_file_of_one_byte_too_many_is_refused(bucket: Any) -> None:
    bucket("a.png", b"x" * 1001)

    error = refused("s3://pets/a.png")
    assert error.code == "too_many_bytes"
    assert "CLIP_IMAGE_MAX_BYTES" in error.hint


def test_an_empty_file_is_empty(bucket: Any) -> None:
    bucket("empty.png", b"")

    assert CloudFiles(ROOMY).read("s3://pets/empty.png") == b""


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("uri", ["s3://pets/none.png", "s3://no-such-bucket/a.png"])
def test_a_file_that_is_not_there_is_named(uri: str) -> None:
    error = refused(uri)
    assert error.code == "cloud_missing"
    assert uri in error.message


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("uri", ["s3://", "s3://pets", "s3:///a.png", "s3://UP/a", "s3://p e/a"])
def test_an_address_that_is_none_is_an_error(uri: str) -> None:
    assert refused(uri).code in {"cloud", "cloud_missing"}


def test_credentials_that_may_not_read_are_named(bucket: Any, s3_url: str) -> None:
    bucket("a.png", b"pixels")
    requests.post(f"{s3_url}/moto-api/reset-auth", data=b"0", timeout=60)
    try:
        assert refused("s3://pets/a.png").code == "cloud_forbidden"
    finally:
        requests.post(f"{s3_url}/moto-api/reset-auth", data=b"inf", timeout=60)


def test_a_machine_without_credentials_says_so(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket("a.png", b"pixels")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    error = refused("s3://pets/a.png")
    assert error.code == "cloud"
    assert "redentials" in error.message
    assert "CLIP_CLOUD_DIRECT" in error.hint


@pytest.mark.parametrize(
    "answer",
    [
        dripping(b"", b""),
        dripping(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 900\r\n\r\n", b"x"),
    ],
    ids=["silence", "body"],
)
def test_the_deadline_holds_for_all_of_it(host: ImageHost, endpoint: Any, answer: Any) -> None:
    host.routes["/pets/a.png"] = answer
    endpoint(host.url)
    started = time.monotonic()

    error = refused("s3://pets/a.png", SHORT)

    assert error.code == "timeout"
    assert "CLIP_IMAGE_SECONDS" in error.hint
    assert time.monotonic() - started < 20


def test_an_endpoint_that_is_no_s3_is_an_error(host: ImageHost, endpoint: Any) -> None:
    endpoint(host.url)

    assert refused("s3://pets/a.png").code == "cloud_missing"


def test_many_threads_read_at_once(bucket: Any) -> None:
    for number in range(40):
        bucket(f"{number}.png", str(number).encode())
    files = CloudFiles(ROOMY)

    with ThreadPoolExecutor(20) as threads:
        read = list(threads.map(lambda number: files.read(f"s3://pets/{number}.png"), range(40)))

    assert read == [str(number).encode() for number in range(40)]


def test_a_task_names_a_file_that_is_read_without_label_studio(bucket: Any) -> None:
    png = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(png, "PNG")
    bucket("cat.png", png.getvalue())
    images = TaskImages(settings_from_env({"CLIP_CLOUD_DIRECT": "s3"}))

    read = images.read({"data": {"image": "s3://pets/cat.png"}}, "image")

    assert read.getpixel((0, 0)) == (255, 0, 0)
