"""Checks of one project: its config, one image of it, its queue and its webhook."""

from __future__ import annotations

from typing import Any

import requests

from importers.label_studio.backend import PREDICT_TIMEOUT_S, backend_version, first_answer, said_in
from importers.label_studio.connect import basic_auth, faults_of_queue, webhook_secret
from importers.label_studio.diagnosis import Fault, hidden_control
from importers.label_studio.doctor_servers import reached_from_here
from importers.label_studio.installation import Concern, Installation, NotNow, Several
from importers.label_studio.webhook import faults, webhook_url, webhooks_of
from ls_backend.errors import ConfigError, LabelStudioError, LsClipError
from ls_backend.label_studio_types import NewPrediction, Task, Webhook
from ls_backend.labels.regions import regions_of
from ls_backend.words import count

_SHOWN = 5
_WEBHOOK_TIMEOUT_S = 10.0


def labeling_config(installation: Installation) -> str:
    """Which control CLIP fills."""
    target = installation.target
    hidden = hidden_control(installation.project["label_config"])
    if hidden:
        raise Several([_error(fault) for fault in hidden])
    labels = ", ".join(target.labels[:5]) + (", …" if len(target.labels) > 5 else "")
    return f"CLIP fills {target.from_name!r} on {target.to_name!r} with {labels}"


def label_wording(installation: Installation) -> str:
    """Every label's words say something."""
    opaque = installation.target.opaque_labels
    if not opaque:
        return (
            f"{count(len(installation.target.labels), 'label')} in words, none a mere code; most "
            "models know English words best"
        )
    named = ", ".join(map(repr, opaque[:_SHOWN])) + (", …" if len(opaque) > _SHOWN else "")
    raise Concern(
        f"No model can know what these labels mean: {named}.",
        hint='Give each of them readable words: clip_prompt="a photo of …".',
    )


def image(installation: Installation) -> str:
    """One image of the project, read from here as the backend reads it."""
    from ls_backend.images.task_images import TaskImages

    task = _some_task(installation)
    try:
        pixels = TaskImages(installation.settings).read(task, installation.target.image_field)
    except LsClipError as error:
        if not _is_predicted(installation):
            raise
        message = f"task {task['id']}: read by the ML backend, not from here: {error.message}"
        raise Concern(
            message, hint=f"For prelabel and sync on this machine: {error.hint}"
        ) from None
    return f"task {task['id']}: {pixels.width}×{pixels.height} pixels"


def _is_predicted(installation: Installation) -> bool:
    """Whether the backend gives that task a prediction: it can read the image."""
    try:
        return not isinstance(installation.answer, LsClipError)
    except (LsClipError, NotNow):
        return False


def prediction(installation: Installation) -> str:
    """The same task through the backend's /predict; Label Studio stores nothing of it."""
    task = _some_task(installation)
    answer: NewPrediction | LsClipError
    if reached_from_here(installation):
        answer = installation.answer
    else:
        task, answer = _predicted_by_label_studio(installation)
    if isinstance(answer, LsClipError):
        if installation.target.per_region and not regions_of(task, installation.target):
            raise NotNow(f"task {task['id']} has no region to label yet")
        raise ConfigError(
            f"The ML backend gives no prediction for task {task['id']}: {answer.message}",
            hint=answer.hint,
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
    project = installation.project
    faults = faults_of_queue(installation.ls, project, installation.backends, installation.backend)
    if faults:
        raise Several([_error(fault) for fault in faults])
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


def _error(fault: Fault) -> LsClipError:
    kind = Concern if fault.is_notice else LabelStudioError
    return kind(fault.message, hint=fault.next_step, code=fault.code)


def _some_task(installation: Installation) -> Task:
    if installation.project.get("evaluate_predictions_automatically"):
        raise NotNow("the project has every look at its tasks ask the ML backend for predictions")
    task = installation.first_task
    if task is None:
        raise NotNow("the project has no task")
    return task


def _asked(installation: Installation, method: str, route: str, **options: Any) -> dict[str, Any]:
    """What the backend says, asked from here."""
    response = installation.ask(method, route, timeout_s=PREDICT_TIMEOUT_S, **options)
    answer = said_in(response)
    if not response.ok:
        raise ConfigError(
            f"The ML backend refuses {route}: {answer.get('message', response.status_code)}",
            hint=str(answer.get("hint") or "Its log has the reason."),
        )
    return answer


def _predicted_by_label_studio(
    installation: Installation,
) -> tuple[Task, NewPrediction | LsClipError]:
    assert installation.backend is not None, "one that is not registered cannot be connected"
    said = installation.ls.json(
        "POST",
        f"/api/ml/{installation.backend['id']}/predict/test",
        what="have Label Studio ask the ML backend",
        params={"random": "true"},
        timeout=PREDICT_TIMEOUT_S,
    )
    return said["task"], first_answer(said.get("response"))


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
