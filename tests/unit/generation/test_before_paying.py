"""What is told before anything is paid for: dry runs, and the terms of the provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from paid_api import PaidApi, error, write_paid_campaign
from paid_runs import PER_IMAGE, ls_clip, run

from importers.config.campaign import load_campaign
from importers.generation import budget
from importers.generation.budget import noted_terms, show_terms_once
from importers.generation.estimate import Estimator
from importers.generation.plan import plan
from importers.ledger import Ledger
from importers.ledger.notes import Note

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
    monkeypatch.setattr(budget, "OPENAI_HOST", "127.0.0.1")
    folder = tmp_path / "pets"
    api.misbehave = lambda prompt: error(401, None)  # noqa: ARG005
    write_paid_campaign(folder, api.base_url)
    assert "do not allow output" in ls_clip("generate", folder).stderr
    assert "do not allow output" not in ls_clip("generate", folder).stderr
    with Ledger(load_campaign(folder).ledger_path, writing=False) as ledger:
        assert ledger.note(Note.TERMS)
