"""Pictures, a model with random weights, and a server that hands pictures out as Label Studio does.

Owns what every run of the bench of the ML backend looks at.
"""

from __future__ import annotations

import io
import json
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TASKS = 64
KINDS = {"1024 PNG": (1024, "PNG"), "512 JPEG": (512, "JPEG")}
CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    + "".join(f'<Choice value="{name}"/>' for name in ("cat", "dog", "bus", "tree", "house"))
    + "</Choices></View>"
)


def random_model(folder: Path) -> Path:
    """A folder with a ViT-B-32 of random weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    folder.mkdir()
    network, _, _ = open_clip.create_model_and_transforms("ViT-B-32")
    save_file(
        {name: tensor.contiguous() for name, tensor in network.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    config = {
        "model_cfg": open_clip.get_model_config("ViT-B-32"),
        "preprocess_cfg": network.visual.preprocess_cfg,
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def draw(kind: str) -> list[bytes]:
    """TASKS files: smooth pictures with some noise, which compress as generated images do."""
    side, form = KINDS[kind]
    random = np.random.default_rng(0)
    return [_drawn(random, side, form) for _ in range(TASKS)]


def _drawn(random: np.random.Generator, side: int, form: str) -> bytes:
    coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
    noisy = smooth.astype(np.int16) + random.integers(-4, 5, smooth.shape, dtype=np.int16)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, form)
    return file.getvalue()


def tasks(kind: str, series: int) -> list[dict[str, Any]]:
    """A project's tasks; no two series share a file."""
    slug = kind.lower().replace(" ", "-")
    return [
        {"id": n, "data": {"image": f"/data/upload/1/{series}-{slug}-{n}"}} for n in range(TASKS)
    ]


@contextmanager
def served(pictures: Mapping[str, list[bytes]]) -> Iterator[str]:
    """The address of a server, in a process of its own, that has the files of all tasks."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    files = {kind.lower().replace(" ", "-"): drawn for kind, drawn in pictures.items()}
    process = context.Process(target=_serve, args=(files, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # with the usual 5, a burst of connections waits a second for a resend


def _serve(files: Mapping[str, list[bytes]], ready: Connection) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            named = self.path.rpartition("/")[2].split("-")
            if len(named) != 4:  # the backend asks whether its token is accepted
                self.send_error(404)
                return
            series, side, form, number = named
            # What follows an image's end is not decoded, and makes it another file.
            body = files[f"{side}-{form}"][int(number)] + f"series {series}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    ready.send(server.server_port)
    server.serve_forever()
