"""A campaign with `batch = true` against a provider that does what providers do."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batch_provider import (
    CONTENT,
    CREATE,
    LINE,
    LIST,
    LOOK,
    UPLOAD,
    BatchProvider,
    batch_campaign,
    batch_provider,
    cut,
    error,
    half,
    held_back,
)
from openai import OpenAI

from importers import batch_run
from importers.campaign import Campaign
from importers.commands import words
from importers.generation import GenerateReport, GenerationStopped, generate
from importers.generators import openai_batch
from importers.generators.batch_lines import write_lines
from importers.generators.openai_batch import OpenAIBatches, RemoteBatch
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.sketch.batch_api import USUAL, BatchLimits
from importers.status import campaign_status
from ls_backend.errors import ConfigError, GeneratorError

StartProvider = Callable[..., BatchProvider]


class Killed(BaseException):
    """Stands for a kill: nothing of ours handles it."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_run, "SHORTEST_PAUSE_S", 0.01)
    monkeypatch.setattr(batch_run, "ARRIVAL_S", 0.0)
    monkeypatch.setattr(openai_batch, "_backoff", lambda _: 0.0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartProvider]:
    with ExitStack() as stack:

        def begin(limits: BatchLimits = USUAL) -> BatchProvider:
            return stack.enter_context(batch_provider(tmp_path, limits))

        yield begin


@pytest.fixture
def provider(start: StartProvider) -> BatchProvider:
    return start()


def run(campaign: Campaign, *, wait: bool = True) -> GenerateReport:
    with Ledger(campaign.ledger_path) as ledger:
        return generate(campaign, ledger, wait=wait)


def run_and_fail(campaign: Campaign) -> GeneratorError:
    with pytest.raises(GeneratorError) as caught:
        run(campaign)
    assert caught.value.hint
    return caught.value


def outcomes(campaign: Campaign) -> list[str]:
    with closing(sqlite3.connect(campaign.ledger_path)) as db:
        return [row[0] for row in db.execute("SELECT outcome FROM requests ORDER BY outcome")]


def check_each_is_drawn_and_stored_once(campaign: Campaign, provider: BatchProvider) -> None:
    drawn = {(image["prompt"], image["seed"]): image["sha256"] for image in provider.drawn()}
    assert len(drawn) == len(provider.drawn())
    store = ImageStore(campaign.images_path)
    with Ledger(campaign.ledger_path) as ledger:
        assert not ledger.batches.open()
        samples = ledger.samples()
    assert {(s.prompt.text, s.planned.seed): s.sha256 for s in samples} == drawn
    for sample in samples:
        assert sample.sha256 is not None
        assert hashlib.sha256(store.get(sample.sha256)).hexdigest() == sample.sha256
        assert sample.request_id is not None
    assert not list(campaign.folder.glob("*.jsonl"))


# -- from the first line to the last ---------------------------------------------------------------


def test_a_batch_is_submitted_waited_for_and_collected(
    provider: BatchProvider, tmp_path: Path
) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=6)
    steps: list[tuple[int, int]] = []
    with Ledger(campaign.ledger_path) as ledger:
        report = generate(campaign, ledger, lambda *step: steps.append(step))
    assert (report.generated, report.missing, report.in_batch) == (6, 0, 0)
    assert (report.cost_usd, report.unpriced) == (Decimal(0), 0)
    assert steps == sorted(steps)
    assert steps[-1] == (6, 6)
    check_each_is_drawn_and_stored_once(campaign, provider)
    assert (provider.count(UPLOAD), provider.count(CREATE)) == (1, 1)
    before = len(provider.calls)
    assert run(campaign).generated == 0
    assert len(provider.calls) == before


def test_an_image_of_a_batch_costs_half() -> None:
    usage = {"input_tokens": 10, "output_tokens": 1000}
    day = date(2026, 11, 22)
    assert openai_batch.batch_cost("gpt-image-2", usage, day) == Decimal("0.015025")
    assert openai_batch.batch_cost("unheard-of", usage, day) is None


