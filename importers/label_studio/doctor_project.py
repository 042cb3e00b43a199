"""Checks of one project: its config, one image of it, its queue and its webhook."""

from __future__ import annotations

from typing import Any

import requests

from importers.label_studio.backend import backend_version, unauthorized
from importers.label_studio.connect import basic_auth, webhook_secret
from importers.label_studio.doctor_checks import Concern, NotNow, Patient
from importers.label_studio.doctor_servers import reached_from_here
from importers.label_studio.project import UNCERTAINTY_SAMPLING, stored_versions
from importers.label_studio.webhook import faults, webhook_url, webhooks_of
from ls_backend.errors import ConfigError, LabelStudioError
from ls_backend.label_studio_types import Project, Task, Webhook
from ls_backend.labels.regions import regions_of

_PREDICT_TIMEOUT_S = 100.0
_SHOWN = 5
_WEBHOOK_TIMEOUT_S = 10.0


def labeling_config(patient: Patient) -> str:
    """Which control CLIP fills."""
    target = patient.target
    labels = ", ".join(target.labels[:5]) + (", …" if len(target.labels) > 5 else "")
    return f"CLIP fills {target.from_name!r} on {target.to_name!r} with {labels}"


def label_wording(patient: Patient) -> str:
    """Every label's words say something."""
    opaque = patient.target.opaque_labels
    if not opaque:
        return f"{len(patient.target.labels)} labels with words that CLIP can know"
    named = ", ".join(map(repr, opaque[:_SHOWN])) + (", …" if len(opaque) > _SHOWN else "")
    raise Concern(
        f"No model can know what these labels mean: {named}.",
        hint='Give each of them readable words: clip_prompt="a photo of …".',
    )


def image(patient: Patient) -> str:
    """One image of the project, read as the backend reads it."""
    from ls_backend.images.task_images import TaskImages

    task = _some_task(patient)
    pixels = TaskImages(patient.settings).read(task, patient.target.image_field)
    return f"task {task['id']}: {pixels.width}×{pixels.height} pixels"


def prediction(patient: Patient) -> str:
    """The same task through the backend's /predict; Label Studio stores nothing of it."""
    task = _some_task(patient)
    if reached_from_here(patient):
        answer = _predicted(patient, task)
    else:
        task, answer = _predicted_by_label_studio(patient)
    if not isinstance(answer, dict):
        if patient.target.per_region and not regions_of(task, patient.target):
            raise NotNow(f"task {task['id']} has no region to label yet")
        raise ConfigError(
            f"The ML backend gives no prediction for task {task['id']}.",
            hint="Its log has the reason. Where the image could be read from here, start it with "
            "the same LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY.",
        )
    return f"task {task['id']}: score {answer['score']:.3f} by {answer.get('model_version')}"


def label_pairs(patient: Patient) -> str:
    """No two labels read almost the same to CLIP, as the backend found when it encoded them."""
    if not reached_from_here(patient):
        raise NotNow("the ML backend cannot be asked from here")
    config, number = patient.project["label_config"], patient.project["id"]
    version = backend_version(patient.url, config, number, basic_auth())
    study = _asked(patient, "GET", "/versions").get("labels", {}).get(version)
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


def queue(patient: Patient) -> str:
    """Scores are shown, and the lowest comes first."""
    project = patient.project
    stored = stored_versions(patient.ls, project["id"])
    for complaint in (_wrong_settings(project), _wrong_version(patient, stored)):
        if complaint:
            raise complaint
    live = patient.backend and patient.backend["title"] == project["model_version"]
    if patient.backend and not live:
        raise Concern(
            f"The queue goes by {project['model_version']}, the ML backend answers with "
            f"{patient.backend['title']}: no live predictions.",
            hint=f"To change over: ls-clip prelabel --project {patient.project_id}, or for a "
            "campaign ls-clip run.",
        )
    return f"lowest score of {project['model_version']} first"


