"""The routes of the sketch server's Files and Batch API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from importers.sketch import batch_wire as wire
from importers.sketch.batches import Batches, Files
from importers.sketch.errors import refusal

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

    from importers.sketch.account import BatchLimits

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

    files = Files()
    _add_file_routes(app, files)
    _add_batch_routes(app, Batches(files, limits, carry_out))


def _add_file_routes(app: Flask, files: Files) -> None:
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
        return files.find(file_id).about.model_dump()

    @app.get("/v1/files/<file_id>/content")
    def content(file_id: str) -> Response:
        return Response(files.find(file_id).data, mimetype="application/octet-stream")

    @app.delete("/v1/files/<file_id>")
    def delete(file_id: str) -> dict[str, Any]:
        files.delete(file_id)
        return {"id": file_id, "object": "file", "deleted": True}


def _add_batch_routes(app: Flask, batches: Batches) -> None:
    from flask import request

    @app.post("/v1/batches")
    def create() -> dict[str, Any]:
        return batches.create(wire.read_batch(request.get_json(force=True, silent=True)))

    @app.get("/v1/batches")
    def listed() -> dict[str, Any]:
        limit = request.args.get("limit", 20, type=int)
        return batches.listed(request.args.get("after"), limit)

    @app.get("/v1/batches/<batch_id>")
    def batch(batch_id: str) -> dict[str, Any]:
        return batches.get(batch_id)

    @app.post("/v1/batches/<batch_id>/cancel")
    def cancel(batch_id: str) -> dict[str, Any]:
        return batches.cancel(batch_id)
