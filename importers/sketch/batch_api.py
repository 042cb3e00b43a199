"""The sketch server's Files and Batch API: its routes, and the files and batches behind them.

They are in memory and live as long as the server. A batch is carried out in a thread of its own,
its lines in whatever order.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from importers.sketch import batch_wire as wire
from importers.sketch.account import BatchLimits
from importers.sketch.errors import ApiError, read, refusal

if TYPE_CHECKING:
    from flask import Flask, Response
    from openai.types import Batch, FileObject
    from werkzeug.test import TestResponse

MOST_LISTED = 100

_WINDOW_S = 24 * 3600
_FORM_BESIDE_THE_FILE = 2**20
"""Bytes of an upload beside its file."""


def add_batch_routes(app: Flask, limits: BatchLimits, api_key: str | None) -> None:
    """Give the app /v1/files and /v1/batches.

    Each line of a batch goes through the app's own routes, so a batch can say what a request can,
    and fails where it fails.

    Args:
        api_key: The key that the app's other routes want.
    """
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}

    def carry_out(line: wire.BatchLine) -> TestResponse:
        return app.test_client().post(line.url, json=line.body, headers=headers)

    files = _Files()
    _add_file_routes(app, files)
    _add_batch_routes(app, _Batches(files, limits, carry_out))


def _add_file_routes(app: Flask, files: _Files) -> None:
    from flask import Response, request

    @app.post("/v1/files")
    def upload() -> dict[str, Any]:
        request.max_content_length = wire.LARGEST_FILE + _FORM_BESIDE_THE_FILE
        file = request.files.get("file")
        if file is None:
            raise refusal("missing", "file")
        data = file.read()
        asked = wire.read_upload(request.form, len(data))
        name = file.filename or "upload"
        return files.keep(name, asked.purpose, data, asked.expires_after).model_dump()

    @app.get("/v1/files/<file_id>")
    def file(file_id: str) -> dict[str, Any]:
        return files.find(file_id)[0].model_dump()

    @app.get("/v1/files/<file_id>/content")
    def content(file_id: str) -> Response:
        return Response(files.find(file_id)[1], mimetype="application/octet-stream")

    @app.delete("/v1/files/<file_id>")
    def delete(file_id: str) -> dict[str, Any]:
        files.delete(file_id)
        return {"id": file_id, "object": "file", "deleted": True}


def _add_batch_routes(app: Flask, batches: _Batches) -> None:
    from flask import request

    @app.post("/v1/batches")
    def create() -> dict[str, Any]:
        return batches.create(read(wire.BatchOrder, request.get_json(force=True, silent=True)))

    @app.get("/v1/batches")
    def listed() -> dict[str, Any]:
        limit = request.args.get("limit", 20, type=int)
        return batches.listed(request.args.get("after"), limit)

    app.add_url_rule("/v1/batches/<batch_id>", view_func=batches.get)
    app.post("/v1/batches/<batch_id>/cancel")(batches.cancel)


@dataclass
class _Files:
    """Files of the account by their ids; one for all threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _files: dict[str, tuple[FileObject, bytes]] = field(default_factory=dict)

    def keep(
        self, name: str, purpose: str, data: bytes, life: wire.ExpiresAfter | None
    ) -> FileObject:
        """Store a file; gives what the API says about it."""
        from openai.types import FileObject

        now = int(time.time())
        about = FileObject.construct(
            id=wire.new_id("file-"),
            object="file",
            bytes=len(data),
            created_at=now,
            expires_at=None if life is None else now + life.seconds,
            filename=name,
            purpose=purpose,
            status="processed",
        )
        with self._lock:
            self._files[about.id] = about, data
        return about

    def find(self, file_id: str) -> tuple[FileObject, bytes]:
        """What the API says about a file, and its content.

        Raises:
            ApiError: 404 where there is none, or none any more.
        """
        with self._lock:
            file = self._files.get(file_id)
        if file is None or (file[0].expires_at or math.inf) < time.time():
            raise ApiError(404, f"No such File object: {file_id}", param="id")
        return file

    def delete(self, file_id: str) -> None:
        """Forget a file; 404 as for `find`."""
        self.find(file_id)
        with self._lock:
            del self._files[file_id]


