"""The backend's webhook in a real Label Studio: one, with the secret, mended where it drifted."""

from __future__ import annotations

import pytest
from command_line import CommandLine
from plain_projects import project_version, registered, webhooks
from review_world import VERSION
from stub_backend import StubBackend, stub_backend

from importers.label_studio.connect import connect
from importers.label_studio.webhook import WAKING_ACTIONS, mend_webhook
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio


def test_the_webhook_is_one_with_the_secret(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    report = connect(ls, empty_project, stub.url, VERSION, webhook_secret="open sesame")
    assert report.mended == ()
    (hook,) = webhooks(ls, empty_project)
    assert hook.pop("id")
    assert hook == {
        "url": f"{stub.url}/webhook",
        "headers": {"X-Clip-Secret": "open sesame"},
        "send_payload": True,
        "is_active": True,
        "actions": set(WAKING_ACTIONS),
        "all": False,
    }


def test_events_arrive_with_the_secret_and_only_those_that_wake(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    connect(ls, empty_project, stub.url, VERSION, webhook_secret="open sesame")
    ls.request("POST", f"/api/projects/{empty_project}/import", json=[{"data": {"image": "x"}}])
    assert stub.events == [("TASKS_CREATED", "open sesame")]


def test_connecting_again_changes_nothing_where_nothing_drifted(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    connect(ls, empty_project, stub.url, VERSION, webhook_secret="open sesame")
    before = webhooks(ls, empty_project)
    report = connect(ls, empty_project, f"{stub.url}/", VERSION, webhook_secret="open sesame")
    assert report.mended == ()
    assert webhooks(ls, empty_project) == before
    # Without the secret in the environment, the one that the backend asks for stays.
    assert connect(ls, empty_project, stub.url, VERSION).mended == ()
    assert webhooks(ls, empty_project) == before


def test_what_drifted_is_mended_and_told(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    first = connect(ls, empty_project, stub.url, VERSION, webhook_secret="old")
    (hook,) = webhooks(ls, empty_project)
    # Without `actions` Label Studio wipes them.
    ls.request("PATCH", f"/api/webhooks/{hook['id']}/", json={"is_active": False})
    ls.request("POST", "/api/webhooks/", json={"project": empty_project, "url": hook["url"]})
    twin = {"project": empty_project, "url": f"{stub.url}/", "title": "by hand"}
    ls.request("POST", "/api/ml", json=twin)
    renamed = {"project": empty_project, "url": stub.url, "title": "renamed"}
    ls.request("PATCH", f"/api/ml/{first.backend_id}", json=renamed)
    second = connect(ls, empty_project, stub.url, VERSION, webhook_secret="new")
    told = "; ".join(second.mended)
    for part in (
        "'renamed'",
        "1 more of the same",
        "switched off",
        "did not send",
        "another secret",
    ):
        assert part in told
    assert registered(ls, empty_project) == [(VERSION, stub.url)]
    (mended,) = webhooks(ls, empty_project)
    assert mended["id"] == hook["id"]
    assert (mended["is_active"], mended["actions"]) == (True, set(WAKING_ACTIONS))
    assert mended["headers"] == {"X-Clip-Secret": "new"}
    assert project_version(ls, empty_project) == VERSION


def test_the_webhook_follows_a_backend_that_moved_and_others_stay(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    connect(ls, empty_project, stub.url, VERSION)
    other = {"project": empty_project, "url": "http://127.0.0.1:9/webhook"}
    ls.request("POST", "/api/webhooks/", json=other)
    with stub_backend(VERSION) as moved:
        report = connect(ls, empty_project, moved.url, VERSION)
        assert "webhook: it went to the backend's former address" in report.mended
        urls = [hook["url"] for hook in webhooks(ls, empty_project)]
        assert sorted(urls) == sorted([f"{moved.url}/webhook", other["url"]])


def test_a_host_name_without_a_dot_is_explained(ls: LabelStudio, empty_project: int) -> None:
    with pytest.raises(LabelStudioError, match="a host name with a dot") as refused:
        mend_webhook(ls, empty_project, ["http://backend:9090"], None)
    assert refused.value.code == "webhook_address_refused"
    assert webhooks(ls, empty_project) == []
    for better in ("http://backend.internal:9090", "http://ls-clip.default.svc:9090"):
        mend_webhook(ls, empty_project, [better], None)
        assert webhooks(ls, empty_project)[-1]["url"] == f"{better}/webhook"


def test_the_command_takes_the_secret_and_says_what_it_mended(
    ls: LabelStudio, empty_project: int, stub: StubBackend, command_line: CommandLine
) -> None:
    stub.loading = 2
    arguments = ("connect", "--project", empty_project, "--url", stub.url)
    first = command_line(*arguments)
    assert first.returncode == 0, first.stderr
    assert "still loads its model" in first.stderr
    assert "mended" not in first.stdout
    second = command_line(*arguments, CLIP_WEBHOOK_SECRET="open sesame")
    assert "webhook: it lacked the secret" in second.stdout
    assert "open sesame" not in second.stdout + second.stderr
    (hook,) = webhooks(ls, empty_project)
    assert hook["headers"] == {"X-Clip-Secret": "open sesame"}
