"""The account that the sketch server pretends you have: rate limit, quota, latency."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field

from importers.sketch import wire


@dataclass(frozen=True)
class Limits:
    """What an account may do.

    Attributes:
        images_per_minute: More are answered with 429 and the seconds to wait; None is no limit.
        images_in_total: After these the account is out of money: 429 insufficient_quota.
        latency_s: Seconds that every image takes beside the drawing.
    """

    images_per_minute: float | None = None
    images_in_total: int | None = None
    latency_s: float = 0.0


NO_LIMITS = Limits()


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
            raise wire.ApiError(
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
            raise wire.ApiError(
                429,
                f"Rate limit reached for {wire.MODEL} on images per min (IPM): Limit {rate:g}. "
                f"Please try again in {wait:.3f}s.",
                "rate_limit_exceeded",
                type="requests",
                headers={
                    "Retry-After": str(math.ceil(wait)),
                    "Retry-After-Ms": str(math.ceil(wait * 1000)),
                },
            )
        self._free_at = now + images * 60 / rate