def webhook(patient: Patient) -> str:
    """Exactly one, active, with the header that the backend asks for."""
    hooks = webhooks_of(patient.ls, patient.project["id"], patient.url)
    connect = f"ls-clip connect --project {patient.project_id} --url {patient.url}"
    wrong = (
        ["it is missing"]
        if not hooks
        else faults(hooks[0], webhook_url(patient.url), webhook_secret())
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
    return f"{webhook_url(patient.url)} is active"


def _some_task(patient: Patient) -> Task:
    if patient.project.get("evaluate_predictions_automatically"):
        raise NotNow("the project has every look at its tasks ask the ML backend for predictions")
    task = patient.first_task
    if task is None:
        raise NotNow("the project has no task")
    return task


def _predicted(patient: Patient, task: Task) -> Any:
    body = {
        "tasks": [task],
        "project": str(patient.project_id),
        "label_config": patient.project["label_config"],
        "params": {},
    }
    return next(iter(_asked(patient, "POST", "/predict", json=body).get("results") or []), None)


def _asked(patient: Patient, method: str, route: str, **options: Any) -> dict[str, Any]:
    """The backend's answer, asked from here."""
    try:
        response = requests.request(
            method,
            patient.url + route,
            auth=basic_auth(),
            timeout=_PREDICT_TIMEOUT_S,
            **options,
        )
        answer: dict[str, Any] = response.json()
    except requests.RequestException as error:
        raise ConfigError(
            f"The ML backend at {patient.url} gives no answer to {route} ({type(error).__name__}).",
            hint="Its log has the reason.",
        ) from None
    if response.status_code == 401:
        raise unauthorized(ConfigError, patient.url, basic_auth() is not None)
    if not response.ok:
        raise ConfigError(
            f"The ML backend refuses {route}: {answer.get('message', response.status_code)}",
            hint=str(answer.get("hint") or "Its log has the reason."),
        )
    return answer


def _predicted_by_label_studio(patient: Patient) -> tuple[Task, Any]:
    assert patient.backend is not None, "one that is not registered cannot be connected"
    answer = patient.ls.json(
        "POST",
        f"/api/ml/{patient.backend['id']}/predict/test",
        what="have Label Studio ask the ML backend",
        params={"random": "true"},
        timeout=_PREDICT_TIMEOUT_S,
    )
    return answer["task"], next(iter(answer.get("response") or []), None)


def _wrong_settings(project: Project) -> LabelStudioError | None:
    if not project["show_collab_predictions"]:
        return LabelStudioError(
            "The project does not show predictions to annotators.",
            hint="Switch on 'Use predictions to prelabel tasks' in Settings > Annotation.",
        )
    if project["sampling"] != UNCERTAINTY_SAMPLING:
        return LabelStudioError(
            f"The project's task sampling is {project['sampling']!r}: Label Studio does not go by "
            "score.",
            hint=f"Choose {UNCERTAINTY_SAMPLING!r} in Settings > General.",
        )
    if project["maximum_annotations"] > 1:
        return LabelStudioError(
            f"The project asks for {project['maximum_annotations']} annotations per task: Label "
            "Studio first serves those that others have begun.",
            hint="Set it to 1 in Settings > Quality, or work from the sorted tab.",
        )
    return None


def _wrong_version(patient: Patient, stored: dict[str, int]) -> LabelStudioError | None:
    backend, now = patient.backend, patient.project["model_version"]
    connect = f"ls-clip connect --project {patient.project_id} --url {patient.url}"
    if backend and backend["model_version"] and backend["title"] != backend["model_version"]:
        return LabelStudioError(
            f"The ML backend is registered as {backend['title']!r} and answers with "
            f"{backend['model_version']!r}: its scores order nothing.",
            hint=connect,
        )
    if now in stored or (backend and backend["title"] == now and not stored):
        return None
    if backend and backend["title"] == now:
        others = ", ".join(stored)
        return LabelStudioError(
            f"The project goes by {now!r}, of which there is no prediction; there are some of "
            f"{others}. Until it has some, tasks come at random.",
            hint=f"ls-clip prelabel --project {patient.project_id}, or for a campaign ls-clip run.",
        )
    return LabelStudioError(
        f"The project goes by model version {now or 'none'!r}; its predictions are of "
        f"{', '.join(map(repr, stored)) or 'none'}. Scores vanish and tasks come at random.",
        hint=f"Choose one of those in Settings > Annotation, or: {connect}",
    )


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
