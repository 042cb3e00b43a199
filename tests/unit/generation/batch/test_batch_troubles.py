"""Batches of a run that is killed, and of a provider in trouble: nothing is lost or doubled."""

from __future__ import annotations

import itertools
from collections.abc import Callable
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
    cut,
    error,
    half,
)
from batch_runs import (
    check_each_is_drawn_and_stored_once,
    outcomes,
    run,
    run_and_fail,
)
from flask import Response
from openai.types import Batch

from importers.generation import batch
from importers.generators.openai_batch import OpenAIBatches, has_ended
from importers.image_store import ImageStore


class Killed(BaseException):
    """Stands for a kill: nothing of ours handles it."""


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

        def _find_or_create(self, *of: Any) -> Batch:
            batch = super()._find_or_create(*of)
            mortal.lose_one()
            return batch

        def _look(self, remote_id: str) -> Batch:
            batch = super()._look(remote_id)
            if has_ended(batch):
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
            patched.setattr(batch, "OpenAIBatches", MortalBatches)
            patched.setattr("importers.generation.stage.ImageStore", MortalStore)
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


def test_while_it_is_not_known_whether_a_batch_was_created_it_is_not_given_up(
    provider: BatchProvider, tmp_path: Path
) -> None:
    provider.after[CREATE].append(cut)
    provider.after[LIST] += [lambda response: response, forbidden, forbidden]
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, max_attempts="3")
    run_and_fail(campaign)
    assert outcomes(campaign) == ["in_flight"] * 4
    assert run(campaign).generated == 4
    assert provider.count(CREATE) == 1
    check_each_is_drawn_and_stored_once(campaign, provider)


def forbidden(_response: Response) -> Response:
    return Response(status=403)