@dataclass
class _Batches:
    """Batches of the account by their ids; one for all threads.

    What its methods return is what the API says about a batch.

    Attributes:
        carry_out: Sends one line to the server's own routes.
    """

    files: _Files
    limits: BatchLimits
    carry_out: Callable[[wire.BatchLine], TestResponse]
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _batches: dict[str, Batch] = field(default_factory=dict)

    def create(self, order: wire.BatchOrder) -> dict[str, Any]:
        """Begin a batch.

        Raises:
            ApiError: the input file is not there, or is no input of batches.
        """
        from openai.types import Batch, BatchRequestCounts

        about, data = self.files.find(order.input_file_id)
        if about.purpose != "batch":
            message = "The file's purpose must be 'batch'."
            raise ApiError(400, message, "invalid_value", "input_file_id")
        now = int(time.time())
        batch = Batch(
            id=wire.new_id("batch_"),
            object="batch",
            status="validating",
            created_at=now,
            expires_at=now + _WINDOW_S,
            request_counts=BatchRequestCounts(total=0, completed=0, failed=0),
            **order.model_dump(exclude={"output_expires_after"}),
        )
        with self._lock:
            self._batches[batch.id] = batch
            begun = batch.model_dump()
        work = (batch, data, order.output_expires_after)
        threading.Thread(target=self._work, args=work, daemon=True).start()
        return begun

    def get(self, batch_id: str) -> dict[str, Any]:
        """Look at a batch; 404 where there is none."""
        with self._lock:
            return self._find(batch_id).model_dump()

    def cancel(self, batch_id: str) -> dict[str, Any]:
        """End a batch before its next request.

        Raises:
            ApiError: 404 where there is none, 409 where it has ended.
        """
        with self._lock:
            batch = self._find(batch_id)
            if batch.status not in {"validating", "in_progress"}:
                raise ApiError(409, f"Cannot cancel a batch with status '{batch.status}'.")
            _enter(batch, "cancelling")
            return batch.model_dump()

    def listed(self, after: str | None, limit: int) -> dict[str, Any]:
        """A page of batches, the newest first.

        Args:
            after: Id of the last one of the page before.
            limit: Most that the page has, 1 to 100.
        """
        if not 1 <= limit <= MOST_LISTED:
            message = f"Invalid 'limit': 1 to {MOST_LISTED}."
            raise ApiError(400, message, "invalid_value", "limit")
        with self._lock:
            newest_first = [batch.model_dump() for batch in reversed(self._batches.values())]
        ids = [batch["id"] for batch in newest_first]
        start = ids.index(after) + 1 if after in ids else 0
        page = newest_first[start : start + limit]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + limit < len(newest_first),
        }

    def _find(self, batch_id: str) -> Batch:
        if batch_id not in self._batches:
            raise ApiError(404, f"No batch found with id '{batch_id}'.", param="id")
        return self._batches[batch_id]

    # -- the work of a batch, in its own thread -----------------------------------------------

    def _work(self, batch: Batch, data: bytes, life: wire.ExpiresAfter | None) -> None:
        from openai.types.batch import Errors

        try:
            lines = wire.read_lines(data, batch.endpoint, self.limits.closed_to)
        except wire.LinesRefused as refused:
            with self._lock:
                batch.errors = Errors(object="list", data=refused.args[0])
                _enter(batch, "failed")
            return
        with self._lock:
            if batch.status != "cancelling":
                _enter(batch, "in_progress")
        good, bad, ended = self._results(batch, lines)
        with self._lock:
            for kind, results in {"output": good, "error": bad}.items():
                if results:
                    name, data = f"{batch.id}_{kind}.jsonl", wire.as_jsonl(results)
                    file = self.files.keep(name, "batch_output", data, life)
                    setattr(batch, f"{kind}_file_id", file.id)
            _enter(batch, ended)

    def _results(
        self, batch: Batch, lines: Sequence[wire.BatchLine]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
        """The lines of both files, and how the batch ended."""
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        ended, counts = "completed", batch.request_counts
        assert counts is not None
        counts.total = len(lines)
        for line in random.Random(len(lines)).sample(lines, len(lines)):
            if ended == "completed":
                time.sleep(self.limits.takes_s / len(lines))
                if batch.status == "cancelling":
                    ended = "cancelled"
                elif len(good) + len(bad) == self.limits.carries_out:
                    ended = "expired"
            if ended != "completed":
                bad.append(wire.undone_line(line.custom_id, ended))
                continue
            response = self._response(line)
            drawn = response["status_code"] == 200
            (good if drawn else bad).append(wire.result_line(line.custom_id, response))
            counts.completed += drawn
            counts.failed += not drawn
        return good, bad, ended

    def _response(self, line: wire.BatchLine) -> dict[str, Any]:
        response = self.carry_out(line)
        while response.status_code == 429 and "Retry-After-Ms" in response.headers:
            time.sleep(float(response.headers["Retry-After-Ms"]) / 1000)
            response = self.carry_out(line)
        return {
            "status_code": response.status_code,
            "request_id": response.headers["x-request-id"],
            "body": response.get_json(),
        }


def _enter(batch: Batch, status: str) -> None:
    """Set the status, and the time of it: a Unix time in the field of that name."""
    vars(batch).update({"status": status, f"{status}_at": int(time.time())})
