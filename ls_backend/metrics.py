"""What Prometheus reads at /metrics, and the page at / shows: every counter of the backend.

Counting is plain: whoever does a thing counts it here, and nobody else.
"""

from __future__ import annotations

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
    "clip_vector_cache_total", "Image vectors looked up: hit or miss.", ["result"],
    registry=REGISTRY,
)  # fmt: skip
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
