from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from importers.config.campaign import Campaign, load_campaign
from importers.generation.plan import Known, plan, planned_samples
from importers.generation.stage import generate
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.pipeline import push, score
from importers.sketch.account import Limits
from ls_backend.errors import ConfigError, GeneratorError, GeneratorUnreachable, OutcomeUnknown
from ls_backend.label_studio import Credentials, LabelStudio

WriteCampaign = Callable[..., Path]


def load(folder: Path) -> tuple[Campaign, Ledger]:
    campaign = load_campaign(folder)
    return campaign, Ledger(campaign.ledger_path)


def test_the_same_text_again_gets_the_next_seed(write_campaign: WriteCampaign) -> None:
    campaign = load_campaign(write_campaign(samples="18", generator='quality = "low"'))
    samples = planned_samples(campaign, Known())
    assert len({sample.key for sample in samples}) == 18
    assert sorted(s.seed for s in samples if s.prompt.text == "a red cat") == [0, 1, 2]
    assert {tuple(sample.parameters.items()) for sample in samples} == {(("quality", "low"),)}


def test_more_samples_later_only_adds_samples(write_campaign: WriteCampaign) -> None:
    few = planned_samples(load_campaign(write_campaign(samples="7")), Known())
    many = planned_samples(load_campaign(write_campaign(samples="20")), Known())
    assert many[:7] == few


def test_planning_twice_plans_once(write_campaign: WriteCampaign) -> None:
    campaign, ledger = load(write_campaign())
    with ledger:
        assert plan(campaign, ledger) == plan(campaign, ledger)
        assert len(ledger.samples()) == 6


def test_generating_stores_every_image_and_a_second_run_asks_nobody(
    write_campaign: WriteCampaign, images_api: Any
) -> None:
    campaign, ledger = load(write_campaign(images_api.base_url))
    seen: list[tuple[int, int]] = []
    with ledger:
        report = generate(campaign, ledger, lambda *step: seen.append(step[:2]))
        assert (report.planned, report.generated, report.missing) == (6, 6, 0)
        assert report.cost_usd == Decimal(0)
        assert report.unpriced == 0
        assert seen == sorted(seen)  # two that finish together may be told as one step
        assert (seen[0], seen[-1]) == ((0, 6), (6, 6))
        store = ImageStore(campaign.images_path)
        for sample in ledger.samples():
            assert sample.sha256 is not None
            assert hashlib.sha256(store.get(sample.sha256)).hexdigest() == sample.sha256
            assert sample.request_id is not None
        gone = campaign.model_copy(
            update={
                "generator": campaign.generator.model_copy(update={"base_url": "http://[::1]:9"})
            }
        )
        assert generate(gone, ledger).generated == 0
    drawn = images_api.drawn()
    assert len(drawn) == 6
    assert {(d["prompt"], d["seed"]) for d in drawn} == {
        (s.prompt.text, s.planned.seed) for s in ledger_samples(campaign)
    }


def ledger_samples(campaign: Campaign) -> list[Any]:
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        return ledger.samples()


def test_what_ends_the_run_is_raised_after_everything_drawn_is_recorded(
    write_campaign: WriteCampaign, start_images_api: Any
) -> None:
    poor = start_images_api(limits=Limits(images_in_total=4))
    campaign, ledger = load(write_campaign(poor.base_url))
    with ledger:
        with pytest.raises(GeneratorError):
            generate(campaign, ledger)
        assert ledger.requests.spending().stored == 4
        assert len(ledger.to_generate()) == 2

    rich = start_images_api()
    campaign, ledger = load(write_campaign(rich.base_url))
    with ledger:
        assert generate(campaign, ledger).generated == 2
        assert not ledger.to_generate()
    sent = [(drawn["prompt"], drawn["seed"]) for drawn in rich.drawn()]
    assert len(sent) == len(set(sent)) == 6


