"""The page at /: what the backend is doing, for people. Refreshes itself, needs no script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ls_backend.backend import NotReady
from ls_backend.errors import ModelError
from ls_backend.label_studio_access import Access
from ls_backend.logs import LAST_WARNINGS
from ls_backend.metrics import CACHE, IMAGE_RATE, IMAGES, QUEUE_DEPTH, REQUESTS, by_label

if TYPE_CHECKING:
    from ls_backend.backend import Backend
    from ls_backend.projects import Project

REFRESH_SECONDS = 5


@dataclass(frozen=True)
class Figure:
    """A number that is read at a glance.

    Attributes:
        name: Name of the figure.
        value: The number, as shown.
        note: Meaning and unit of the number.
        worrying: Whether it is shown as a warning.
    """

    name: str
    value: str
    note: str
    worrying: bool = False


def render_page(backend: Backend) -> str:
    """The page as HTML."""
    from flask import render_template

    images = by_label(IMAGES)
    page = render_template(
        "page.html",
        refresh=REFRESH_SECONDS,
        now=_clock(datetime.now().timestamp()),
        state=backend.loader.state,
        trouble=_trouble(backend),
        figures=[*_work(backend), *_so_far(images)],
        access=_access(backend),
        facts=_facts(backend),
        projects=[_project_row(project) for project in backend.projects.latest_first()],
        versions={
            version: study and study.lines()
            for version, study in reversed(backend.versions.items())
        },
        images=sorted(images.items(), key=lambda item: -item[1]),
        warnings=[(_clock(warned.at), warned) for warned in LAST_WARNINGS.newest_first()],
    )
    # Half a character, which JSON can carry, is none that a page can.
    return page.encode(errors="backslashreplace").decode()


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _trouble(backend: Backend) -> tuple[str, str] | None:
    """Why nothing is predicted now, and what to do."""
    try:
        backend.loader.wait()
    except NotReady as error:
        return (
            error.message,
            "Label Studio is answered as soon as it is there; until then it waits.",
        )
    except ModelError as error:
        return error.message, error.hint
    return None


def _access(backend: Backend) -> Access | None:
    """Why images of Label Studio cannot be read; None where nothing is known to be wrong."""
    access = backend.access
    if access is None:
        return None
    access.ask_if_refused()
    return access.last if access.last.message else None


def _project_row(project: Project) -> dict[str, str]:
    """A project, as the page shows it."""
    reasons = sorted(project.failed.items(), key=lambda item: -item[1])
    return {
        "number": project.number,
        "version": project.version or "none: its labeling config is refused",
        "asked": _clock(project.asked),
        "answered": f"{project.answered:,}",
        "failed": f"{sum(project.failed.values()):,}",
        "reasons": ", ".join(f"{code} {count:,}" for code, count in reasons),
        "last": project.last,
    }


def _facts(backend: Backend) -> dict[str, Any]:
    access = backend.access
    reads = f"{access.url} (token: {access.last.state})" if access else "public addresses only"
    facts = {
        "Reads images of": reads,
        "Running since": _clock(backend.since),
    }
    if backend.loader.state != "ready":
        return facts
    clip = backend.loader.wait().clip
    return {"Model": clip.name, "Device": clip.device, "Precision": clip.precision, **facts}


def _work(backend: Backend) -> list[Figure]:
    most = backend.at_once
    busy = backend.under_way
    waiting = sum(sample.value for metric in QUEUE_DEPTH.collect() for sample in metric.samples)
    return [
        Figure("Under way", f"{busy} of {most}", "requests; more are refused", busy == most),
        Figure("Queue", f"{int(waiting):,}", "images that wait for the model"),
        Figure("Throughput", f"{IMAGE_RATE.per_second():.3g}", "images a second, last minute"),
    ]


def _so_far(images: dict[str, int]) -> list[Figure]:
    cache = by_label(CACHE)
    looked_up = sum(cache.values())
    hits = f"{cache.get('hit', 0) / looked_up:.0%}" if looked_up else "–"
    failed = sum(images.values()) - images.get("ok", 0)
    asked, refused = _predict_requests()
    return [
        Figure("Cache hits", hits, f"of {looked_up:,} images"),
        Figure("Refused", f"{refused:,}", f"of {asked:,} requests", refused > 0),
        Figure("Images failed", f"{failed:,}", f"of {sum(images.values()):,}", failed > 0),
    ]


def _predict_requests() -> tuple[int, int]:
    """How often predictions were asked for, and how many of these requests were refused."""
    counts = {
        sample.labels["status"]: int(sample.value)
        for metric in REQUESTS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["route"] == "predict"
    }
    asked = sum(counts.values())
    return asked, asked - counts.get("200", 0)
