"""The sketch server's Files and Batch API: a batch is drawn in a thread, and answered out of order.

Owns the account's files and batches, in memory: they live as long as the server. Each line goes
through the server's own routes, so a batch can say what a request can, and fails where it fails.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from importers.sketch import batch_wire as wire
from importers.sketch.wire import ApiError

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

MOST_LISTED = 100
_WINDOW_S = 24 * 3600
_FORM_BESIDE_THE_FILE = 2**20


@dataclass(frozen=True)
class BatchLimits:
    """How the account's batches go.

    Attributes:
        takes_s: Seconds that a batch takes beside the drawing, spread over its requests.
        carries_out: After so many requests a batch expires; None lets it carry out all.
        closed_to: Models that may not be asked in a batch.
    """

    takes_s: float = 0.0
    carries_out: int | None = None
    closed_to: frozenset[str] = frozenset()


USUAL = BatchLimits()


def add_routes(app: Flask, limits: BatchLimits = USUAL, api_key: str | None = None) -> None:
    """Give the app /v1/files and /v1/batches.

    Args:
        api_key: The key that the app's other routes want.
    """
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}

    def carry_out(request: dict[str, Any]) -> TestResponse:
        return app.test_client().post(request["url"], json=request["body"], headers=headers)

    desk = _Desk(limits, carry_out)
    _add_file_routes(app, desk)
    _add_batch_routes(app, desk)


def _add_file_routes(app: Flask, desk: _Desk) -> None:
    from flask import Response, request

    @app.post("/v1/files")
    def upload() -> dict[str, Any]:
        request.max_content_length = wire.LARGEST_FILE + _FORM_BESIDE_THE_FILE
        file = request.files.get("file")
        if file is None:
            raise ApiError(400, "Missing required parameter: 'file'.", param="file")
        data, purpose = file.read(), request.form.get("purpose")
        life_s = wire.check_upload(purpose, request.form, len(data))
        return desk.keep(file.filename or "upload", str(purpose), data, life_s).body()

    @app.get("/v1/files/<name>")
    def file(name: str) -> dict[str, Any]:
        return desk.file(name).body()

    @app.get("/v1/files/<name>/content")
    def content(name: str) -> Response:
        return Response(desk.file(name).data, mimetype="application/octet-stream")

    @app.delete("/v1/files/<name>")
    def delete(name: str) -> dict[str, Any]:
        desk.delete(name)
        return {"id": name, "object": "file", "deleted": True}


def _add_batch_routes(app: Flask, desk: _Desk) -> None:
    from flask import request

    @app.post("/v1/batches")
    def create() -> dict[str, Any]:
        return desk.create(wire.read_batch(request.get_json(force=True, silent=True)))

    @app.get("/v1/batches")
    def listed() -> dict[str, Any]:
        limit = request.args.get("limit", 20, type=int)
        return desk.listed(request.args.get("after"), limit)

    @app.get("/v1/batches/<name>")
    def batch(name: str) -> dict[str, Any]:
        return desk.batch(name)

    @app.post("/v1/batches/<name>/cancel")
    def cancel(name: str) -> dict[str, Any]:
        return desk.cancel(name)


@dataclass
class _Desk:
    """Files and batches of the account; one for all threads."""

    limits: BatchLimits
    carry_out: Callable[[dict[str, Any]], TestResponse]
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _files: dict[str, wire.StoredFile] = field(default_factory=dict)
    _batches: dict[str, wire.BatchState] = field(default_factory=dict)

    def keep(self, name: str, purpose: str, data: bytes, life_s: int | None) -> wire.StoredFile:
        now = int(time.time())
        expires_at = None if life_s is None else now + life_s
        file = wire.StoredFile(wire.new_id("file-"), name, purpose, data, now, expires_at)
        with self._lock:
            self._files[file.id] = file
        return file

    def file(self, name: str) -> wire.StoredFile:
        with self._lock:
            file = self._files.get(name)
        if file is None or (file.expires_at is not None and file.expires_at < time.time()):
            raise ApiError(404, f"No such File object: {name}", param="id")
        return file

    def delete(self, name: str) -> None:
        self.file(name)
        with self._lock:
            del self._files[name]

    def create(self, order: wire.BatchOrder) -> dict[str, Any]:
        file = self.file(order.input_file_id)
        if file.purpose != "batch":
            raise ApiError(400, "The file's purpose must be 'batch'.", param="input_file_id")
        now = int(time.time())
        batch = wire.BatchState(
            wire.new_id("batch_"),
            order.input_file_id,
            order.endpoint,
            order.metadata,
            order.life_s,
            {"created": now, "expires": now + _WINDOW_S},
        )
        with self._lock:
            self._batches[batch.id] = batch
            said = batch.body()
        worker = threading.Thread(target=self._work, args=(batch, file.data), daemon=True)
        worker.start()
        return said

    def batch(self, name: str) -> dict[str, Any]:
        with self._lock:
            return self._find(name).body()

    def cancel(self, name: str) -> dict[str, Any]:
        with self._lock:
            batch = self._find(name)
            if batch.status not in {"validating", "in_progress"}:
                raise ApiError(409, f"Cannot cancel a batch with status '{batch.status}'.")
            self._now(batch, "cancelling")
            return batch.body()

    def listed(self, after: str | None, limit: int) -> dict[str, Any]:
        if not 1 <= limit <= MOST_LISTED:
            raise ApiError(400, f"Invalid 'limit': 1 to {MOST_LISTED}.", param="limit")
        with self._lock:
            newest_first = [batch.body() for batch in reversed(self._batches.values())]
        names = [batch["id"] for batch in newest_first]
        start = names.index(after) + 1 if after in names else 0
        page = newest_first[start : start + limit]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + limit < len(newest_first),
        }

    def _find(self, name: str) -> wire.BatchState:
        if name not in self._batches:
            raise ApiError(404, f"No batch found with id '{name}'.", param="id")
        return self._batches[name]

    # -- the work of a batch, in its own thread -----------------------------------------------

    def _work(self, batch: wire.BatchState, data: bytes) -> None:
        try:
            requests = wire.read_lines(data, batch.endpoint, self.limits.closed_to)
        except wire.LinesRefused as refused:
            batch.errors = refused.args[0]
            self._now(batch, "failed")
            return
        batch.total = len(requests)
        with self._lock:
            if batch.status != "cancelling":
                self._now(batch, "in_progress")
        good, bad, ended = self._results(batch, requests)
        with self._lock:
            batch.output_file_id = self._result_file(batch, "output", good)
            batch.error_file_id = self._result_file(batch, "error", bad)
            self._now(batch, ended)

    def _results(
        self, batch: wire.BatchState, requests: Sequence[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
        """The lines of both files, and how the batch ended."""
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        ended = "completed"
        for request in random.Random(len(requests)).sample(requests, len(requests)):
            if ended == "completed":
                time.sleep(self.limits.takes_s / len(requests))
                if batch.status == "cancelling":
                    ended = "cancelled"
                elif len(good) + len(bad) == self.limits.carries_out:
                    ended = "expired"
            if ended != "completed":
                bad.append(wire.undone_line(request["custom_id"], ended))
                continue
            line = self._answer(request)
            drawn = line["response"]["status_code"] == 200
            (good if drawn else bad).append(line)
            batch.completed += drawn
            batch.failed += not drawn
        return good, bad, ended

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        response = self.carry_out(request)
        while response.status_code == 429 and "Retry-After-Ms" in response.headers:
            time.sleep(float(response.headers["Retry-After-Ms"]) / 1000)
            response = self.carry_out(request)
        request_id = response.headers["x-request-id"]
        return wire.result_line(
            request["custom_id"], response.status_code, request_id, response.get_json()
        )

    def _result_file(
        self, batch: wire.BatchState, kind: str, lines: Sequence[dict[str, Any]]
    ) -> str | None:
        if not lines:
            return None
        name = f"{batch.id}_{kind}.jsonl"
        return self.keep(name, "batch_output", wire.as_jsonl(lines), batch.life_s).id

    def _now(self, batch: wire.BatchState, status: str) -> None:
        batch.status = status
        batch.times[status] = int(time.time())
