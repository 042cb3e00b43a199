"""Measure the ML backend: images a second, waiting times, and memory, beside two yardsticks.

A ViT-B-32 with random weights, 64 tasks a request, images from a local server in a process of its
own. "plain" is a backend without any of ours: float32, one image after another. "ceiling" decodes
and encodes the same images in this process, overlapped, and does nothing else.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image
from rich.console import Console
from rich.table import Table

TASKS = 64
CALLERS = (1, 8, 32)
SECONDS_A_ROW = 12.0
KINDS = {"1024 PNG": (1024, "PNG"), "512 JPEG": (512, "JPEG")}
CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    + "".join(f'<Choice value="{name}"/>' for name in ("cat", "dog", "bus", "tree", "house"))
    + "</Choices></View>"
)


def main() -> None:
    """Run everything and print one table."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        model = _random_model(base / "vit-b-32")
        _draw(base / "images")
        with _images(base / "images") as origin, _backend(base, model, origin) as (url, process):
            _measure(base, model, origin, url, process)


def _measure(
    base: Path, model: Path, origin: str, url: str, process: subprocess.Popen[str]
) -> None:
    table = Table(
        "images", "run", "callers", "images/s", "p50 s", "p95 s", "p99 s", "/health p99 s"
    )
    notes = []
    before = _memory(process.pid)
    for kind in KINDS:
        files = sorted((base / "images").glob(f"{_slug(kind)}-*"))
        cold = _load(url, origin, files, callers=1, seconds=0.0)
        table.add_row(kind, "cold", "1", *cold[1])
        warm = [(n, _load(url, origin, files, n, SECONDS_A_ROW)) for n in CALLERS]
        for callers, (_, shown) in warm:
            table.add_row("", "warm", str(callers), *shown)
        plain, ceiling = _in_process(model, files)
        table.add_row("", "plain", "1", f"{plain:.1f}", "", "", "", "")
        table.add_row("", "ceiling", "1", f"{ceiling:.1f}", "", "", "", "")
        notes.append(
            f"{kind}: cold {cold[0] / plain:.2f} x plain, {cold[0] / ceiling:.2f} x ceiling"
        )
    notes.append(
        f"memory of the backend: {before:.0f} MiB before, {_memory(process.pid):.0f} after"
    )
    Console().print(table, *notes, sep="\n")


def _slug(kind: str) -> str:
    return kind.lower().replace(" ", ".").replace(".", "_")


def _random_model(folder: Path) -> Path:
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


def _draw(folder: Path) -> None:
    """Smooth pictures with some noise: they compress about as generated images do."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for kind, (side, form) in KINDS.items():
        for number in range(TASKS):
            coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            smooth = np.asarray(
                Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
            )
            noisy = smooth.astype(np.int16) + random.integers(-4, 5, smooth.shape, dtype=np.int16)
            picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            picture.save(folder / f"{_slug(kind)}-{number}.{form.lower()}", form)


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: Any) -> None:
        pass


def _serve(folder: str, ready: Connection) -> None:
    handler = partial(_Quiet, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    ready.send(server.server_port)
    server.serve_forever()


@contextmanager
def _images(folder: Path) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(str(folder), there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


@contextmanager
def _backend(base: Path, model: Path, origin: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    ls_clip = Path(sys.executable).with_name("ls-clip")
    environment = {
        **os.environ,
        "CLIP_CACHE_DIR": str(base / "vectors"),
        "CLIP_ALLOWED_HOSTS": origin.removeprefix("http://"),
        "HF_HUB_OFFLINE": "1",
    }
    with (base / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [ls_clip, "serve", "--model", model, "--port", "0"],
            stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            found = next(
                (m for line in process.stdout if (m := re.search(r"http://\S+", line))), None
            )
            if found is None:
                raise SystemExit(f"ls-clip serve ended:\n{(base / 'log').read_text()}")
            _wait(found[0])
            yield found[0], process
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait(url: str) -> None:
    for _ in range(240):
        try:
            if requests.get(f"{url}/ready", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.5)
    raise SystemExit(f"{url}/ready does not become 200")


def _load(
    url: str, origin: str, files: list[Path], callers: int, seconds: float
) -> tuple[float, list[str]]:
    """Images a second and the row's numbers; each caller asks once at least, then till the end."""
    body = {
        "tasks": [{"id": n, "data": {"image": f"{origin}/{f.name}"}} for n, f in enumerate(files)],
        "label_config": CONFIG,
        "project": "1.1",
    }
    stop, health, times, done = threading.Event(), list[float](), list[float](), 0
    watcher = threading.Thread(target=_watch, args=(url, stop, health))
    watcher.start()
    started = time.monotonic()

    def call(_number: int) -> int:
        answered = 0
        while not answered or time.monotonic() - started < seconds:
            before = time.monotonic()
            answer = requests.post(f"{url}/predict", json=body, timeout=120)
            if answer.status_code == 503:  # busy is an answer: ask again soon, as told
                time.sleep(0.2)
                if time.monotonic() - started > 60:
                    return answered
                continue
            times.append(time.monotonic() - before)
            answered += sum(bool(result) for result in answer.json()["results"])
        return answered

    with ThreadPoolExecutor(callers) as pool:
        done = sum(pool.map(call, range(callers)))
    rate = done / (time.monotonic() - started)
    stop.set()
    watcher.join()
    waits = np.percentile(times, [50, 95, 99]) if times else [float("nan")] * 3
    slow = np.percentile(health, 99) if health else float("nan")
    return rate, [f"{rate:.1f}", *(f"{wait:.2f}" for wait in waits), f"{slow:.3f}"]


def _watch(url: str, stop: threading.Event, times: list[float]) -> None:
    while not stop.wait(0.1):
        before = time.monotonic()
        requests.get(f"{url}/health", timeout=60)
        times.append(time.monotonic() - before)


def _in_process(model: Path, files: list[Path]) -> tuple[float, float]:
    """Images a second of the plain backend's loop, and of the ceiling."""
    from ls_backend.clip import Clip

    clip = Clip.load(str(model), precision="float32")
    data = [file.read_bytes() for file in files]
    clip.encode_images([_decoded(data[0])])
    started = time.monotonic()
    for one in data[:16]:
        clip.encode_images([_decoded(one)])
    plain = 16 / (time.monotonic() - started)
    best = Clip.load(str(model))
    best.encode_images([_decoded(data[0])])
    started = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ready = pool.map(lambda one: best.preprocess(_decoded(one)), data)
        while batch := list(islice(ready, 16)):
            best.encode_pixels(batch)
    return plain, len(data) / (time.monotonic() - started)


def _decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _memory(pid: int) -> float:
    """MiB that the process and its children hold, shared pages counted once (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0.0
    for one in [str(pid), *children]:
        text = Path(f"/proc/{one}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+)", text, re.M)
        total += int(found[1]) / 1024 if found else 0
    return total


if __name__ == "__main__":
    main()
