"""Requests that bring no image and may be paid for; refusals; what everybody would meet."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from paid_api import PaidApi, error, write_paid_campaign
from paid_runs import NO_IMAGE, ls_clip, run

from importers.generation.plan import plan
from importers.ledger import Ledger
from ls_backend.errors import GeneratorError, OutcomeUnknown


def test_a_sample_without_an_image_is_asked_for_after_the_others_then_given_up(
    tmp_path: Path, api: PaidApi
) -> None:
    api.misbehave = lambda prompt: NO_IMAGE if prompt == "a w0 cat" else None
    folder = tmp_path / "pets"
    generator = "parallel = 1\nmax_unanswered = 2"
    campaign = write_paid_campaign(folder, api.base_url, samples=5, generator=generator)
    report = run(campaign)
    assert api.asked[0] == api.asked[5] == "a w0 cat"
    assert Counter(api.asked)["a w0 cat"] == 3
    assert (report.generated, report.unanswered, report.missing) == (4, 3, 0)
    [abandoned] = report.given_up
    assert (abandoned.prompt, abandoned.requests) == ("a w0 cat", 3)
    again = run(campaign)
    assert (again.given_up, len(api.asked)) == (report.given_up, 7)

    shown = ls_clip("status", folder).stdout
    assert "a w0 cat (3 requests without an image)" in shown
    assert "raise generator.max_unanswered" in shown
    api.misbehave = lambda prompt: None  # noqa: ARG005
    more = generator.replace("2", "3")
    assert run(write_paid_campaign(folder, api.base_url, samples=5, generator=more)).generated == 1


def test_kills_do_not_use_up_the_times_that_a_sample_is_asked_for(
    tmp_path: Path, api: PaidApi
) -> None:
    generator = "max_unanswered = 0"
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=1, generator=generator)
    for _ in range(3):
        with Ledger(campaign.ledger_path) as ledger:
            [sample] = plan(campaign, ledger)
            ledger.requests.begin(sample.key)
    assert run(campaign).generated == 1


def test_an_api_without_images_for_anybody_stops_the_run(tmp_path: Path, api: PaidApi) -> None:
    api.misbehave = lambda prompt: NO_IMAGE  # noqa: ARG005
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, generator="parallel = 1")
    with pytest.raises(OutcomeUnknown):
        run(campaign)
    assert len(api.asked) == 3


@pytest.mark.parametrize("between", [None, error(400, "moderation_blocked")])
def test_answers_without_an_image_that_others_come_between_stop_nothing(
    tmp_path: Path, api: PaidApi, between: object
) -> None:
    answers = iter([NO_IMAGE, NO_IMAGE, between, NO_IMAGE, NO_IMAGE])
    api.misbehave = lambda prompt: next(answers, None)  # noqa: ARG005
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, generator="parallel = 1")
    report = run(campaign)
    assert (report.unanswered, report.missing) == (4, 0)


def test_refusals_are_free_and_the_run_goes_on(tmp_path: Path, api: PaidApi) -> None:
    blocked = error(400, "moderation_blocked")
    api.misbehave = lambda prompt: blocked if prompt.endswith("cat") else None
    budget = "per_run_usd = 0.04"
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, budget=budget)
    report = run(campaign)
    assert (report.generated, report.refused, report.caps_reached) == (6, 6, ())


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "insufficient_quota"), (401, None), (403, None), (404, "model_not_found")],
)
def test_what_everybody_would_meet_stops_the_run_at_once(
    tmp_path: Path, api: PaidApi, status: int, code: str | None
) -> None:
    api.misbehave = lambda prompt: error(status, code)  # noqa: ARG005
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, generator="parallel = 2")
    with pytest.raises(GeneratorError) as caught:
        run(campaign)
    assert caught.value.hint
    assert len(api.asked) <= 2


def test_a_rate_limit_holds_all_threads_and_loses_nothing(tmp_path: Path, api: PaidApi) -> None:
    limited = error(429, "rate_limit_exceeded", {"Retry-After-Ms": "50"})
    answers = iter([None] * 4 + [limited] * 4)
    api.misbehave = lambda prompt: next(answers, None)  # noqa: ARG005
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, generator="parallel = 4")
    report = run(campaign)
    assert (report.generated, report.unanswered, len(api.asked)) == (12, 0, 16)
