"""The writing stage, with the sketch server as the language model and a real ledger."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from review_records import record_review

from importers.config.campaign import Campaign
from importers.generation import stage
from importers.generation.plan import Known, planned_samples
from importers.ledger import Ledger
from importers.ledger.inputs import WrittenText
from importers.prompts import write_prompts
from importers.prompts.mention import mentions
from importers.prompts.sampling import refused_texts
from importers.prompts.writing import normalised, summary_lines, write
from importers.sketch import open_model
from ls_backend.errors import ConfigError, GeneratorError, GeneratorUnreachable, OutcomeUnknown

WritingCampaign = Callable[..., Campaign]
PLACES = {
    "templates": ["a {color} {label} {place}"],
    "factors": {"color": ["red", "blue"], "place": ["on the road"]},
}


@pytest.fixture
def ledger(tmp_path: Any) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def outcomes(ledger: Ledger) -> Counter[str]:
    rows = ledger._db.read("SELECT outcome, count(*) AS n FROM writings GROUP BY outcome")
    return Counter({row["outcome"]: row["n"] for row in rows})


def test_whole_prompts_are_written_for_each_label(
    writing_campaign: WritingCampaign, ledger: Ledger
) -> None:
    campaign = writing_campaign()
    report = write(campaign, ledger)
    assert report.written >= 12
    assert not report.short
    assert (report.cost_usd, report.unpriced) == (Decimal(0), 0)
    prompts = write_prompts(campaign, ledger.writings.texts())
    assert len({p.text for p in prompts}) == len({normalised(p.text) for p in prompts}) == 12
    assert Counter(p.label for p in prompts) == {"cat": 6, "dog": 6}
    assert all(mentions(p.text, p.label) for p in prompts)


def test_a_second_run_asks_nobody(
    writing_campaign: WritingCampaign, ledger: Ledger, text_api: Any
) -> None:
    write(writing_campaign(), ledger)
    asked, texts = list(text_api.asked), ledger.writings.texts()
    report = write(writing_campaign(), ledger)
    assert (report.requests, report.written) == (0, 0)
    assert (text_api.asked, ledger.writings.texts()) == (asked, texts)
    assert summary_lines(report) == []


def test_what_is_missing_is_asked_for_and_what_is_there_is_named(
    writing_campaign: WritingCampaign, ledger: Ledger, text_api: Any
) -> None:
    campaign = writing_campaign()
    there = [WrittenText("cat", "prompt", f"cat number {n}") for n in range(4)]
    ledger.writings.written(
        ledger.writings.begin("by hand", "me"), there, request_id=None, cost_usd=None, usage=None
    )
    write(campaign, ledger)
    for_cat = next(asked for asked in text_api.asked if 'label "cat"' in asked)
    assert for_cat.startswith('Write 2 prompts for the label "cat".')
    assert "- cat number 3" in for_cat
    assert "may show: dog" in for_cat


def test_a_larger_count_later_adds_and_keeps_what_was_there(
    writing_campaign: WritingCampaign, ledger: Ledger
) -> None:
    write(writing_campaign(), ledger)
    before = ledger.writings.texts()
    assert write(writing_campaign(count=9), ledger).written > 0
    assert ledger.writings.texts()[: len(before)] == before


def test_values_of_factors_are_written_and_fill_the_templates(
    writing_campaign: WritingCampaign, ledger: Ledger, text_api: Any
) -> None:
    campaign = writing_campaign(prompts=PLACES, writes=["place"], examples=["by the sea"])
    with pytest.raises(ConfigError, match="written none") as error:
        write_prompts(
            writing_campaign(prompts={**PLACES, "factors": {"color": ["red"]}}, writes=["place"])
        )
    assert "ls-clip prompts write" in error.value.hint
    write(campaign, ledger)
    places = {text.text for text in ledger.writings.texts()}
    assert {text.kind for text in ledger.writings.texts()} == {"place"}
    assert "on the road" not in {normalised(place) for place in places}
    used = {p.factors["place"] for p in write_prompts(campaign, ledger.writings.texts())}
    assert used & places
    assert "slot {place} of these templates:\n- a {color} {label} {place}" in text_api.asked[0]
    assert "- by the sea" in text_api.asked[0]


def test_what_does_not_come_is_asked_for_four_times_in_all_and_then_said(
    writing_campaign: WritingCampaign, ledger: Ledger, text_api: Any
) -> None:
    prompts = {"templates": ["a {color} {label}"]}
    campaign = writing_campaign(prompts=prompts, writes=["color"], count=20)
    report = write(campaign, ledger)  # there are eight colours
    assert Counter("cat" in asked for asked in text_api.asked) == {True: 4, False: 4}
    assert [(s.label, s.kind, s.count) for s in report.short] == [
        ("cat", "color", 20),
        ("dog", "color", 20),
    ]
    assert report.duplicates > 0
    assert f"Only {report.short[0].usable} of 20 came of color for cat" in summary_lines(report)[1]
    assert write(campaign, ledger).requests == 0
    assert write(campaign.model_copy(update={"labels": ["cat"]}), ledger).requests == 0
    assert len(text_api.asked) == 8
    assert len(write_prompts(campaign, ledger.writings.texts())) == 12


def test_similar_texts_do_not_count(writing_campaign: WritingCampaign, ledger: Ledger) -> None:
    def all_alike(texts: Any) -> Any:
        return np.ones((len(texts), 1), dtype=np.float32)

    report = write(writing_campaign(), ledger, all_alike)
    assert [short.usable for short in report.short] == [1, 1]
    assert report.written == 2
    assert outcomes(ledger) == {"written": 8}


def test_the_campaigns_clip_tells_similar_texts_apart(
    writing_campaign: WritingCampaign, ledger: Ledger
) -> None:
    campaign = writing_campaign(similar_texts=0.9)
    assert stage.write(campaign, ledger).written > 0
    model = open_model(campaign.score.model)
    for label in campaign.labels:
        texts = [t.text for t in ledger.writings.texts() if t.label == label]
        vectors = model.clip.encode_texts(texts)
        cosines = vectors @ vectors.T
        assert cosines[~np.eye(len(texts), dtype=bool)].max() < 0.9


def test_prompts_that_never_mention_their_label_are_kept_but_not_drawn(
    writing_campaign: WritingCampaign,
) -> None:
    texts = [WrittenText("cat", "prompt", text) for text in ("a kitten", "a cat", "a big cat")]
    texts += [WrittenText("dog", "prompt", "a dog")]
    campaign = writing_campaign()
    prompts = write_prompts(campaign, texts)
    assert {p.text for p in prompts} == {"a cat", "a big cat", "a dog"}
    (refused,) = refused_texts(campaign, texts)
    assert refused.reason == "the prompt 'a kitten' never mentions 'cat'"
    knowing = writing_campaign(prompts={"synonyms": {"cat": ["kitten"]}})
    assert "a kitten" in {p.text for p in write_prompts(knowing, texts)}


def test_what_people_approved_is_an_example(
    writing_campaign: WritingCampaign, ledger: Ledger, text_api: Any
) -> None:
    campaign = writing_campaign(examples=["a cat in the fog"])
    texts = [WrittenText(label, "prompt", f"a {label} asleep") for label in campaign.labels]
    samples = planned_samples(campaign, Known(texts))
    ledger.plan(samples)
    approved = next(s for s in samples if s.prompt.label == "dog")
    record_review(ledger, approved.key, "approved", "dog")
    write(campaign, ledger)
    assert "manner:\n- a cat in the fog\n- a dog asleep" in text_api.asked[0]


def test_a_refusal_of_the_model_goes_on_with_the_next_kind(
    writing_campaign: WritingCampaign, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    templates = ["a {label} {place}", "a {label} {gore}"]
    campaign = writing_campaign(prompts={"templates": templates}, writes=["gore", "place"])
    report = write(campaign, ledger)
    assert [(s.label, s.kind) for s in report.short] == [("cat", "gore"), ("dog", "gore")]
    assert "no gore for cat: the model refused" in caplog.text
    with pytest.raises(ConfigError, match="no 'gore' for 'cat'"):
        write_prompts(campaign, ledger.writings.texts())


def test_chat_completions_write_as_well(writing_campaign: WritingCampaign, ledger: Ledger) -> None:
    campaign = writing_campaign(prompts={"writer": "compatible:sketch-writer-1"})
    assert not write(campaign, ledger).short


def test_what_ends_writing_is_raised_and_recorded(
    writing_campaign: WritingCampaign, ledger: Ledger
) -> None:
    with pytest.raises(GeneratorUnreachable):
        write(writing_campaign(base_url="http://127.0.0.1:9/v1", max_attempts=1), ledger)
    with pytest.raises(GeneratorError) as unknown:
        write(writing_campaign(prompts={"writer": "openai:gpt-6-luna"}), ledger)
    assert "prompts.writer" in unknown.value.hint
    assert outcomes(ledger) == {"failed": 2}


def test_no_answer_in_time_is_unknown_and_asked_again_by_the_next_run(
    writing_campaign: WritingCampaign, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importers.sketch import writer

    go_on, answered = threading.Event(), writer.texts_for

    def slow(request: str, seed: int) -> list[str]:
        go_on.wait(20)
        return answered(request, seed)

    monkeypatch.setattr(writer, "texts_for", slow)
    with pytest.raises(OutcomeUnknown, match="a text may have been written"):
        write(writing_campaign(timeout_s=0.2), ledger)
    go_on.set()
    assert outcomes(ledger) == {"unknown": 1}
    assert write(writing_campaign(), ledger).written >= 12


def test_a_request_in_the_air_when_a_process_died_may_be_paid_for(
    writing_campaign: WritingCampaign, ledger: Ledger
) -> None:
    ledger.writings.begin("6 prompt for cat", "sketch-writer-1")
    path = ledger.path
    ledger.close()
    with Ledger(path) as again:
        assert outcomes(again) == {"unknown": 1}
        assert write(writing_campaign(), again).written >= 12


def test_generating_writes_first_and_draws_what_was_written(
    writing_campaign: WritingCampaign, ledger: Ledger, text_api: Any
) -> None:
    campaign = writing_campaign(samples=4, similar_texts=1.0, count=2)
    report = stage.generate(campaign, ledger)
    assert (report.write.writer, report.write.written) == ("openai:sketch-writer-1", 4)
    assert (report.planned, report.generated) == (4, 4)
    written = {text.text for text in ledger.writings.texts()}
    assert {sample.prompt.text for sample in ledger.samples()} <= written
    asked = len(text_api.asked)
    assert stage.generate(campaign, ledger).generated == 0
    assert len(text_api.asked) == asked


def test_a_writer_whose_prompts_nobody_would_draw_is_not_paid(
    writing_campaign: WritingCampaign, ledger: Ledger, text_api: Any
) -> None:
    values = writing_campaign().model_dump()
    values["technique"] = [{"name": "vanilla", "templates": ["a {label}"]}]
    values["folder"] = ledger.path.parent
    with pytest.raises(ConfigError, match="would not be used"):
        write(Campaign.model_validate(values), ledger)
    assert text_api.asked == []


def test_a_factor_that_no_template_uses_is_not_paid_for(
    writing_campaign: WritingCampaign, ledger: Ledger, text_api: Any
) -> None:
    campaign = writing_campaign(prompts={"templates": ["a {label}"]}, writes=["prompt"])
    with pytest.raises(ConfigError, match=r"No template has a slot \{prompt\}") as error:
        write(campaign, ledger)
    assert '["prompts"]' in error.value.hint
    assert text_api.asked == []
