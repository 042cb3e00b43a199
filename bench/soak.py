"""Half an hour of the ML backend among strangers: good requests beside all that is hostile.

`python -m bench.soak [MINUTES]`. Good callers check every answer: one result a task, in order, the
same label and score each time, [] where the image is a trap. Prints one line of JSON, and ends with
1 where a good request was answered wrongly, /health or /webhook was late, or memory grew.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests

from bench.backend import backend, memory_of
from bench.hostile import hold_connections, trap_server, traps
from bench.pictures import CONFIG, TASKS, draw, random_model, served, tasks

MINUTES = 30.0
KIND = "512 JPEG"
USER, PASSWORD = "label-studio", "größer"
CALLERS = 2
GOOD_A_REQUEST = 8
TIMEOUT_S = 150.0
SAME = 1e-5
HEALTH_P99_S = 0.2
WEBHOOK_P99_S = 0.1
KEPT_MIB = 300
PEAK_MIB = 2500
LINES_KEPT = 10


@dataclass
class Seen:
    """What callers saw; shared by their threads."""

    wrong: list[str] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    answers: dict[int, tuple[str, float]] = field(default_factory=dict)
    """Number of a picture → its label and score when it was first predicted."""

    def timed(self, what: str, ask: Callable[[], requests.Response]) -> requests.Response:
        """An answer whose waiting time counts."""
        began = time.perf_counter()
        answer = ask()
        self.seconds.setdefault(what, []).append(time.perf_counter() - began)
        return answer

    def expect(self, what: str, holds: bool, answer: object) -> None:
        self.requests[what] += 1
        if not holds:
            self.wrong.append(f"{what}: {answer}"[:300])

    def p99(self, what: str) -> float:
        """Seconds."""
        return float(np.percentile(self.seconds[what], 99))


class Soak:
    """Callers of one backend, each a method that asks once."""

    def __init__(self, url: str, pid: int, trap_url: str) -> None:
        self.seen = Seen()
        self._url = url
        self._pid = pid
        self._series = count()
        self._traps = [f"{trap_url}/{name}" for name in [*traps(), "size", "drip"]]
        self._versions: set[str] = set()

    def predict(self, session: requests.Session) -> None:
        series = next(self._series)
        first = series * GOOD_A_REQUEST % TASKS
        good = tasks(KIND, series)[first : first + GOOD_A_REQUEST]
        bad = [self._traps[(series + step) % len(self._traps)] for step in range(3)]
        bad += [f"http://nowhere-{series}.invalid/a.png", f"{self._traps[0]}\ud800"]
        asked = [*good, *({"id": TASKS + n, "data": {"image": url}} for n, url in enumerate(bad))]
        body = json.dumps({"tasks": asked, "label_config": CONFIG, "project": f"{series % 5}.1"})
        answer = session.post(f"{self._url}/predict", data=body, timeout=TIMEOUT_S)
        results = answer.json().get("results") if answer.status_code == 200 else None
        is_whole = results is not None and len(results) == len(asked)
        self.seen.expect("predict", is_whole, f"{answer.status_code} {answer.text[:200]}")
        if results is not None and is_whole:
            for task, result in zip(asked, results, strict=True):
                self._check(task, result)

    def _check(self, task: dict[str, Any], result: Any) -> None:
        url = str(task["data"]["image"])
        if task["id"] >= TASKS:
            # There may be no time for a large one; what is no image has no prediction.
            self.seen.expect("trap", result == [] or url.endswith("large.png"), f"{url!r} {result}")
        elif not result:
            self.seen.expect("image", False, f"{url} {result}")
        else:
            label, score = result["result"][0]["value"]["choices"][0], result["score"]
            known, before = self.seen.answers.setdefault(task["id"], (label, score))
            same = label == known and abs(score - before) <= SAME
            self.seen.expect("image", same, f"{url} {label} {score}, was {known} {before}")

    def setup(self, session: requests.Session) -> None:
        body = {"project": "1.1", "schema": CONFIG, "hostname": "", "access_token": ""}
        answer = self.seen.timed(
            "setup", lambda: session.post(f"{self._url}/setup", json=body, timeout=TIMEOUT_S)
        )
        self._versions.add(answer.json().get("model_version", ""))
        holds = answer.status_code == 200 and len(self._versions) == 1
        self.seen.expect("setup", holds, answer.text)

    def health(self, session: requests.Session) -> None:
        answer = self.seen.timed(
            "health", lambda: session.get(f"{self._url}/health", timeout=TIMEOUT_S)
        )
        self.seen.expect("health", answer.json().get("status") == "UP", answer.text)

    def webhook(self, session: requests.Session) -> None:
        event = {"action": "ANNOTATION_CREATED", "annotation": {"result": [0] * 25_000}}
        answer = self.seen.timed(
            "webhook", lambda: session.post(f"{self._url}/webhook", json=event, timeout=TIMEOUT_S)
        )
        self.seen.expect("webhook", answer.status_code == 200, answer.text)
        nowhere = session.post(f"{self._url}/nowhere", data=b"x" * 200_000, timeout=TIMEOUT_S)
        self.seen.expect("nowhere", nowhere.status_code == 404, nowhere.text)

    def stranger(self, _session: requests.Session) -> None:
        for given in (b"\xff", b"\xff:\xfe", b"label-studio:wrong"):
            headers = {"Authorization": requests.auth._basic_auth_str(given, b"")}
            answer = requests.get(f"{self._url}/metrics", headers=headers, timeout=TIMEOUT_S)
            self.seen.expect("stranger", answer.status_code == 401, answer.text)

    def remember_memory(self, _session: requests.Session) -> None:
        self.seen.memory.append(memory_of(self._pid))

    def run(self, seconds: float) -> int:
        """All callers at once for so long; how many connections strangers opened."""
        until = time.monotonic() + seconds
        stop = threading.Event()

        def is_over() -> bool:
            return stop.is_set() or time.monotonic() >= until

        def keep(ask: Callable[[requests.Session], None], pause: float) -> None:
            with requests.Session() as session:
                session.auth = (USER, PASSWORD)
                while not is_over():
                    try:
                        ask(session)
                    except requests.RequestException as error:
                        self.seen.expect(ask.__name__, False, error)
                    stop.wait(pause)

        callers = [(self.predict, 0.0)] * CALLERS
        callers += [(self.setup, 2.0), (self.health, 0.1), (self.webhook, 0.5)]
        callers += [(self.stranger, 1.0), (self.remember_memory, 2.0)]
        at = urlsplit(self._url)
        with ThreadPoolExecutor(len(callers) + 1) as pool:
            strangers = pool.submit(
                hold_connections, (str(at.hostname), int(at.port or 80)), is_over
            )
            done = [pool.submit(keep, ask, pause) for ask, pause in callers]
            for future in done:
                future.result()
            return strangers.result()


def main(minutes: float = MINUTES) -> int:
    """Soak; 0 where every bound holds."""
    with tempfile.TemporaryDirectory() as folder, trap_server() as trap_url:
        os.environ |= {
            "BASIC_AUTH_USER": USER,
            "BASIC_AUTH_PASS": PASSWORD,
            "CLIP_ALLOWED_HOSTS": str(urlsplit(trap_url).netloc),
        }
        model = random_model(Path(folder) / "vit-b-32")
        with served({KIND: draw(KIND)}) as images, backend(Path(folder), model, images) as started:
            soak = Soak(*started, trap_url)
            connections = soak.run(60 * minutes)
    said = _said(soak.seen, minutes, connections)
    print(json.dumps(said))
    return 0 if said["holds"] else 1


def _said(seen: Seen, minutes: float, connections: int) -> dict[str, Any]:
    fifth = len(seen.memory) // 5
    early = float(np.median(seen.memory[fifth : 2 * fifth]))
    late = float(np.median(seen.memory[-fifth:]))
    peak = max(seen.memory)
    milliseconds = {
        what: {
            "p50": round(1000 * float(np.median(times)), 1),
            "p99": round(1000 * seen.p99(what), 1),
            "worst": round(1000 * max(times), 1),
        }
        for what, times in seen.seconds.items()
    }
    holds = (
        not seen.wrong
        and late - early < KEPT_MIB
        and peak < PEAK_MIB
        and seen.p99("health") < HEALTH_P99_S
        and seen.p99("webhook") < WEBHOOK_P99_S
    )
    return {
        "minutes": minutes, "requests": dict(seen.requests), "wrong": len(seen.wrong),
        "first_wrong": seen.wrong[:LINES_KEPT], "connections_of_strangers": connections,
        "milliseconds": milliseconds, "memory_early_mib": round(early),
        "memory_late_mib": round(late), "memory_peak_mib": round(peak), "holds": holds,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
