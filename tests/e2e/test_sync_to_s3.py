"""`ls-clip sync` to a real S3 server that stumbles, refuses and is slow: what is written, how
often, and what readers find after each run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from command_line import CommandLine
from s3_servers import Fault, FaultyProxy, faulty_proxy, s3_server
from synced_campaign import synced_campaign

from ls_backend.label_studio import LabelStudio

PACKED = ("manifest/", "webdataset/", "parquet/")
KEY = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret-key"}
REGION = "us-east-1"


@dataclass
class Bucket:
    """A bucket behind the proxy, and `ls-clip` that is signed in to it."""

    proxy: FaultyProxy
    bucket: Any
    ls_clip: CommandLine

    def files(self, folder: str) -> dict[str, bytes]:
        """What another client of the server finds in a folder of the bucket."""
        found = self.bucket.objects.filter(Prefix=f"{folder}/")
        return {each.key[len(folder) + 1 :]: each.get()["Body"].read() for each in found}

    def release(self, folder: str) -> dict[str, Any]:
        """release.json of the release that LATEST names."""
        files = self.files(folder)
        name = files["LATEST"].decode().strip()
        release: dict[str, Any] = json.loads(files[f"releases/{name}/release.json"])
        return release

    def written(self, folder: str) -> list[str]:
        """Names of the files put by uploads since the proxy was last cleared."""
        start = f"PUT /pets/{quote(folder)}/"
        asked = [each.removeprefix("PUT ") for each in self.proxy.writes() if each[:3] == "PUT"]
        for path in self.proxy.copied:
            asked.remove(path)
        return [path[len(start) - 4 :] for path in asked]

    def clear(self) -> None:
        self.proxy.asked.clear()
        self.proxy.copied.clear()


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(moto: str, command_line: CommandLine, tmp_path: Path) -> Iterator[Bucket]:
    client = boto3.resource(
        "s3",
        endpoint_url=moto,
        region_name=REGION,
        aws_access_key_id="other",
        aws_secret_access_key="other",
    )
    none = str(tmp_path / "none")
    with faulty_proxy(moto) as proxy:
        ls_clip = command_line.with_environment(
            **KEY,
            AWS_DEFAULT_REGION=REGION,
            AWS_ENDPOINT_URL=proxy.url,
            AWS_CONFIG_FILE=none,
            AWS_SHARED_CREDENTIALS_FILE=none,
        )
        yield Bucket(proxy, client.create_bucket(Bucket="pets"), ls_clip)
    client.meta.client.close()


def shared(release: dict[str, Any]) -> set[str]:
    """Files of a release that others may share."""
    every = [file[0] for files in release["files"].values() for file in files]
    return {path for path in every if path.startswith(PACKED)}


def stumbling() -> list[Fault]:
    """Overload, errors, lost and slow answers, all over a sync."""
    return [
        Fault("PUT", "/.ls-clip-parts/", "503 SlowDown"),
        Fault("GET", "list-type", "500 InternalError"),
        Fault("PUT", "/objects/", "500 InternalError", 2),
        Fault("PUT", "/objects/", "slow", 2, seconds=0.3),
        Fault("PUT", "/manifest/", "503 SlowDown"),
        Fault("PUT", "/parquet/", "lost"),
        Fault("PUT", "/webdataset/", "cut upload"),
        Fault("PUT", "release.json", "503 ServiceUnavailable"),
        Fault("PUT", "LATEST", "500 InternalError"),
        Fault("DELETE", ".ls-clip-begun", "500 InternalError"),
    ]


def test_packed_layouts_on_a_server_that_stumbles(
    s3: Bucket, ls: LabelStudio, tmp_path: Path
) -> None:
    layouts = ["webdataset", "parquet"]
    pets = synced_campaign(ls, tmp_path / "pets", "s3://pets/packed", layouts, 13)
    pets.approve(*range(12))
    s3.proxy.faults = stumbling()

    report = s3.ls_clip.report("sync", pets.folder)

    assert [fault.part for fault in s3.proxy.faults if fault.times] == []
    assert (report["added"], report["is_new"]) == (12, True)
    first = s3.release("packed")
    assert first["samples"] == 12
    assert s3.ls_clip("verify", "s3://pets/packed").returncode == 0

    s3.clear()
    again = s3.ls_clip.report("sync", pets.folder)
    assert (again["is_new"], again["release"]) == (False, first["name"])
    assert s3.proxy.writes() == []

    pets.approve(12)
    s3.ls_clip.report("sync", pets.folder)
    second = s3.release("packed")
    written = s3.written("packed")
    new = shared(second) - shared(first)
    assert len(written) == len(set(written)), "each file once"
    assert sum(path.startswith("objects/") for path in written) == 1
    assert {path for path in written if path.startswith(PACKED)} == new
    assert 3 <= len(new) < len(shared(second)), "its shards, and not all that there are"
    assert s3.proxy.copied == []
    assert set(s3.files("packed")) == expected(first, second, files=s3.files("packed"))


def test_a_tree_is_copied_by_the_server_and_a_refusal_leaves_the_release_before(
    s3: Bucket, ls: LabelStudio, tmp_path: Path
) -> None:
    url = "s3://pets/tree é"
    pets = synced_campaign(ls, tmp_path / "trees", url, ["imagefolder"], 8)
    pets.approve(*range(6))
    s3.ls_clip.report("sync", pets.folder)
    first = s3.release("tree é")
    assert len(s3.proxy.copied) == 6
    pets.approve(6, 7)
    s3.proxy.faults = [Fault("PUT", "", "403 AccessDenied", 10**6, after=7)]

    refused = s3.ls_clip("sync", pets.folder)

    assert refused.returncode == 1
    assert f"Training storage {url} cannot be written to" in refused.stderr
    assert "no right to it" in refused.stderr
    assert "Hint: Allow them s3:PutObject" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "secret-key" not in refused.stderr
    s3.proxy.faults = []
    assert s3.release("tree é") == first
    verified = s3.ls_clip.report("verify", url)
    assert (verified["missing"], verified["changed"], verified["extra"]) == ([], [], [])
    assert verified["leftovers"] > 0

    s3.clear()
    report = s3.ls_clip.report("sync", pets.folder)
    second = s3.release("tree é")
    assert (report["added"], second["samples"]) == (2, 8)
    assert len(s3.proxy.copied) == 8, "the whole tree, without a picture on the wire"
    assert not [
        path for path in s3.written("tree é") if "/imagefolder/" in path and path.endswith(".png")
    ]
    s3.ls_clip.report("releases", "prune", url, "--keep", "1")
    assert set(s3.files("tree é")) == expected(second, files=s3.files("tree é"))


def expected(*releases: dict[str, Any], files: dict[str, bytes]) -> set[str]:
    """Every file that a storage of these releases holds; all have the bytes that they name."""
    entries = [file for each in releases for part in each["files"].values() for file in part]
    for path, digest, size in entries:
        assert (hashlib.sha256(files[path]).hexdigest(), len(files[path])) == (digest, size)
    named = {path for path, _, _ in entries}
    lines = [files[path] for path in named if path.startswith("manifest/")]
    records = [json.loads(line) for data in lines for line in data.splitlines()]
    objects = {f"objects/{r['sha256'][:2]}/{r['sha256']}.{r['format']}" for r in records}
    described = {f"releases/{each['name']}/release.json" for each in releases}
    return named | objects | described | {"LATEST"}
