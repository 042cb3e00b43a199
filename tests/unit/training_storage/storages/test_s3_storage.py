"""Training storage on S3: a real server, and a proxy before it where things go wrong."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
import requests
from fsspec.registry import _registry
from s3_servers import Fault, FaultyProxy, faulty_proxy, s3_server

from importers.training_storage.storages import errors as storage_errors
from importers.training_storage.storages import open_storage
from importers.training_storage.storages.fsspec_storage import Storage
from ls_backend.errors import StorageError

URL = "s3://pets/training"
PNG = b"\x89PNG and pixels" * 1000
MANY = {f"objects/{number:03}.png": b"%d" % number * 20 for number in range(24)}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def proxy(moto: str) -> Iterator[FaultyProxy]:
    with faulty_proxy(moto) as running:
        yield running
    requests.post(f"{moto}/moto-api/reset", timeout=60)


@pytest.fixture
def environment(
    proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Credentials and the endpoint where every S3 tool looks for them; short waits."""
    given = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_ENDPOINT_URL": proxy.url,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(storage_errors, "LONGEST_BACKOFF", 0.01)
    yield
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    _registry.pop("s3", None)  # fsspec remembers packages, which other tests take away


@pytest.fixture
def bucket(moto: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The bucket as another client of the server sees it."""
    request.getfixturevalue("environment")
    s3 = boto3.resource("s3", endpoint_url=moto)
    yield s3.create_bucket(Bucket="pets")
    s3.meta.client.close()


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> Storage:
    request.getfixturevalue("bucket")
    return open_storage(URL)


def contents(bucket: Any) -> dict[str, bytes]:
    start = len("training/")
    return {each.key[start:]: each.get()["Body"].read() for each in bucket.objects.all()}


def refused(action: Any) -> StorageError:
    with pytest.raises(StorageError) as caught:
        action()
    assert "secret-key" not in caught.value.message + caught.value.hint
    assert URL in caught.value.message
    return caught.value


def test_files_are_put_listed_copied_read_and_removed(
    storage: Storage, bucket: Any, tmp_path: Path
) -> None:
    (tmp_path / "b.png").write_bytes(PNG)
    storage.check_writable()
    storage.put_many([*MANY.items(), ("objects/b.png", tmp_path / "b.png")])
    storage.copy_many([("objects/b.png", "cat/b é #1.png")])
    storage.remove_many([*MANY, "objects/never.png"])

    assert contents(bucket) == {"objects/b.png": PNG, "cat/b é #1.png": PNG}
    assert storage.sizes() == dict.fromkeys(["cat/b é #1.png", "objects/b.png"], len(PNG))
    assert storage.read("cat/b é #1.png") == PNG
    assert storage.read("objects/never.png") is None
    digest = hashlib.sha256(PNG).hexdigest()
    assert list(storage.digests(["cat/b é #1.png", "none"])) == [
        ("cat/b é #1.png", digest),
        ("none", None),
    ]


def test_what_others_do_is_seen_at_once(storage: Storage, bucket: Any) -> None:
    storage.put_many([("LATEST", b"1\n")])
    assert storage.sizes() == {"LATEST": 2}

    bucket.put_object(Key="training/LATEST", Body=b"000002\n")
    bucket.put_object(Key="training/objects/a.png", Body=PNG)

    assert storage.read("LATEST") == b"000002\n"
    assert storage.sizes() == {"LATEST": 7, "objects/a.png": len(PNG)}
    bucket.objects.all().delete()
    assert storage.sizes() == {}
    assert storage.read("LATEST") is None


@pytest.mark.parametrize("kind", ["500 InternalError", "503 SlowDown", "cut upload", "lost"])
def test_a_server_that_stumbles_is_asked_again(
    storage: Storage, bucket: Any, proxy: FaultyProxy, kind: str
) -> None:
    proxy.faults = [Fault("PUT", "/objects/", kind, 4)]
    storage.put_many(MANY.items())
    assert contents(bucket) == MANY
    proxy.faults = [Fault("PUT", "/cat/", kind, 4), Fault("DELETE", "/objects/", kind, 4)]
    storage.copy_many([(name, f"cat/{name}") for name in MANY])
    storage.remove_many(MANY)
    assert contents(bucket) == {f"cat/{name}": data for name, data in MANY.items()}


@pytest.mark.parametrize("kind", ["503 SlowDown", "cut download"])
def test_reading_is_tried_again(storage: Storage, proxy: FaultyProxy, kind: str) -> None:
    storage.put_many([("a.png", PNG)])
    proxy.faults = [Fault("GET", "/training/a.png", kind, 2), Fault("GET", "list-type", kind, 2)]
    assert storage.read("a.png") == PNG
    assert storage.sizes() == {"a.png": len(PNG)}
    proxy.faults = [Fault("GET", "/training/a.png", kind, 2)]
    assert list(storage.digests(["a.png"])) == [("a.png", hashlib.sha256(PNG).hexdigest())]
    assert not proxy.faults[0].times


def test_a_slow_answer_is_waited_for_and_a_hanging_one_is_not(
    bucket: Any, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 0.5}})
    proxy.faults = [Fault("PUT", "a.png", "slow", 1, 0.2), Fault("PUT", "b.png", "slow", 1, 2)]

    open_storage(URL).put_many([("a.png", PNG), ("b.png", PNG)])

    assert contents(bucket) == {"a.png": PNG, "b.png": PNG}
    assert proxy.times("PUT /pets/training/a.png") == 1
    assert proxy.times("PUT /pets/training/b.png") == 2


@pytest.mark.parametrize("kind", ["500 InternalError", "lost"])
def test_giving_up_is_told_and_the_tries_do_not_multiply(
    storage: Storage, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(storage_errors, "TRIES", 3)
    storage.put_many([("there.png", PNG)])
    proxy.faults = [Fault(method, "", kind, 10**6) for method in ("GET", "PUT", "DELETE", "HEAD")]
    proxy.asked.clear()
    asked = {
        "PUT": lambda: storage.put_many([("a.png", PNG)]),
        "GET": lambda: storage.read("there.png"),
        "HEAD": lambda: storage.copy_many([("there.png", "b.png")]),
        "DELETE": lambda: storage.remove_many(["there.png"]),
        "GET /pets?": storage.sizes,
    }
    for start, action in asked.items():
        proxy.asked.clear()
        error = refused(action)
        assert "cannot be reached, or does not work now" in error.message, start
        assert "run this again" in error.hint
        assert len(proxy.asked) <= 2 * storage_errors.TRIES, proxy.asked
        assert proxy.times(start) >= storage_errors.TRIES, proxy.asked


def test_a_right_that_is_missing_is_named(storage: Storage, proxy: FaultyProxy) -> None:
    storage.put_many([("a.png", PNG)])
    proxy.faults = [
        Fault("PUT", "", "403 AccessDenied", 1),
        Fault("GET", "/training/a.png", "403 AccessDenied", 1),
        Fault("GET", "list-type", "403 AccessDenied", 1),
    ]
    proxy.asked.clear()

    error = refused(storage.check_writable)
    assert f"{URL} cannot be written to: these credentials have no right to it" in error.message
    assert "Allow them s3:PutObject and s3:DeleteObject on pets/training" in error.hint
    assert "s3:GetObject on pets/training" in refused(lambda: storage.read("a.png")).hint
    assert "s3:ListBucket on pets/training" in refused(storage.sizes).hint
    assert len(proxy.asked) == 3


def test_a_bucket_that_is_not_there_is_told_and_not_created(storage: Storage, bucket: Any) -> None:
    bucket.delete()

    for action in (storage.check_writable, storage.sizes, lambda: storage.read("LATEST")):
        error = refused(action)
        assert "there is no bucket pets" in error.message
        assert "create the bucket pets" in error.hint


def test_credentials_that_are_wrong_or_none(
    storage: Storage, moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests.post(f"{moto}/moto-api/reset-auth", data=b"0", timeout=60)
    try:
        error = refused(storage.check_writable)
    finally:
        requests.post(f"{moto}/moto-api/reset-auth", data=b"inf", timeout=60)
    assert "does not accept the credentials" in error.message
    assert "AWS_ACCESS_KEY_ID" in error.hint
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    error = refused(open_storage(URL).check_writable)
    assert "no credentials were found" in error.message
    assert "AWS_PROFILE" in error.hint


@pytest.mark.usefixtures("environment")
def test_an_endpoint_that_is_down_is_told_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    started = time.monotonic()

    error = refused(open_storage(URL).check_writable)

    assert "cannot be reached" in error.message
    assert "http://127.0.0.1:1" in error.message
    assert time.monotonic() - started < storage_errors.PATIENCE


def test_the_endpoint_may_be_in_fsspecs_configuration(
    bucket: Any, moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": moto})

    open_storage(URL).put_many([("a.png", PNG)])

    assert contents(bucket) == {"a.png": PNG}
