"""The webhook by which Label Studio tells the ML backend what happened: exactly one that works.

Label Studio adds one by itself when a backend is registered: without a header, for every event. It
never mends it, and a change that does not name the actions wipes them; so all is always sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from importers.label_studio.backend import is_refused_address
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import Webhook
from ls_backend.settings import SECRET_HEADER

WAKING_ACTIONS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_CREATED",
    "TASKS_DELETED",
    "PROJECT_UPDATED",
)
"""After these a sync, or a new prediction, has something to do."""


def webhook_url(backend_url: str) -> str:
    """Where the backend takes events; Label Studio builds the same."""
    return f"{backend_url.rstrip('/')}/webhook"


def webhooks_of(ls: LabelStudio, project_id: int, *backend_urls: str) -> list[Webhook]:
    """The project's webhooks to any of these backends, the oldest first."""
    hooks: list[Webhook] = ls.json(
        "GET",
        "/api/webhooks/",
        what=f"read the webhooks of project {project_id}",
        params={"project": project_id},
    )
    wanted = {webhook_url(url) for url in backend_urls}
    ours = [hook for hook in hooks if hook["url"].rstrip("/") in wanted]
    return sorted(ours, key=lambda hook: hook["id"])


def mend_webhook(
    ls: LabelStudio, project_id: int, backend_urls: Sequence[str], secret: str | None
) -> list[str]:
    """Make the project's webhooks to this backend one that works.

    Args:
        backend_urls: The backend's address, then those that it had before.
        secret: What X-Clip-Secret says. Without one a header that is there stays, since the
            backend may ask for it.

    Returns:
        What was put right, in words; empty when nothing was wrong.

    Raises:
        LabelStudioError: `code` is "webhook_address_refused" where Label Studio refuses addresses
            such as the backend's.
    """
    address = webhook_url(backend_urls[0])
    hooks = webhooks_of(ls, project_id, *backend_urls)
    kept = next(iter(hooks), None)
    wanted = {
        "project": project_id,
        "url": address,
        "headers": _headers(kept, secret),
        "send_payload": True,
        "send_for_all_actions": False,
        "actions": list(WAKING_ACTIONS),
        "is_active": True,
    }
    mended = ["it was missing"] if kept is None else faults(kept, address, secret)
    if mended:
        _save(ls, kept, wanted)
    return mended + delete_others(ls, [f"/api/webhooks/{hook['id']}/" for hook in hooks[1:]])


def delete_others(ls: LabelStudio, paths: Sequence[str]) -> list[str]:
    """Delete what is there more than once; returns what was put right, in words."""
    for path in paths:
        ls.request("DELETE", path, what=f"delete what is there twice, {path}")
    number = len(paths)
    return [f"{number} more of the same {'was' if number == 1 else 'were'} deleted"] * bool(paths)


def faults(hook: Webhook, address: str, secret: str | None) -> list[str]:
    """What is wrong with a webhook, in words."""
    actions = set(hook["actions"])
    missing = [name for name in WAKING_ACTIONS if name not in actions]
    found = []
    if hook["url"].rstrip("/") != address:
        found.append("it went to the backend's former address")
    if not hook["is_active"]:
        found.append("it was switched off")
    if not hook["send_payload"]:
        found.append("it sent no payload")
    if hook["send_for_all_actions"]:
        found.append("it sent every event")
    elif missing:
        found.append(f"it did not send {', '.join(missing)}")
    elif len(actions) > len(WAKING_ACTIONS):
        found.append("it sent events that nobody needs")
    if secret and _secret_of(hook) != secret:
        had = "had another" if _secret_of(hook) else "lacked the"
        found.append(f"it {had} secret")
    return found


def _secret_of(hook: Webhook) -> str | None:
    headers = {name.lower(): value for name, value in (hook["headers"] or {}).items()}
    return headers.get(SECRET_HEADER.lower())


def _headers(hook: Webhook | None, secret: str | None) -> dict[str, str]:
    present = (hook["headers"] if hook else None) or {}
    if not secret:
        return present
    others = {k: v for k, v in present.items() if k.lower() != SECRET_HEADER.lower()}
    return {**others, SECRET_HEADER: secret}


def _save(ls: LabelStudio, kept: Webhook | None, wanted: dict[str, Any]) -> None:
    method, path = (
        ("POST", "/api/webhooks/") if kept is None else ("PATCH", f"/api/webhooks/{kept['id']}/")
    )
    try:
        ls.request(method, path, what="set the backend's webhook", json=wanted)
    except LabelStudioError as error:
        raise _explained(error, wanted["url"]) from None


def is_no_address(error: LabelStudioError) -> bool:
    """Whether Label Studio refuses an address for how it is written."""
    return "enter a valid url" in error.message.lower()


def webhook_needs_a_dot(address: str) -> LabelStudioError:
    """What to tell of names such as `backend`: good for an ML backend, refused for its webhook."""
    return LabelStudioError(
        f"Label Studio refuses a webhook to {address}: it wants a host name with a dot in it.",
        hint="Connect with another name of the backend, such as backend.internal in "
        "docker/compose.yaml or SERVICE.NAMESPACE.svc in Kubernetes, or with its IP address. "
        "Predictions come without the webhook, too.",
        code="webhook_address_refused",
    )


def _explained(error: LabelStudioError, address: str) -> LabelStudioError:
    if is_no_address(error):
        return webhook_needs_a_dot(address)
    if not is_refused_address(error):
        return error
    return LabelStudioError(
        f"The backend is registered, but Label Studio refuses a webhook to {address}: it is a "
        "local or private address.",
        hint="Start Label Studio with SSRF_PROTECTION_ENABLED=false in its environment, then "
        "connect again. Predictions come without the webhook, too.",
        code="webhook_address_refused",
    )