def test_what_does_not_fit_one_file_goes_into_several(
    provider: BatchProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_run, "write_lines", partial(write_lines, most=2))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=5)
    assert run(campaign).generated == 5
    assert provider.count(CREATE) == 3
    check_each_is_drawn_and_stored_once(campaign, provider)


# -- a run that ends before the batch does ---------------------------------------------------------


def test_a_batch_that_is_left_is_collected_by_a_later_run(
    start: StartProvider, tmp_path: Path
) -> None:
    provider = start(BatchLimits(takes_s=0.2))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    left = run(campaign, wait=False)
    assert (left.generated, left.missing, left.in_batch) == (0, 4, 4)
    assert "4 images in a batch at the provider" in "".join(words.generate_lines(left))
    status = campaign_status(campaign)
    assert "4 images in a batch at the provider." in words.status_lines(status)
    assert outcomes(campaign) == ["in_flight"] * 4
    done = run(campaign)
    assert (done.generated, done.in_batch) == (4, 0)
    assert provider.count(CREATE) == 1
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_samples_added_meanwhile_get_a_batch_of_their_own(
    start: StartProvider, tmp_path: Path
) -> None:
    provider = start(BatchLimits(takes_s=0.2))
    run(batch_campaign(tmp_path / "pets", provider.base_url, samples=2), wait=False)
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=6)
    assert run(campaign).generated == 6
    assert provider.count(CREATE) == 2
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_ctrl_c_leaves_the_batch_there(provider: BatchProvider, tmp_path: Path) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    held = threading.Event()
    provider.instead[LINE].append(held_back(held))

    def interrupt(_done: int, total: int) -> None:
        if total:
            raise KeyboardInterrupt

    with Ledger(campaign.ledger_path) as ledger, pytest.raises(GenerationStopped) as stopped:
        generate(campaign, ledger, interrupt)
    assert stopped.value.report.in_batch == 4
    held.set()
    assert run(campaign).generated == 4
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_without_batch_what_is_at_the_provider_is_not_drawn_twice(
    provider: BatchProvider, tmp_path: Path
) -> None:
    looked = threading.Event()
    provider.instead[LINE].append(held_back(looked))
    run(batch_campaign(tmp_path / "pets", provider.base_url, samples=2), wait=False)
    provider.after[LOOK].append(lambda response: looked.set() or response)
    live = batch_campaign(tmp_path / "pets", provider.base_url, samples=4, batch="false")
    report = run(live)
    assert report.in_batch == 2
    assert report.generated == 2
    assert run(batch_campaign(tmp_path / "pets", provider.base_url)).generated == 2
    check_each_is_drawn_and_stored_once(live, provider)


# -- killed anywhere -------------------------------------------------------------------------------


class Mortal:
    """Counts what the process does to the outside; at the last of its lives it is killed."""

    lives = 0

    def lose_one(self) -> None:
        self.lives -= 1
        if self.lives == 0:
            raise Killed


