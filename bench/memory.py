"""What the ML backend keeps of large images: 100 of 7,000 x 7,000 pixels with transparency.

Each file has 190 KB and becomes 196 MB of pixels. Prints one line of JSON, and ends with 1 where
a bound is broken: the most that the backend's process held at a time, and what it holds a minute
later beside what it held with the model loaded and no image seen.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from PIL import Image

from bench.backend import backend, memory_of, processes_of
from bench.load import GIVE_UP_SECONDS
from bench.pictures import CONFIG, random_model, served

SIDE = 7000
IMAGES = 100
A_REQUEST = 5
CALLERS = 2
ROUNDS = 10
REST_SECONDS = 60.0
PEAK_MIB = 2500
KEPT_MIB = 300


def main() -> int:
    """Measure; 0 where both bounds hold and every image was answered."""
    with tempfile.TemporaryDirectory() as folder:
        model = random_model(Path(folder) / "vit-b-32")
        with (
            served({f"{SIDE} PNG": [_picture()]}) as images,
            backend(Path(folder), model, images) as (url, pid),
        ):
            before = memory_of(pid)
            _forget_peaks(pid)
            began = time.perf_counter()
            answered = _answered(url)
            seconds = time.perf_counter() - began
            peak = _peak(pid)
            time.sleep(REST_SECONDS)
            after = memory_of(pid)
    holds = answered == IMAGES and peak < PEAK_MIB and after - before < KEPT_MIB
    said = {"images": IMAGES, "answered": answered, "seconds": round(seconds, 1),
            "before_mib": round(before), "peak_mib": round(peak), "after_mib": round(after),
            "peak_bound_mib": PEAK_MIB, "kept_bound_mib": KEPT_MIB, "holds": holds}  # fmt: skip
    print(json.dumps(said))
    return 0 if holds else 1


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (SIDE, SIDE), (200, 30, 30, 128)).save(file, "PNG")
    return file.getvalue()


def _answered(url: str) -> int:
    """How many images got a prediction; those that a busy machine left over are asked again."""
    left = list(range(IMAGES))
    for _ in range(ROUNDS):
        requested = [left[start : start + A_REQUEST] for start in range(0, len(left), A_REQUEST)]
        with ThreadPoolExecutor(CALLERS) as pool:
            answers = list(pool.map(lambda numbers: _left_over(url, numbers), requested))
        left = [number for numbers in answers for number in numbers]
    return IMAGES - len(left)


def _left_over(url: str, numbers: list[int]) -> list[int]:
    tasks: list[dict[str, Any]] = [
        {"id": number, "data": {"image": f"/data/upload/1/{number}-{SIDE}-png-0"}}
        for number in numbers
    ]
    body = {"tasks": tasks, "label_config": CONFIG, "project": "1.1"}
    answer = requests.post(f"{url}/predict", json=body, timeout=GIVE_UP_SECONDS)
    answer.raise_for_status()
    results = answer.json()["results"]
    return [number for number, result in zip(numbers, results, strict=True) if not result]


def _forget_peaks(pid: int) -> None:
    for one in processes_of(pid):
        Path(f"/proc/{one}/clear_refs").write_text("5", encoding="utf-8")


def _peak(pid: int) -> float:
    """MiB that the processes held at most, each at its own time (Linux)."""
    statuses = (Path(f"/proc/{one}/status").read_text() for one in processes_of(pid))
    found = (re.search(r"^VmHWM:\s+(\d+)", status, re.M) for status in statuses)
    return sum(int(match[1]) for match in found if match) / 1024


if __name__ == "__main__":
    sys.exit(main())
