"""The sketch server's routes for texts: POST /v1/responses and POST /v1/chat/completions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from importers.sketch import text_wire, wire, writer

if TYPE_CHECKING:
    from flask import Flask, Response

_REFUSAL = "I'm sorry, but I can't help with that."


def add_text_routes(app: Flask, seed: int = 0) -> None:
    """Let a sketch server write, too.

    Args:
        seed: Another seed, other texts.
    """
    from flask import jsonify, request

    def answered(body: dict[str, object]) -> Response:
        response = jsonify(body)
        response.headers["x-request-id"] = wire.new_request_id()
        return response

    @app.post("/v1/responses")
    def respond() -> Response:
        asked = text_wire.read_responses(request.get_json(force=True, silent=True))
        text, refused, cut = _written(asked, seed)
        return answered(text_wire.responses_answer(asked, text, refused=refused, cut=cut))

    @app.post("/v1/chat/completions")
    def chat() -> Response:
        asked = text_wire.read_chat(request.get_json(force=True, silent=True))
        text, refused, cut = _written(asked, seed)
        return answered(text_wire.chat_answer(asked, text, refused=refused, cut=cut))


def _written(
    asked: text_wire.ResponsesRequest | text_wire.ChatRequest, seed: int
) -> tuple[str, bool, bool]:
    """The text of an answer, whether it is a refusal, and whether it is cut off."""
    request = asked.asks()
    if writer.refuses(request):
        return _REFUSAL, True, False
    texts, wanted = writer.texts_for(request, seed), asked.schema_wanted()
    text = "\n".join(texts)
    if wanted is not None:
        text = json.dumps(writer.fill(wanted.schema_, texts), ensure_ascii=False)
    text, cut = text_wire.cut_to(text, asked.most_tokens())
    return text, False, cut