def test_killed_after_anything_the_next_run_goes_on(
    provider: BatchProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mortal = Mortal()

    class MortalBatches(OpenAIBatches):
        def _upload(self, file: Path) -> str:
            uploaded = super()._upload(file)
            mortal.lose_one()
            return uploaded

        def _find_or_create(self, *of: Any) -> RemoteBatch:
            batch = super()._find_or_create(*of)
            mortal.lose_one()
            return batch

        def _look(self, remote_id: str) -> RemoteBatch:
            batch = super()._look(remote_id)
            if batch.ended:
                mortal.lose_one()
            return batch

        def _each_line(self, file_id: str, use: Callable[[bytes], None]) -> None:
            def use_and_die(line: bytes) -> None:
                use(line)
                mortal.lose_one()

            super()._each_line(file_id, use_and_die)

    class MortalStore(ImageStore):
        def put(self, data: bytes) -> str:
            digest = super().put(data)
            mortal.lose_one()
            return digest

    for lives in itertools.count(1):
        provider.log.unlink(missing_ok=True)
        campaign = batch_campaign(tmp_path / f"pets-{lives}", provider.base_url, samples=3)
        mortal.lives = lives
        with monkeypatch.context() as patched:
            patched.setattr(batch_run, "OpenAIBatches", MortalBatches)
            patched.setattr("importers.generation.ImageStore", MortalStore)
            try:
                run(campaign)
            except Killed:
                run(campaign)
            else:
                break
        check_each_is_drawn_and_stored_once(campaign, provider)
        assert outcomes(campaign).count("stored") == 3
        assert "unknown" not in outcomes(campaign)
    assert lives == 10  # upload, create, the last look, and two for each of three images


def test_a_batch_whose_creation_was_not_answered_is_found_and_not_created_twice(
    provider: BatchProvider, tmp_path: Path
) -> None:
    provider.after[CREATE].append(cut)
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    assert run(campaign).generated == 4
    assert provider.count(CREATE) == 1
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_a_batch_that_never_came_to_the_provider_is_asked_for_anew(
    provider: BatchProvider, tmp_path: Path
) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, max_attempts="1")
    provider.instead[CREATE].append(error(503, "server_error"))
    assert run_and_fail(campaign).code == "server_error"
    assert outcomes(campaign) == ["in_flight"] * 4  # it may be there
    assert run(campaign).generated == 4
    assert outcomes(campaign) == ["failed"] * 4 + ["stored"] * 4
    check_each_is_drawn_and_stored_once(campaign, provider)


# -- a provider in trouble -------------------------------------------------------------------------


@pytest.mark.parametrize("call", [UPLOAD, LIST, CREATE, LOOK, CONTENT])
def test_a_busy_provider_is_asked_again(provider: BatchProvider, tmp_path: Path, call: str) -> None:
    provider.instead[call] += [error(503, "server_error"), error(429, "rate_limit_exceeded")]
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=2)
    assert run(campaign).generated == 2
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_a_download_that_breaks_off_is_gone_on_with(
    provider: BatchProvider, tmp_path: Path
) -> None:
    provider.after[CONTENT] += [half, half]
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    assert run(campaign).generated == 4
    assert provider.count(CONTENT) == 3
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_lines_that_fail_for_now_are_asked_again(provider: BatchProvider, tmp_path: Path) -> None:
    provider.instead[LINE] += [error(500, "server_error"), error(429, "rate_limit_exceeded")]
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    assert run(campaign).generated == 4
    assert provider.count(CREATE) == 2
    assert outcomes(campaign) == ["failed"] * 2 + ["stored"] * 4
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_a_provider_that_draws_nothing_is_not_asked_for_ever(
    provider: BatchProvider, tmp_path: Path
) -> None:
    provider.instead[LINE] += [error(500, "server_error", "out of paint")] * 4
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    assert "out of paint" in run_and_fail(campaign).message
    assert provider.count(CREATE) == 1
    assert run(campaign).generated == 4


def test_an_error_that_every_line_would_meet_stops_the_run(
    provider: BatchProvider, tmp_path: Path
) -> None:
    provider.instead[LINE].append(error(429, "insufficient_quota"))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    assert run_and_fail(campaign).code == "insufficient_quota"
    assert outcomes(campaign) == ["failed"] + ["stored"] * 3
    assert provider.count(CREATE) == 1


def test_a_refused_prompt_is_not_asked_again(provider: BatchProvider, tmp_path: Path) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, colors='["red", "gore"]')
    report = run(campaign)
    assert (report.generated, report.refused, report.missing) == (2, 2, 0)
    assert provider.count(CREATE) == 1


