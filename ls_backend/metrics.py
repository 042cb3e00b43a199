"""What Prometheus reads at /metrics, and the page at / shows: every counter of the backend.

Counting is plain: whoever does a thing counts it here, and nobody else.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

REQUESTS = Counter(
    "clip_requests_total", "Requests answered.", ["route", "status"], registry=REGISTRY
)
LATENCY = Histogram(
    "clip_request_seconds",
    "Seconds from a request's arrival to its answer.",
    ["route"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 80, 100),
    registry=REGISTRY,
)
IMAGES = Counter(
    "clip_images_total",
    'Images asked for: outcome "ok", or the code of the error.',
    ["outcome"],
    registry=REGISTRY,
)
CLAIMS = Counter(
    "clip_claims_total",
    "Tasks of controls with clip_claim: verified, no_claim (classified), unknown_label "
    "(classified).",
    ["outcome"],
    registry=REGISTRY,
)
CACHE = Counter(
    "clip_vector_cache_total",
    "Images whose vector was remembered (hit), or not (miss).",
    ["result"],
    registry=REGISTRY,
)
BATCH_IMAGES = Histogram(
    "clip_batch_images",
    "Images in one batch on the model.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=REGISTRY,
)
QUEUE_DEPTH = Gauge("clip_queue_images", "Images that wait for the model.", registry=REGISTRY)
MODEL_STATE = Gauge(
    "clip_model_state", "1 at the state that holds: loading, ready or failed.", ["state"],
    registry=REGISTRY,
)  # fmt: skip

RATE_SECONDS = 60


class Rate:
    """How often something happened, per second, within the last minute."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque(maxlen=RATE_SECONDS)
        self._lock = threading.Lock()

    def count(self, times: int) -> None:
        """It has happened now, so many times."""
        second = int(time.monotonic())
        with self._lock:
            last, count = self._seconds[-1] if self._seconds else (None, 0)
            if last == second:
                self._seconds[-1] = second, count + times
            else:
                self._seconds.append((second, times))

    def per_second(self) -> float:
        """The mean over the last 60 seconds."""
        since = time.monotonic() - RATE_SECONDS
        with self._lock:
            return sum(count for second, count in self._seconds if second > since) / RATE_SECONDS


IMAGE_RATE = Rate()


def count_images(outcome: str, count: int = 1) -> None:
    """So many more images are done with; `outcome` as IMAGES has it."""
    IMAGES.labels(outcome).inc(count)
    IMAGE_RATE.count(count)


def by_label(counter: Counter) -> dict[str, int]:
    """What a counter with one label has counted, by that label's value."""
    return {
        next(iter(sample.labels.values())): int(sample.value)
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