def test_a_refused_prompt_is_named_recorded_and_not_asked_again(
    write_campaign: WriteCampaign, images_api: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_campaign(images_api.base_url, color='["red", "blue", "gore"]')
    campaign, ledger = load(folder)
    with ledger:
        report = generate(campaign, ledger)
        assert (report.generated, report.refused, report.missing) == (4, 2, 0)
        assert sum("gore" in record.getMessage() for record in caplog.records) == 2
        assert ledger.requests.spending().refused == 2
        again = generate(campaign, ledger)
        assert (again.generated, again.refused) == (0, 0)
        assert ledger.requests.spending().refused == 2


def test_requests_without_an_answer_are_unknown_and_asked_again(
    write_campaign: WriteCampaign, start_images_api: Any
) -> None:
    silent = start_images_api(limits=Limits(latency_s=1.0))
    folder = write_campaign(silent.base_url, generator="parallel = 1\ntimeout_s = 0.1")
    campaign, ledger = load(folder)
    with ledger:
        with pytest.raises(OutcomeUnknown):
            generate(campaign, ledger)
        assert ledger.requests.spending().unknown == 3
        assert len(ledger.to_generate()) == 6

    campaign, ledger = load(write_campaign(start_images_api().base_url))
    with ledger:
        assert generate(campaign, ledger).generated == 6


def test_nobody_at_the_address_costs_nothing(write_campaign: WriteCampaign) -> None:
    campaign, ledger = load(write_campaign("http://127.0.0.1:9/v1"))
    with ledger:
        with pytest.raises(GeneratorUnreachable):
            generate(campaign, ledger)
        spent = ledger.requests.spending()
        assert (spent.stored, spent.failed, spent.unknown) == (0, 0, 0)


def test_what_the_campaign_no_longer_asks_for_is_not_paid_for(
    write_campaign: WriteCampaign, start_images_api: Any
) -> None:
    poor = start_images_api(limits=Limits(images_in_total=2))
    campaign, ledger = load(write_campaign(poor.base_url))
    with ledger, pytest.raises(GeneratorError):
        generate(campaign, ledger)

    changed = write_campaign(start_images_api().base_url, color='["pink"]', samples="2")
    campaign, ledger = load(changed)
    with ledger:
        assert generate(campaign, ledger).generated == 2
        assert ledger.requests.spending().stored == 4
        assert score(campaign, ledger).scored == 4


def test_scores_are_those_of_the_backend_and_made_once(
    write_campaign: WriteCampaign, images_api: Any
) -> None:
    campaign, ledger = load(write_campaign(images_api.base_url))
    with ledger:
        generate(campaign, ledger)
        report = score(campaign, ledger)
        assert report.scored == 6
        assert report.unreadable == 0
        assert report.model_version.startswith("clip:sketch-clip@")
        for sample in ledger.samples():
            assert sample.score is not None
            assert sample.model_version == report.model_version
            assert sample.score.predicted_label == sample.prompt.label
            assert 0.5 < sample.score.label_probability <= 1
            assert 0 < sample.score.similarity <= 1
        assert score(campaign, ledger).scored == 0


def test_a_new_model_version_scores_everything_again(
    write_campaign: WriteCampaign, images_api: Any
) -> None:
    campaign, ledger = load(write_campaign(images_api.base_url))
    with ledger:
        generate(campaign, ledger)
        first = score(campaign, ledger)
    with_background = 'model = "sketch"\nbackground = ["fish"]'
    campaign, ledger = load(write_campaign(images_api.base_url, score=with_background))
    with ledger:
        second = score(campaign, ledger)
        assert second.scored == 6
        assert second.model_version != first.model_version


def test_an_image_that_cannot_be_read_does_not_stop_the_others(
    write_campaign: WriteCampaign, images_api: Any, caplog: pytest.LogCaptureFixture
) -> None:
    campaign, ledger = load(write_campaign(images_api.base_url))
    with ledger:
        generate(campaign, ledger)
        store = ImageStore(campaign.images_path)
        gone, broken, *_ = (sample.sha256 or "" for sample in ledger.samples())
        store.path(gone).unlink()
        store.path(broken).write_bytes(store.get(broken)[:2000])
        report = score(campaign, ledger)
    assert (report.scored, report.unreadable) == (4, 2)
    assert gone in caplog.text
    assert broken in caplog.text


def test_nothing_is_pushed_before_it_is_scored(write_campaign: WriteCampaign) -> None:
    campaign, ledger = load(write_campaign())
    nobody = LabelStudio(Credentials("http://127.0.0.1:9", "0" * 40))
    with ledger, pytest.raises(ConfigError, match="scored"):
        push(campaign, ledger, nobody)
    nobody.close()


def test_scores_for_other_labels_are_not_pushed(
    write_campaign: WriteCampaign, images_api: Any
) -> None:
    campaign, ledger = load(write_campaign(images_api.base_url))
    with ledger:
        generate(campaign, ledger)
        score(campaign, ledger)
    campaign, ledger = load(write_campaign(images_api.base_url, labels='["cat", "fish"]'))
    nobody = LabelStudio(Credentials("http://127.0.0.1:9", "0" * 40))
    with ledger, pytest.raises(ConfigError, match="changed since"):
        push(campaign, ledger, nobody)
    nobody.close()
