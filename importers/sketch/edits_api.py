"""The routes of the sketch server that start from images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from importers.sketch import edits_wire, wire
from importers.sketch.account import Account
from importers.sketch.edit import edit

if TYPE_CHECKING:
    from flask import Flask, Response

LARGEST_BODY = 256 * 2**20


class Answer(Protocol):
    def __call__(self, body: dict[str, Any], *, request_id: str) -> Response: ...


class Easel(Protocol):
    """What draws the images of a request and writes them down."""

    failure_rate: float
    kinds: tuple[str, ...]

    def draw(
        self, asked: wire.ImageRequest, request_id: str, paint: Callable[[int], bytes]
    ) -> Sequence[bytes]: ...


def register(app: Flask, account: Account, easel: Easel, answer: Answer) -> None:
    """Add POST /v1/images/edits, multipart and JSON, and POST /v1/images/variations."""
    from flask import request

    def drawn(read: edits_wire.EditRequest, request_id: str) -> Response:
        account.spend(read.asked.n)
        images = easel.draw(
            read.asked,
            request_id,
            lambda seed: edit(read, seed, easel.failure_rate, easel.kinds),
        )
        body = wire.images_answer(read.asked, images, read.image_tokens)
        return answer(body, request_id=request_id)

    def form() -> tuple[list[tuple[str, str]], list[edits_wire.File]]:
        files = []
        for name, file in request.files.items(multi=True):
            files.append(edits_wire.File(name, file.mimetype, file.read()))
            file.close()
        return list(request.form.items(multi=True)), files

    @app.post("/v1/images/edits")
    def edits() -> Response:
        request_id = wire.new_request_id()
        request.max_content_length = LARGEST_BODY
        if request.mimetype == "application/json":
            body = request.get_json(force=True, silent=True)
            return drawn(edits_wire.read_json(body, request_id), request_id)
        return drawn(edits_wire.read_form(*form(), request_id), request_id)

    @app.post("/v1/images/variations")
    def variations() -> Response:
        request_id = wire.new_request_id()
        request.max_content_length = LARGEST_BODY
        return drawn(edits_wire.read_variation(*form(), request_id), request_id)