def test_an_answer_without_an_image_is_kept_aside_and_asked_again(
    provider: BatchProvider, tmp_path: Path
) -> None:
    no_image = {"created": 1, "data": [{"b64_json": "bm8gcGljdHVyZQ=="}]}
    provider.instead[LINE].append(lambda: (no_image, 200, {"x-request-id": "req_1"}))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    report = run(campaign)
    assert (report.generated, report.unanswered) == (4, 1)
    assert outcomes(campaign) == ["stored"] * 4 + ["unknown"]
    [aside] = campaign.answers_path.glob("*.no-image")
    assert b"bm8gcGljdHVyZQ==" in aside.read_bytes()


# -- batches that end early ------------------------------------------------------------------------


def test_an_expired_batch_is_collected_and_the_rest_asked_again(
    start: StartProvider, tmp_path: Path
) -> None:
    provider = start(BatchLimits(carries_out=3))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    assert run(campaign).generated == 4
    assert provider.count(CREATE) == 2
    assert outcomes(campaign) == ["failed"] + ["stored"] * 4
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_who_cancelled_a_batch_is_not_sent_another_at_once(
    provider: BatchProvider, tmp_path: Path
) -> None:
    cancelled = threading.Event()
    provider.instead[LINE].append(held_back(cancelled))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    run(campaign, wait=False)
    with OpenAI(base_url=provider.base_url, api_key="none") as client:
        [batch] = client.batches.list()
        assert client.batches.cancel(batch.id).status == "cancelling"
    cancelled.set()
    failure = run_and_fail(campaign)
    assert failure.code == "batch_cancelled"
    assert "1 images of it are kept, 3 were not drawn" in failure.message
    assert outcomes(campaign) == ["failed"] * 3 + ["stored"]
    assert run(campaign).generated == 3
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_a_model_without_batches_is_told_what_to_do(start: StartProvider, tmp_path: Path) -> None:
    provider = start(BatchLimits(closed_to=frozenset({"sketch-1"})))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    failure = run_and_fail(campaign)
    assert "not supported by the Batch API" in failure.message
    assert "batch = false" in failure.hint
    assert outcomes(campaign) == ["failed"] * 4


def test_results_that_have_expired_may_be_paid_for(provider: BatchProvider, tmp_path: Path) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=2)
    provider.instead[CONTENT].append(error(404, "not_found"))
    assert run_and_fail(campaign).code == "batch_without_images"
    assert outcomes(campaign) == ["unknown"] * 2
    assert run(campaign).generated == 2


def test_a_server_without_batches_is_told_apart(provider: BatchProvider, tmp_path: Path) -> None:
    provider.instead[UPLOAD].append(error(404, "not_found"))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    failure = run_and_fail(campaign)
    assert failure.code == "no_batch_api"
    assert "batch = false" in failure.hint
    assert outcomes(campaign) == ["failed"] * 4


def test_another_account_does_not_know_the_batch(start: StartProvider, tmp_path: Path) -> None:
    first = start()
    campaign = batch_campaign(tmp_path / "pets", first.base_url)
    run(campaign, wait=False)
    elsewhere = batch_campaign(tmp_path / "pets", start().base_url)
    failure = run_and_fail(elsewhere)
    assert failure.code == "batch_not_found"
    assert "--forget-batches" in failure.hint
    assert outcomes(campaign) == ["in_flight"] * 4


def test_a_batch_that_is_given_up_is_asked_for_anew(
    provider: BatchProvider, tmp_path: Path
) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    run(campaign, wait=False)
    with Ledger(campaign.ledger_path) as ledger:
        assert batch_run.forget(ledger) == 4
        assert generate(campaign, ledger).generated == 4
    assert outcomes(campaign) == ["stored"] * 4 + ["unknown"] * 4


def test_other_generators_have_no_batches(tmp_path: Path) -> None:
    campaign = batch_campaign(tmp_path / "pets", "http://127.0.0.1:9/v1", kind='"compatible"')
    with pytest.raises(ConfigError, match="no batches"):
        run(campaign)
