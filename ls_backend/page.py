"""The page at /: what the backend is doing, for people. Refreshes itself, needs no script."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ls_backend.errors import ModelError
from ls_backend.loading import NotReady
from ls_backend.logs import LAST_WARNINGS
from ls_backend.metrics import CACHE, IMAGE_RATE, IMAGES, QUEUE_DEPTH, by_label

if TYPE_CHECKING:
    from ls_backend.backend import Backend

REFRESH_SECONDS = 5


def render_page(backend: Backend) -> str:
    """The page as HTML."""
    from flask import render_template

    images = by_label(IMAGES)
    return render_template(
        "page.html",
        refresh=REFRESH_SECONDS,
        facts=_model(backend) | _work(backend),
        state=backend.loader.state,
        versions={
            version: study and study.lines()
            for version, study in reversed(backend.versions.items())
        },
        images=sorted(images.items(), key=lambda item: -item[1]),
        warnings=[(_clock(warned.at), warned.text) for warned in LAST_WARNINGS.newest_first()],
    )


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _model(backend: Backend) -> dict[str, Any]:
    reads = backend.settings.label_studio
    where = {"Reads images of": reads.url if reads else "public addresses only"}
    try:
        clip = backend.loader.wait().clip
    except (NotReady, ModelError) as error:
        return {"State": f"{error.message} {error.hint}", **where}
    return {
        "State": "ready",
        "Model": clip.name,
        "Device": clip.device,
        "Precision": clip.precision,
        **where,
    }


def _work(backend: Backend) -> dict[str, Any]:
    cache = by_label(CACHE)
    looked_up = sum(cache.values())
    hits = f"{cache.get('hit', 0) / looked_up:.0%} of {looked_up} images" if looked_up else "none"
    return {
        "Predictions under way": backend.under_way,
        "Images that wait for the model": int(
            sum(sample.value for metric in QUEUE_DEPTH.collect() for sample in metric.samples)
        ),
        "Images in the last minute": f"{IMAGE_RATE.per_second():.2g} a second",
        "Remembered vectors found": hits,
    }
