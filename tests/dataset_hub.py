"""A hub with one dataset repository, as a real HTTP server that speaks what huggingface_hub speaks.

The wire format follows the client's sources: commits as ndjson, git LFS for pictures and packed
files, trees in pages with a Link header, files of LFS behind a redirect.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, redirect, request
from served import serving

REPO = "pets/training"
PAGE = 50
_LFS = (".png", ".tar", ".parquet")


@dataclass(frozen=True)
class Blob:
    """Content of a file, and if it lies in LFS."""

    data: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        """The git blob's id; of LFS, the sha256."""
        if self.lfs:
            return hashlib.sha256(self.data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()

    def entry(self, path: str) -> dict[str, Any]:
        """As trees and paths-info show it."""
        shown: dict[str, Any] = {"type": "file", "path": path, "size": len(self.data)}
        if not self.lfs:
            return {**shown, "oid": self.oid}
        pointer = hashlib.sha1(self.oid.encode()).hexdigest()
        lfs = {"oid": self.oid, "size": len(self.data), "pointerSize": 130}
        return {**shown, "oid": pointer, "lfs": lfs}


@dataclass
class Commit:
    """A state of the repository."""

    id: str
    title: str
    files: dict[str, Blob]


@dataclass
class Fault:
    """One request that goes wrong: its answer, instead of the hub's or after the hub has acted.

    `after`: how many such requests come through before it.
    """

    method: str
    part: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    acts: bool = False
    after: int = 0


@dataclass
class DatasetHub:
    """The repository, who may do what, what goes wrong next, and what was asked."""

    url: str = ""
    roles: dict[str, str] = field(
        default_factory=lambda: {"hf_writer": "write", "hf_reader": "read"}
    )
    ignored: tuple[str, ...] = ()
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    commits: list[Commit] = field(
        default_factory=lambda: [
            Commit("0" * 40, "initial commit", {".gitattributes": Blob(b"*.png lfs\n", False)})
        ]
    )

    def commit(self, title: str, files: dict[str, Blob]) -> Commit:
        """Put a state on top, as any writer would."""
        number = hashlib.sha1(f"{len(self.commits)} {title}".encode()).hexdigest()
        self.commits.append(Commit(number, title, files))
        return self.commits[-1]

    def contents(self) -> dict[str, bytes]:
        """What the newest commit holds, without the hub's own file."""
        files = self.commits[-1].files
        return {path: blob.data for path, blob in files.items() if path != ".gitattributes"}

    def times(self, part: str) -> int:
        """How many requests had this in them."""
        return sum(part in each for each in self.asked)


def _refused(status: int, message: str, code: str = "") -> Response:
    answer = jsonify(error=message)
    answer.status_code = status
    answer.headers["X-Error-Message"] = message
    if code:
        answer.headers["X-Error-Code"] = code
    return answer


def _at(hub: DatasetHub, revision: str) -> dict[str, Blob]:
    if revision == "main":
        return hub.commits[-1].files
    return next(each.files for each in hub.commits if each.id == revision)


def _app(hub: DatasetHub) -> Flask:
    app = Flask("hub")
    api = f"/api/datasets/{REPO}"

    def role() -> str | None:
        return hub.roles.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    @app.before_request
    def check() -> Response | None:
        hub.asked.append(f"{request.method} {request.path}")
        for fault in hub.faults:
            if fault.method == request.method and fault.part in request.path:
                if fault.after:
                    fault.after -= 1
                    continue
                hub.faults.remove(fault)
                if fault.acts:
                    app.full_dispatch_request()
                return Response("out of order", fault.status, fault.headers)
        if request.path.startswith(("/lfs/", "/cdn/")):
            return None  # signed addresses: no token
        if role() is None:
            return _refused(401, "Invalid credentials in Authorization header")
        if "/datasets/" in request.path and REPO not in request.path:
            return _refused(404, "Repository not found", "RepoNotFound")
        writes = any(part in request.path for part in ("/preupload/", "/commit/", ".git/", "/xet-"))
        if writes and role() != "write":
            return _refused(403, "you don't have the rights to write to this repository")
        return None

    @app.get("/api/whoami-v2")
    def whoami() -> Any:
        return {"name": "pets", "auth": {"accessToken": {"role": role()}}}

    @app.get(f"{api}/commits/main")
    def commits() -> Any:
        newest = [{"id": each.id, "title": each.title} for each in reversed(hub.commits)]
        return jsonify(newest[: int(request.args["limit"])])

    @app.get(f"{api}/revision/main")
    def info() -> Any:
        return {"id": REPO, "sha": hub.commits[-1].id}

    @app.post(f"{api}/preupload/main")
    def preupload() -> Any:
        answers = []
        for file in request.json["files"]:  # type: ignore[index]
            path = file["path"]
            there = hub.commits[-1].files.get(path)
            mode = "lfs" if path.endswith(_LFS) else "regular"
            answer = {"path": path, "uploadMode": mode, "shouldIgnore": path.endswith(hub.ignored)}
            answers.append({**answer, "oid": there.oid} if there else answer)
        return {"files": answers}

    @app.post(f"/datasets/{REPO}.git/info/lfs/objects/batch")
    def batch() -> Any:
        objects = []
        for each in request.json["objects"]:  # type: ignore[index]
            known = {"oid": each["oid"], "size": each["size"]}
            upload = {"upload": {"href": f"{hub.url}/lfs/{each['oid']}", "header": {}}}
            objects.append(known if each["oid"] in hub.stored else {**known, "actions": upload})
        return {"transfer": "basic", "objects": objects}

    @app.put("/lfs/<oid>")
    def put(oid: str) -> Any:
        data = request.get_data()
        if hashlib.sha256(data).hexdigest() != oid:
            return _refused(400, "not these bytes")
        hub.stored[oid] = data
        return ""

    @app.post(f"{api}/commit/main")
    def commit() -> Any:
        lines = [json.loads(line) for line in request.get_data().splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit", hub.commits[-1].id) != hub.commits[-1].id:
            return _refused(412, "A commit has happened since. Please refresh and try again.")
        files = dict(hub.commits[-1].files)
        for key, value in ((line["key"], line["value"]) for line in lines[1:]):
            if key == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif key == "lfsFile":
                files[value["path"]] = Blob(hub.stored[value["oid"]], True)
            elif files.pop(value["path"], None) is None:
                return _refused(404, "A file with this name doesn't exist", "EntryNotFound")
        new = hub.commit(header["summary"], files)
        return {"commitOid": new.id, "commitUrl": f"{hub.url}/datasets/{REPO}/commit/{new.id}"}

    @app.get(f"{api}/tree/<revision>")
    @app.get(f"{api}/tree/<revision>/<path:folder>")
    def tree(revision: str, folder: str = "") -> Any:
        inside = f"{folder}/" if folder else ""
        found = [
            blob.entry(path)
            for path, blob in sorted(_at(hub, revision).items())
            if path.startswith(inside)
        ]
        if not found:
            return _refused(404, "Entry not found", "EntryNotFound")
        start = int(request.args.get("cursor", 0))
        answer = jsonify(found[start : start + PAGE])
        if start + PAGE < len(found):
            following = f"{request.base_url}?recursive=true&cursor={start + PAGE}"
            answer.headers["Link"] = f'<{following}>; rel="next"'
        return answer

    @app.post(f"{api}/paths-info/<revision>")
    def paths_info(revision: str) -> Any:
        files = _at(hub, revision)
        asked = request.form.getlist("paths")
        return jsonify([files[path].entry(path) for path in asked if path in files])

    @app.get(f"/datasets/{REPO}/resolve/<revision>/<path:path>")
    def resolve(revision: str, path: str) -> Any:
        blob = _at(hub, revision).get(path)
        if blob is None:
            return _refused(404, "Entry not found", "EntryNotFound")
        return redirect(f"{hub.url}/cdn/{blob.oid}") if blob.lfs else Response(blob.data)

    @app.get("/cdn/<oid>")
    def cdn(oid: str) -> Any:
        return Response(hub.stored[oid])

    @app.post("/api/validate-yaml")
    def validate() -> Any:
        return {"errors": [], "warnings": []}

    return app


@contextmanager
def dataset_hub() -> Iterator[DatasetHub]:
    """A hub that answers on 127.0.0.1 until the end."""
    hub = DatasetHub()
    with serving(_app(hub)) as hub.url:
        yield hub
