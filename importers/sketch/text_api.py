"""The routes of the sketch server for texts: POST /v1/responses and POST /v1/chat/completions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from importers.sketch import text_wire as wire
from importers.sketch import writer

if TYPE_CHECKING:
    from flask import Flask

_REFUSAL = "I'm sorry, but I can't help with that."


def add_text_routes(app: Flask, seed: int) -> None:
    """Let a sketch server write, too.

    Args:
        seed: Another seed, other texts.
    """
    from flask import request

    @app.post("/v1/responses")
    def respond() -> dict[str, Any]:
        asked = wire.read_responses(request.get_json(force=True, silent=True))
        return wire.responses_answer(asked, _write(asked, seed))

    @app.post("/v1/chat/completions")
    def chat() -> dict[str, Any]:
        asked = wire.read_chat(request.get_json(force=True, silent=True))
        return wire.chat_answer(asked, _write(asked, seed))


def _write(asked: wire.ResponsesRequest | wire.ChatRequest, seed: int) -> wire.Written:
    request, wanted = asked.asks(), asked.schema_wanted()
    if writer.refuses(request):
        return wire.Written(_REFUSAL, refused=True)
    texts = writer.texts_for(request, seed)
    text = "\n".join(texts)
    if wanted is not None:
        text = json.dumps(writer.fill(wanted.schema_, texts), ensure_ascii=False)
    return wire.Written(text).cut_to(asked.most_tokens())
