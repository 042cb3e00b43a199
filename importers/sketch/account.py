"""The account that the sketch server pretends you have: rate limit, quota, latency, batches."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field

from importers.sketch.errors import ApiError
from importers.sketch.images_wire import MODEL


@dataclass(frozen=True)
class Limits:
    """What an account may do.

    Attributes:
        images_per_minute: Rate above which 429 is answered, with the seconds to wait; None is no
            limit.
        images_in_total: Number of images that the account has money for; then 429
            insufficient_quota is answered. None is no limit.
        latency_s: Seconds that every image takes beside the drawing.
    """

    images_per_minute: float | None = None
    images_in_total: int | None = None
    latency_s: float = 0.0


@dataclass(frozen=True)
class BatchLimits:
    """How the account's batches go.

    Attributes:
        takes_s: Seconds that a batch takes beside the drawing, spread over its requests.
        carries_out: Number of requests after which a batch expires; None is no limit.
        closed_to: Names of the models that may not be asked in a batch.
    """

    takes_s: float = 0.0
    carries_out: int | None = None
    closed_to: frozenset[str] = frozenset()


NO_LIMITS, USUAL_BATCHES = Limits(), BatchLimits()


@dataclass
class Account:
    """Counts images against the limits; one for all threads."""

    limits: Limits
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _spent: int = 0
    _free_at: float = 0.0

    def spend(self, images: int) -> None:
        """Take the images off the account, and the time that they take.

        Raises:
            ApiError: 429, for the moment or for good.
        """
        with self._lock:
            self._check_quota(images)
            self._check_rate(images)
            self._spent += images
        time.sleep(self.limits.latency_s * images)

    def _check_quota(self, images: int) -> None:
        most = self.limits.images_in_total
        if most is not None and self._spent + images > most:
            raise ApiError(
                429,
                "You exceeded your current quota, please check your plan and billing details.",
                "insufficient_quota",
                type="insufficient_quota",
            )

    def _check_rate(self, images: int) -> None:
        rate = self.limits.images_per_minute
        if rate is None:
            return
        now = time.monotonic()
        wait = self._free_at - now
        if wait > 0:
            raise ApiError(
                429,
                f"Rate limit reached for {MODEL} on images per min (IPM): Limit {rate:g}. "
                f"Please try again in {wait:.3f}s.",
                "rate_limit_exceeded",
                type="requests",
                headers={
                    "Retry-After": str(math.ceil(wait)),
                    "Retry-After-Ms": str(math.ceil(wait * 1000)),
                },
            )
        self._free_at = now + images * 60 / rate
