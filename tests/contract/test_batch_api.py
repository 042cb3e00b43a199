"""The sketch server's Files and Batch API, asked by OpenAI's own client; and how ours reads it."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from batch_provider import LINE, BatchProvider, batch_provider, error, held_back
from flask import Flask, Response

from importers.config.sections import GeneratorSettings
from importers.generators.openai_batch import OpenAIBatches
from importers.sketch.batch_wire import MOST_LINES, LinesRefused, read_lines

LIFE = {"anchor": "created_at", "seconds": 3600}
ENDPOINT = "/v1/images/generations"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[BatchProvider]:
    with batch_provider(tmp_path) as provider:
        yield provider


@pytest.fixture
def client(provider: BatchProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=provider.base_url, api_key="none", max_retries=0) as client:
        yield client


def line(key: str, **changes: Any) -> dict[str, Any]:
    body = {"model": "sketch-1", "prompt": f"a dog {key}", "size": "256x256"}
    return {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body, **changes}


def jsonl(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in lines)


def submit(client: openai.OpenAI, data: bytes, **changes: Any) -> Any:
    file = client.files.create(file=("in.jsonl", data), purpose="batch")
    values = {"endpoint": ENDPOINT, "completion_window": "24h", **changes}
    return client.batches.create(input_file_id=file.id, **values)


def ended(client: openai.OpenAI, name: str) -> Any:
    polls = threading.Event()
    while True:
        batch = client.batches.retrieve(name)
        if batch.status in {"completed", "failed", "expired", "cancelled"}:
            return batch
        polls.wait(0.02)


def lines_of(client: openai.OpenAI, file: str) -> dict[str, dict[str, Any]]:
    entries = [json.loads(text) for text in client.files.content(file).text.splitlines()]
    return {entry["custom_id"]: entry for entry in entries}


def test_a_batch_answers_each_line_in_the_file_where_it_belongs(
    client: openai.OpenAI, provider: BatchProvider
) -> None:
    wrong = line("wrong", body={"model": "sketch-1", "prompt": "a dog", "size": "7x7"})
    keys = [f"{number}" for number in range(8)]
    batch = submit(client, jsonl(*map(line, keys), wrong), metadata={"a": "b"})
    assert (batch.status, batch.metadata) == ("validating", {"a": "b"})
    batch = ended(client, batch.id)
    assert batch.status == "completed"
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (9, 8, 1)
    good = lines_of(client, batch.output_file_id)
    assert sorted(good) == keys
    assert list(good) != keys  # in whatever order
    assert good["3"]["response"]["status_code"] == 200
    assert good["3"]["response"]["body"]["data"][0]["b64_json"]
    bad = lines_of(client, batch.error_file_id)
    assert bad["wrong"]["response"]["body"]["error"]["code"] == "invalid_value"
    assert len(provider.drawn()) == 8


def test_a_cancelled_batch_keeps_what_was_done(
    client: openai.OpenAI, provider: BatchProvider
) -> None:
    go_on = threading.Event()
    provider.instead[LINE].append(held_back(go_on))
    batch = submit(client, jsonl(line("1"), line("2"), line("3")))
    client.batches.cancel(batch.id)
    go_on.set()
    batch = ended(client, batch.id)
    assert batch.status == "cancelled"
    undone = lines_of(client, batch.error_file_id)
    assert {entry["error"]["code"] for entry in undone.values()} == {"batch_cancelled"}
    assert batch.request_counts.completed + len(undone) == 3
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


def test_batches_are_listed_newest_first_page_by_page(client: openai.OpenAI) -> None:
    names = [submit(client, jsonl(line("1"))).id for _ in range(3)]
    assert [batch.id for batch in client.batches.list(limit=2)] == names[::-1]
    page = client.batches.list(limit=2)
    assert page.has_next_page()


def test_a_file_may_be_larger_than_a_request(client: openai.OpenAI) -> None:
    batch = ended(client, submit(client, jsonl(line("1")) + b" " * 3_000_000).id)
    assert batch.request_counts.completed == 1


def test_a_deleted_file_is_gone(client: openai.OpenAI) -> None:
    file = client.files.create(file=("in.jsonl", b"{}"), purpose="batch", expires_after=LIFE)  # type: ignore[arg-type]
    assert (file.bytes, file.filename) == (2, "in.jsonl")
    assert file.expires_at == file.created_at + 3600
    assert client.files.content(file.id).content == b"{}"
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "/v1/somewhere"},
        {"completion_window": "48h"},
        {"metadata": {"key": "x" * 513}},
        {"output_expires_after": {"anchor": "created_at", "seconds": 60}},
        {"output_expires_after": {"anchor": "never", "seconds": 3600}},
        {"extra_body": {"priority": "high"}},
    ],
)
def test_a_batch_that_openai_would_refuse_is_refused(
    client: openai.OpenAI, changes: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError):
        submit(client, jsonl(line("1")), **changes)


def test_an_upload_that_openai_would_refuse_is_refused(client: openai.OpenAI) -> None:
    bad: list[dict[str, Any]] = [{"purpose": "fun"}, {"file": ("in.jsonl", b"")}]
    for changes in bad:
        with pytest.raises(openai.BadRequestError):
            client.files.create(**{"file": ("in.jsonl", b"{}"), "purpose": "batch", **changes})
    vision = client.files.create(file=("a.png", b"x"), purpose="vision")
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.batches.create(
            input_file_id=vision.id, endpoint="/v1/images/edits", completion_window="24h"
        )


def test_a_batch_of_a_file_that_is_no_batch_fails_with_the_line(client: openai.OpenAI) -> None:
    batch = ended(client, submit(client, jsonl(line("1"), line("1"))).id)
    assert batch.status == "failed"
    [reason] = batch.errors.data
    assert (reason.code, reason.line) == ("duplicate_custom_id", 2)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\n", "empty_file"),
        (b"{", "invalid_json_line"),
        (jsonl({"method": "POST"}), "missing_required_parameter"),
        (jsonl(line("1", method="GET")), "invalid_method"),
        (jsonl(line("1", url="/v1/images/edits")), "mismatched_endpoint"),
        (jsonl(line("1", body=None)), "missing_required_parameter"),
        (jsonl(line("1"), line("2", body={"model": "m"})), "mismatched_model"),
        (jsonl(line("1", body={"model": "closed"})), "model_not_found"),
        (b"{}\n" * (MOST_LINES + 1), "too_many_tasks"),
    ],
)
def test_lines_that_openai_would_refuse_are_named(data: bytes, code: str) -> None:
    with pytest.raises(LinesRefused) as refused:
        read_lines(data, ENDPOINT, {"closed"})
    assert refused.value.args[0][0]["code"] == code


def test_the_key_is_asked_for_at_batches_too(
    serve_app: Callable[[Flask], str],
) -> None:
    from importers.sketch.server import create_app

    url = f"{serve_app(create_app(api_key='right'))}/v1"
    wrong = openai.OpenAI(base_url=url, api_key="wrong", max_retries=0)
    with wrong, pytest.raises(openai.AuthenticationError):
        wrong.batches.list()
    with openai.OpenAI(base_url=url, api_key="right", max_retries=0) as client:
        batch = ended(client, submit(client, jsonl(line("1"))).id)
    assert batch.request_counts.completed == 1


def test_busy_lines_are_tried_again_by_nobody_and_named(
    client: openai.OpenAI, provider: BatchProvider
) -> None:
    provider.instead[LINE].append(error(500, "server_error"))
    batch = ended(client, submit(client, jsonl(line("1"))).id)
    assert batch.output_file_id is None
    assert lines_of(client, batch.error_file_id)["1"]["response"]["status_code"] == 500


# -- our client ------------------------------------------------------------------------------------


def test_results_are_read_line_by_line_never_all_in_memory(
    serve_app: Callable[[Flask], str],
) -> None:
    app, text = Flask("files"), json.dumps({"custom_id": "x", "text": "a\u2028b"}).encode()
    size, number = 1_000_000, 60

    @app.get("/v1/files/file-1/content")
    def content() -> Response:
        return Response(
            (text + b" " * size + (b"\n" if n < number else b"") for n in range(1, number + 1)),
            mimetype="application/octet-stream",
        )

    settings = GeneratorSettings(model="sketch-1", base_url=f"{serve_app(app)}/v1")
    batches = OpenAIBatches(settings)
    lengths: list[int] = []
    tracemalloc.start()
    try:
        batches.each_line("file-1", lambda line: lengths.append(len(line)))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        batches.close()
    assert lengths == [len(text) + size] * number
    assert peak < number * size / 3
