"""Paid requests against a real HTTP server: caps hold, and nothing is paid for twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from paid_api import PaidApi, error, serving, write_paid_campaign
from typer.testing import CliRunner

from importers import cli, terms
from importers.answer_spool import AnswerSpool
from importers.campaign import Campaign, load_campaign
from importers.estimate import Estimator
from importers.generators import GenerationRequest, open_generator
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.pipeline import GenerateReport, generate
from importers.planning import plan
from importers.terms import TERMS_NOTE, noted_terms, show_terms_once
from ls_backend.errors import ConfigError, GeneratorError, OutcomeUnknown

PER_IMAGE = Decimal("0.00593")  # 10 tokens of text in, 196 of image out
NO_IMAGE = {"data": []}


@pytest.fixture
def api() -> Iterator[PaidApi]:
    with serving(PaidApi()) as api:
        yield api


def run(campaign: Campaign) -> GenerateReport:
    with Ledger(campaign.ledger_path) as ledger:
        return generate(campaign, ledger)


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


# -- caps --------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [1, 16])
def test_a_run_ends_before_its_cap_and_the_next_one_goes_on(
    tmp_path: Path, api: PaidApi, parallel: int
) -> None:
    folder, cap = tmp_path / "pets", "per_run_usd = 0.05"
    generator = f"parallel = {parallel}"
    campaign = write_paid_campaign(folder, api.base_url, budget=cap, generator=generator)
    first = run(campaign)
    [reached] = first.caps_reached
    assert (reached.cap, reached.limit_usd) == ("per_run_usd", Decimal("0.05"))
    assert first.cost_usd == first.generated * PER_IMAGE <= Decimal("0.05")
    assert first.generated == 8  # what was reserved and not needed is used
    assert (first.missing, len(api.asked)) == (4, 8)
    second = run(campaign)
    assert (second.generated, second.missing, second.caps_reached) == (4, 0, ())
    assert len(api.asked) == len(set(api.asked)) == 12


def test_a_label_that_is_spent_leaves_the_others(tmp_path: Path, api: PaidApi) -> None:
    budget = "per_label_usd = 0.03"
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, budget=budget)
    report = run(campaign)
    assert {(cap.cap, cap.label) for cap in report.caps_reached} == {
        ("per_label_usd", "cat"),
        ("per_label_usd", "dog"),
    }
    assert Counter(prompt.split()[-1] for prompt in api.asked) == {"cat": 5, "dog": 5}
    assert run(campaign).generated == 0  # a label's cap counts all runs
    assert len(api.asked) == 10


def test_a_day_counts_all_runs_and_requests_without_an_answer(tmp_path: Path, api: PaidApi) -> None:
    budget = "per_day_usd = 0.05"
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, budget=budget)
    with Ledger(campaign.ledger_path) as ledger:
        [first, *_] = plan(campaign, ledger)
        ledger.requests.begin(first.key, reserved_usd=Decimal("0.03"))  # and the process was killed
    report = run(campaign)
    assert report.generated == 3
    assert report.caps_reached[0].spent_usd == Decimal("0.03") + 3 * PER_IMAGE
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        assert sum(a.committed_usd for a in ledger.requests.accounts()) <= Decimal("0.05")


def test_an_image_dearer_than_the_whole_cap_is_never_asked_for(
    tmp_path: Path, api: PaidApi
) -> None:
    folder = tmp_path / "pets"
    write_paid_campaign(folder, api.base_url, budget="per_run_usd = 0.001")
    result = ls_clip("generate", folder)
    assert result.exit_code == 0
    assert "budget.per_run_usd = $0.001 is reached" in result.stdout
    assert "one image alone may cost more" in result.stdout
    assert api.asked == []


def test_what_images_really_cost_is_learned(tmp_path: Path, api: PaidApi) -> None:
    """An API that charges ten times the estimate: the first images show it, the rest are held."""
    api.tokens_out = 1960
    budget = "per_run_usd = 0.2"
    generator = "parallel = 1"
    campaign = write_paid_campaign(
        tmp_path / "pets", api.base_url, budget=budget, generator=generator
    )
    report = run(campaign)
    assert report.generated == 3
    assert report.cost_usd <= Decimal("0.2")


def test_a_price_that_is_not_known_is_refused_before_anything_is_sent(
    tmp_path: Path, api: PaidApi
) -> None:
    folder, unpriced = tmp_path / "pets", 'unpriced = "refuse"'
    campaign = write_paid_campaign(folder, api.base_url, model="flux", budget=unpriced)
    with pytest.raises(ConfigError, match="12 of the requests to flux"):
        run(campaign)
    assert api.asked == []
    known = write_paid_campaign(folder, api.base_url, budget=unpriced, samples=2)
    assert run(known).generated == 2


# -- no image, and perhaps paid for -----------------------------------------------------------


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


# -- after a kill ------------------------------------------------------------------------------


def killed_after_the_answer(campaign: Campaign, number: int = 0) -> tuple[int, Path]:
    """As a process leaves things that is killed between an answer and its parsing."""
    spool = AnswerSpool(campaign.answers_path)
    with (
        Ledger(campaign.ledger_path) as ledger,
        closing(open_generator(campaign.generator)) as generator,
    ):
        sample = plan(campaign, ledger)[number]
        paper = ledger.requests.begin(sample.key, reserved_usd=Decimal("0.01"))
        asked = GenerationRequest(
            sample.prompt.text, sample.model, sample.size, sample.parameters, sample.seed
        )
        spool.put(paper, generator.send(asked))
    return paper, campaign.answers_path / f"{paper}.answer"


def test_an_answer_of_a_killed_process_is_stored_and_not_paid_for_again(
    tmp_path: Path, api: PaidApi
) -> None:
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=3)
    killed_after_the_answer(campaign)
    report = run(campaign)
    assert (report.generated, report.missing) == (3, 0)
    assert report.cost_usd == 3 * PER_IMAGE
    assert len(api.asked) == len(set(api.asked)) == 3
    assert list(campaign.answers_path.iterdir()) == []
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        store = ImageStore(campaign.images_path)
        assert all(store.get(sample.sha256 or "") for sample in ledger.samples())
        spent = ledger.requests.spending()
        assert (spent.stored, spent.unknown) == (3, 0)


def test_an_answer_that_was_whole_but_not_renamed_is_not_lost(tmp_path: Path, api: PaidApi) -> None:
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=2)
    _, file = killed_after_the_answer(campaign)
    file.replace(file.with_suffix(".part"))
    assert run(campaign).generated == 2
    assert len(api.asked) == 2


@pytest.mark.parametrize("left", [0, 20, -1])
def test_a_torn_answer_is_set_aside_and_asked_for_anew(
    tmp_path: Path, api: PaidApi, left: int
) -> None:
    campaign = write_paid_campaign(
        tmp_path / "pets", api.base_url, samples=2, generator="max_unanswered = 0"
    )
    _, file = killed_after_the_answer(campaign)
    file.write_bytes(file.read_bytes()[:left])
    file.replace(file.with_suffix(".part"))
    assert run(campaign).generated == 2
    assert len(api.asked) == 3
    assert file.with_suffix(".torn").exists()


def test_an_answer_without_an_image_is_set_aside_and_counted(tmp_path: Path, api: PaidApi) -> None:
    api.misbehave = lambda prompt: NO_IMAGE  # noqa: ARG005
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=2)
    _, file = killed_after_the_answer(campaign)
    api.misbehave = lambda prompt: None  # noqa: ARG005
    report = run(campaign)
    assert (report.generated, report.unanswered, len(api.asked)) == (2, 1, 3)
    assert file.with_suffix(".no-image").exists()
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        assert sum(ledger.requests.unanswered().values()) == 1


def test_an_answer_whose_image_is_stored_already_is_dropped(tmp_path: Path, api: PaidApi) -> None:
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=2)
    _, file = killed_after_the_answer(campaign)
    kept = file.read_bytes()
    run(campaign)
    file.write_bytes(kept)
    assert run(campaign).generated == 0
    assert not file.exists()
    assert len(api.asked) == 2


# -- before and after --------------------------------------------------------------------------


def test_a_dry_run_says_what_it_would_cost_and_sends_nothing(tmp_path: Path, api: PaidApi) -> None:
    folder = tmp_path / "pets"
    campaign = write_paid_campaign(folder, api.base_url, budget="per_run_usd = 0.05")
    told = json.loads(ls_clip("generate", folder, "--dry-run", "--json").stdout)
    assert (told["images"], told["unpriced"], told["seconds"]) == (12, 0, None)
    assert told["tokens"]["image_out"] == 12 * 196
    assert 12 * float(PER_IMAGE) <= told["cost_usd"] < 12 * float(PER_IMAGE) * 1.1
    assert told["price"]["read_on"] == "2026-11-22"
    assert told["affordable"] == 8
    assert api.asked == []
    assert not campaign.ledger_path.exists()

    run(campaign)
    shown = ls_clip("run", folder, "--dry-run")
    assert shown.exit_code == 0
    for part in (
        "4 of 12 samples are to be drawn",
        "784 of image out",
        "at most $0.02",
        "litellm",
        "s an image as measured, 4 at a time",
        "Nothing was sent.",
    ):
        assert part in " ".join(shown.stdout.split()), shown.stdout
    assert len(api.asked) == 8


def test_a_dry_run_says_what_it_does_not_know(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    nobody = "http://127.0.0.1:9/v1"
    write_paid_campaign(folder, nobody, model="flux")
    assert (
        "not known, which does not mean that it is free"
        in ls_clip("generate", folder, "--dry-run").stdout
    )
    write_paid_campaign(folder, nobody, model="gpt-image-2.5-flare")
    assumed = ls_clip("generate", folder, "--dry-run").stdout
    assert "about $0." in assumed
    assert "those of gpt-image-2 are assumed" in assumed
    write_paid_campaign(folder, nobody, model="gpt-image-2.5-flare", generator="batch = true")
    assert "within a day" in ls_clip("generate", folder, "--dry-run").stdout


@pytest.mark.parametrize(
    ("generator", "budget", "why"),
    [
        ('kind = "opnai"', "", "There is no generator 'opnai'."),
        ('parameters = { prompt = "x" }', "", "cannot set 'prompt'."),
        ('kind = "compatible"', 'unpriced = "refuse"', "12 of the requests to flux"),
    ],
)
def test_a_dry_run_says_what_would_stop_a_run(
    tmp_path: Path, generator: str, budget: str, why: str
) -> None:
    folder = tmp_path / "pets"
    write_paid_campaign(
        folder, "http://127.0.0.1:9/v1", model="flux", generator=generator, budget=budget
    )
    shown = ls_clip("run", folder, "--dry-run").stdout
    assert why in " ".join(shown.partition("stops ")[2].split()), shown


def test_a_run_that_a_cap_ended_is_not_told_to_run_again(tmp_path: Path, api: PaidApi) -> None:
    folder = tmp_path / "pets"
    write_paid_campaign(folder, api.base_url, budget="per_run_usd = 0.0001")
    shown = ls_clip("generate", folder).stdout
    assert "0 of 12 samples are done\n" in shown, shown
    assert api.asked == []


def test_a_batch_is_estimated_at_half(tmp_path: Path) -> None:
    costs = []
    for extra in ("", "batch = true"):
        campaign = write_paid_campaign(tmp_path / "pets", "http://127.0.0.1:9/v1", generator=extra)
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            [sample, *_] = plan(campaign, ledger)
        costs.append(Estimator(campaign.generator).cost_usd(sample))
    one_by_one, batch = costs
    assert one_by_one is not None
    assert batch == one_by_one / 2


# -- the provider's terms ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, True),
        ({"base_url": "https://eu.api.openai.com/v1"}, True),
        ({"kind": "azure", "base_url": "https://x.example.org"}, True),
        ({"base_url": "http://127.0.0.1:8765/v1"}, False),
        ({"kind": "diffusers"}, False),
    ],
)
def test_the_terms_are_shown_once_where_they_apply(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, settings: dict[str, str], shown: bool
) -> None:
    campaign = write_paid_campaign(tmp_path / "pets", "http://127.0.0.1:9/v1")
    wanted = campaign.generator.model_copy(update={"base_url": None, **settings})
    with Ledger(campaign.ledger_path) as ledger:
        show_terms_once(wanted, ledger)
        show_terms_once(wanted, ledger)
        noted = noted_terms(ledger, wanted.model)
        assert noted_terms(ledger, "sketch-1") is None
    assert caplog.text.count("not legal advice") == shown
    assert noted == ("OpenAI Services Agreement of 2026-01-01, section 3.3(e)" if shown else None)


def test_the_terms_are_shown_before_the_first_request(
    tmp_path: Path, api: PaidApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our server stands in for OpenAI's: only its name is another."""
    monkeypatch.setattr(terms, "OPENAI_HOST", "127.0.0.1")
    folder = tmp_path / "pets"
    api.misbehave = lambda prompt: error(401, None)  # noqa: ARG005
    write_paid_campaign(folder, api.base_url)
    assert "do not allow output" in ls_clip("generate", folder).stderr
    assert "do not allow output" not in ls_clip("generate", folder).stderr
    with Ledger(load_campaign(folder).ledger_path, writing=False) as ledger:
        assert ledger.note(TERMS_NOTE)
