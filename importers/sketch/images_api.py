"""The sketch server's routes for images, and the image model behind them.

The one parameter beyond OpenAI's is `seed`, as several self-hosted servers have it: the same prompt
and seed give the same bytes. Without one, the server counts up from its own seed each time it is
asked for a prompt, so that asking again gives another picture, as with a real model.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importers.sketch import images_wire as wire
from importers.sketch.account import Account
from importers.sketch.edit import edit
from importers.sketch.failures import check_kinds
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from flask import Flask

LARGEST_BODY_WITH_IMAGES = 256 * 2**20


@dataclass
class ImageModel:
    """Draws the images of requests, and logs them; one for all threads.

    Attributes:
        failure_rate: Share of drawings that fail, 0 to 1.
        seed: First seed of each prompt whose request names none.
        kinds: Kinds of failures to choose from.
        request_log: File that gets one JSON line for each image; None logs nothing.

    Raises:
        ConfigError: a rate outside 0 to 1, or an unknown kind of failure.
    """

    failure_rate: float
    seed: int
    kinds: tuple[str, ...]
    request_log: Path | None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _drawn: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if not 0 <= self.failure_rate <= 1:
            raise ConfigError(
                f"The failure rate {self.failure_rate} is not between 0 and 1.",
                hint="0.15 lets 15 % of the drawings fail.",
            )
        check_kinds(self.kinds)

    def draw(self, request: wire.EditRequest, request_id: str) -> list[bytes]:
        """The PNGs that a request asks for."""
        asked = request.asked
        with self._lock:
            first = asked.seed
            if first is None:
                first = self.seed + self._drawn[asked.prompt]
                self._drawn[asked.prompt] += asked.n
        images = {
            seed: edit(request, seed, self.failure_rate, self.kinds)
            for seed in range(first, first + asked.n)
        }
        if self.request_log is not None:
            names = {"prompt": asked.prompt, "request_id": request_id}
            lines = [
                {**names, "seed": seed, "sha256": hashlib.sha256(image).hexdigest()}
                for seed, image in images.items()
            ]
            with self._lock, self.request_log.open("a", encoding="utf-8") as file:
                file.write("".join(f"{json.dumps(line)}\n" for line in lines))
        return list(images.values())


def add_image_routes(app: Flask, account: Account, model: ImageModel) -> None:
    """Give the app /v1/images/generations, /edits (multipart and JSON) and /variations."""
    from flask import g, request

    @app.post("/v1/images/generations")
    def generate() -> dict[str, Any]:
        body = request.get_json(force=True, silent=True)
        return drawn(wire.EditRequest(wire.read_request(body, g.request_id)))

    @app.post("/v1/images/edits")
    def edits() -> dict[str, Any]:
        request.max_content_length = LARGEST_BODY_WITH_IMAGES
        if request.mimetype == "application/json":
            body = request.get_json(force=True, silent=True)
            return drawn(wire.read_json(body, g.request_id))
        return drawn(wire.read_form(request.form, request.files, g.request_id))

    @app.post("/v1/images/variations")
    def variations() -> dict[str, Any]:
        request.max_content_length = LARGEST_BODY_WITH_IMAGES
        return drawn(wire.read_variation(request.form, request.files, g.request_id))

    def drawn(read: wire.EditRequest) -> dict[str, Any]:
        account.spend(read.asked.n)
        images = model.draw(read, g.request_id)
        return wire.images_answer(read.asked, images, read.image_tokens)
