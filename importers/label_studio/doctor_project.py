"""Checks of one project: its config, one image of it, its queue and its webhook."""

from __future__ import annotations

from typing import Any

import requests

from importers.label_studio.backend import backend_version, said_in
from importers.label_studio.connect import basic_auth, webhook_secret
from importers.label_studio.diagnosis import (
    hidden_predictions,
    not_asked,
    unordered,
    vanished_scores,
)
from importers.label_studio.doctor_servers import reached_from_here
from importers.label_studio.installation import Concern, Installation, NotNow
from importers.label_studio.project import stored_versions
from importers.label_studio.webhook import faults, webhook_url, webhooks_of
from ls_backend.errors import ConfigError, LabelStudioError
from ls_backend.label_studio_types import Task, Webhook
from ls_backend.labels.regions import regions_of

_PREDICT_TIMEOUT_S = 100.0
_SHOWN = 5
_WEBHOOK_TIMEOUT_S = 10.0


def labeling_config(installation: Installation) -> str:
    """Which control CLIP fills."""
    target = installation.target
    labels = ", ".join(target.labels[:5]) + (", …" if len(target.labels) > 5 else "")
    return f"CLIP fills {target.from_name!r} on {target.to_name!r} with {labels}"


def label_wording(installation: Installation) -> str:
    """Every label's words say something."""
    opaque = installation.target.opaque_labels
    if not opaque:
        return f"{len(installation.target.labels)} labels with words that CLIP can know"
    named = ", ".join(map(repr, opaque[:_SHOWN])) + (", …" if len(opaque) > _SHOWN else "")
    raise Concern(
        f"No model can know what these labels mean: {named}.",
        hint='Give each of them readable words: clip_prompt="a photo of …".',
    )


def image(installation: Installation) -> str:
    """One image of the project, read as the backend reads it."""
    from ls_backend.images.task_images import TaskImages

    task = _some_task(installation)
    pixels = TaskImages(installation.settings).read(task, installation.target.image_field)
    return f"task {task['id']}: {pixels.width}×{pixels.height} pixels"


def prediction(installation: Installation) -> str:
    """The same task through the backend's /predict; Label Studio stores nothing of it."""
    task = _some_task(installation)
    if reached_from_here(installation):
        answer = _predicted(installation, task)
    else:
        task, answer = _predicted_by_label_studio(installation)
    if not isinstance(answer, dict):
        if installation.target.per_region and not regions_of(task, installation.target):
            raise NotNow(f"task {task['id']} has no region to label yet")
        raise ConfigError(
            f"The ML backend gives no prediction for task {task['id']}.",
            hint="Its log has the reason. Where the image could be read from here, start it with "
            "the same LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.",
        )
    return f"task {task['id']}: score {answer['score']:.3f} by {answer.get('model_version')}"


def label_pairs(installation: Installation) -> str:
    """No two labels read almost the same to CLIP, as the backend found when it encoded them."""
    if not reached_from_here(installation):
        raise NotNow("the ML backend cannot be asked from here")
    config, number = installation.project["label_config"], installation.project["id"]
    version = backend_version(installation.url, config, number, basic_auth())
    study = _asked(installation, "GET", "/versions").get("labels", {}).get(version)
    if study is None:
        raise NotNow("the ML backend has not looked at the labels yet")
    alike = study["alike"]
    if not alike:
        return "CLIP can tell all labels apart"
    pairs = "; ".join(f"{one!r} and {other!r}" for one, other in alike[:_SHOWN])
    raise Concern(
        f"These labels read almost the same to CLIP: {pairs}{'; …' if alike[_SHOWN:] else ''}.",
        hint='Say what tells them apart: clip_prompt="a photo of …" on each.',
    )


def queue(installation: Installation) -> str:
    """Scores are shown, and the lowest comes first."""
    project, backend = installation.project, installation.backend
    fault = (
        hidden_predictions(project)
        or unordered(project)
        or vanished_scores(project, stored_versions(installation.ls, project["id"]), backend)
    )
    if fault is not None:
        raise LabelStudioError(fault.message, hint=fault.next_step, code=fault.code)
    idle = not_asked(project, backend) if backend else None
    if idle is not None:
        raise Concern(idle.message, hint=idle.next_step)
    return f"lowest score of {project['model_version']} first"


def webhook(installation: Installation) -> str:
    """Exactly one, active, with the header that the backend asks for."""
    hooks = webhooks_of(installation.ls, installation.project["id"], installation.url)
    connect = installation.connect_command
    wrong = (
        ["it is missing"]
        if not hooks
        else faults(hooks[0], webhook_url(installation.url), webhook_secret())
    )
    if len(hooks) > 1:
        wrong.append(f"there are {len(hooks)} of the same")
    if wrong:
        raise LabelStudioError(f"The backend's webhook: {'; '.join(wrong)}.", hint=connect)
    if _refused_by_backend(hooks[0]):
        raise LabelStudioError(
            "The backend does not accept the webhook's secret.",
            hint=f"With the backend's CLIP_WEBHOOK_SECRET in the environment: {connect}",
        )
    return f"{webhook_url(installation.url)} is active"


def _some_task(installation: Installation) -> Task:
    if installation.project.get("evaluate_predictions_automatically"):
        raise NotNow("the project has every look at its tasks ask the ML backend for predictions")
    task = installation.first_task
    if task is None:
        raise NotNow("the project has no task")
    return task


def _predicted(installation: Installation, task: Task) -> Any:
    body = {
        "tasks": [task],
        "project": str(installation.project_id),
        "label_config": installation.project["label_config"],
        "params": {},
    }
    return next(
        iter(_asked(installation, "POST", "/predict", json=body).get("results") or []), None
    )


def _asked(installation: Installation, method: str, route: str, **options: Any) -> dict[str, Any]:
    """What the backend says, asked from here."""
    response = installation.ask(method, route, timeout_s=_PREDICT_TIMEOUT_S, **options)
    answer = said_in(response)
    if not response.ok:
        raise ConfigError(
            f"The ML backend refuses {route}: {answer.get('message', response.status_code)}",
            hint=str(answer.get("hint") or "Its log has the reason."),
        )
    return answer


def _predicted_by_label_studio(installation: Installation) -> tuple[Task, Any]:
    assert installation.backend is not None, "one that is not registered cannot be connected"
    answer = installation.ls.json(
        "POST",
        f"/api/ml/{installation.backend['id']}/predict/test",
        what="have Label Studio ask the ML backend",
        params={"random": "true"},
        timeout=_PREDICT_TIMEOUT_S,
    )
    return answer["task"], next(iter(answer.get("response") or []), None)


def _refused_by_backend(hook: Webhook) -> bool:
    try:
        response = requests.post(
            hook["url"],
            json={"action": "DOCTOR"},
            headers=hook["headers"] or {},
            timeout=_WEBHOOK_TIMEOUT_S,
        )
    except requests.RequestException:
        return False  # from here it cannot be told
    return response.status_code in {401, 403}
