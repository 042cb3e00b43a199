"""`ls-clip generate` with `batch = true`, killed while the provider does what it was asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from batch_provider import CONTENT, CREATE, UPLOAD, BatchProvider, batch_campaign, batch_provider
from flask import Response

from importers.demo.services import ls_clip
from importers.generation import batch
from importers.generation.stage import generate
from importers.ledger import Ledger

Kill = Callable[[], None]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[BatchProvider]:
    with batch_provider(tmp_path) as provider:
        yield provider


def before_the_answer(kill: Kill, response: Response) -> Response:
    kill()
    return response


def in_the_middle(kill: Kill, response: Response) -> Response:
    whole = response.get_data()

    def body() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        kill()
        yield whole[len(whole) // 2 :]

    return Response(body(), headers={"Content-Length": str(len(whole))})


@pytest.mark.parametrize(
    ("call", "moment"),
    [
        (UPLOAD, before_the_answer),
        (CREATE, before_the_answer),
        (CONTENT, in_the_middle),
    ],
)
def test_a_killed_run_loses_no_image_and_submits_none_twice(
    provider: BatchProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    moment: Callable[[Kill, Response], Response],
) -> None:
    monkeypatch.setattr(batch, "ARRIVAL_S", 0.0)
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=6)
    running: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        running[0].kill()
        running[0].wait(60)

    provider.after[call].append(lambda response: moment(kill, response))
    running.append(
        subprocess.Popen(ls_clip("generate", str(campaign.folder)), stderr=subprocess.DEVNULL)
    )
    assert running[0].wait(60) < 0
    with Ledger(campaign.ledger_path) as ledger:
        report = generate(campaign, ledger)
        samples, spending = ledger.samples(), ledger.requests.spending()
    assert report.missing == 0
    assert provider.count(CREATE) == 1
    assert (spending.stored, spending.unknown) == (6, 0)
    assert sorted(str(sample.sha256) for sample in samples) == sorted(
        image["sha256"] for image in provider.drawn()
    )
