"""What the ML backend is measured against: a plain backend, and the ceiling of the machine.

The plain backend is what one writes first: float32, one image after another, nothing remembered.
The ceiling decodes and encodes the same files in one process, overlapped, and does nothing else.
Each is a process of its own:

    python -m bench.yardsticks plain MODEL IMAGES    serves; prints its address
    python -m bench.yardsticks ceiling MODEL KIND    prints images a second
"""

from __future__ import annotations

import io
import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from PIL import Image

LABELS = ("cat", "dog", "bus", "tree", "house")
AT_ONCE = 32
ROUNDS = 3


def plain(model: str, images: str) -> None:
    """Serve /predict until killed."""
    import open_clip
    import requests
    import torch
    from flask import Flask, request
    from waitress import create_server

    network, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{model}")
    network.eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{model}")
    with torch.inference_mode():
        texts = network.encode_text(tokenizer([f"a photo of a {x}" for x in LABELS]), True)
    app = Flask("plain")

    def predicted(task: dict[str, Any]) -> dict[str, Any]:
        data = requests.get(images + task["data"]["image"], timeout=30).content
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        with torch.inference_mode():
            vector = network.encode_image(preprocess(picture)[None], True)
            shares = (network.logit_scale.exp() * vector @ texts.T).softmax(-1)[0]
        best = int(shares.argmax())
        value = {"choices": [LABELS[best]]}
        region = {"from_name": "label", "to_name": "image", "type": "choices", "value": value}
        return {"model_version": "plain", "score": float(shares[best]), "result": [region]}

    @app.post("/predict")
    def predict() -> dict[str, Any]:
        return {"results": [predicted(task) for task in request.get_json()["tasks"]]}

    sock = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    create_server(app, sockets=[sock], threads=4).run()


def ceiling(model: str, kind: str) -> None:
    """Images a second: the median of some rounds."""
    from bench.pictures import draw
    from ls_backend.clip.clip import Clip
    from ls_backend.clip.devices import cpu_quota

    clip = Clip.load(model)
    files = draw(kind)
    with ThreadPoolExecutor(cpu_quota()) as pool:

        def one_round() -> float:
            started = time.perf_counter()
            ready = pool.map(lambda data: clip.preprocess(_decoded(data)), files)
            while batch := list(islice(ready, AT_ONCE)):
                clip.encode_pixels(batch)
            return len(files) / (time.perf_counter() - started)

        one_round()
        print(statistics.median(one_round() for _ in range(ROUNDS)))


def _decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


if __name__ == "__main__":
    {"plain": plain, "ceiling": ceiling}[sys.argv[1]](*sys.argv[2:])
