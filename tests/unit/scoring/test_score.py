"""Scoring sees flaws and vectors at once; a push refuses what was not selected since."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from importers.config.campaign import Campaign, load_campaign
from importers.generation.plan import plan
from importers.generation.stage import generate
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.pipeline import push, score, score_and_select, select
from importers.scoring.select import note_unselected, scored_version, selected_version
from importers.sketch import open_model
from importers.sketch.draw import draw
from importers.status import campaign_status
from ls_backend.clip.clip import Clip
from ls_backend.errors import ConfigError, LabelStudioError
from ls_backend.label_studio import Credentials, LabelStudio

WriteCampaign = Callable[..., Path]
SKETCH = 'model = "sketch"\n[selection]\n'


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def jpeg(data: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(file, "JPEG", quality=92)
    return file.getvalue()


def pictures() -> list[bytes]:
    """For three cats and three dogs by turns: two of each label are of no use."""
    cat, dog = (draw(f"a red {name}", 1, 128).png for name in ("cat", "dog"))
    blank = png(Image.new("RGB", (64, 64), "white"))
    dark = png(Image.radial_gradient("L").point(lambda value: value // 12).convert("RGB"))
    return [cat, dog, jpeg(cat), blank, dark, cat[: len(cat) // 2]]


def stored(campaign: Campaign, ledger: Ledger) -> list[str]:
    """Plan the campaign and give it the pictures; returns the keys."""
    keys = [sample.key for sample in plan(campaign, ledger)]
    store = ImageStore(campaign.images_path)
    for key, picture in zip(keys, pictures(), strict=True):
        digest = store.put(picture)
        ledger.requests.stored(
            ledger.requests.begin(key), digest, request_id=None, cost_usd=None, usage=None
        )
    return keys


def test_pictures_of_no_use_are_marked_and_counted(write_campaign: WriteCampaign) -> None:
    campaign = load_campaign(write_campaign(score=f"{SKETCH}near_duplicates = 0.99"))
    with Ledger(campaign.ledger_path) as ledger:
        cat, dog, copy, blank, dark, broken = stored(campaign, ledger)
        report = score_and_select(campaign, ledger)
        assert (report.scored, report.unreadable) == (5, 1)
        held = {"near duplicate": 1, "blank": 1, "dark": 1, "broken": 1}
        assert report.held == held
        flaws = {sample.key: sample.flaw for sample in ledger.samples()}
        assert flaws == {
            cat: None,
            dog: None,
            copy: f"near duplicate of {cat}",
            blank: "blank",
            dark: "dark",
            broken: "broken",
        }
    status = campaign_status(campaign)
    assert status.held == held
    assert status.total.held == 4
    assert (status.labels["cat"].held, status.labels["dog"].held) == (2, 2)


def test_an_image_is_encoded_once(
    write_campaign: WriteCampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = Clip.encode_images

    def counting(self: Clip, images: Any) -> Any:
        encoded.append(len(images))
        return encode(self, images)

    campaign = load_campaign(write_campaign(score=SKETCH))
    # That encodes an image, too, to see whether its weights are whole.
    model = open_model(campaign.score.model)
    monkeypatch.setattr(Clip, "encode_images", counting)
    with Ledger(campaign.ledger_path) as ledger:
        stored(campaign, ledger)
        score(campaign, ledger, model=model)
        select(campaign, ledger)
        assert sum(encoded) == 5
        [whole] = [s for s in ledger.samples() if s.flaw == "blank"]
        assert whole.score is not None


def test_scores_of_a_time_without_vectors_are_made_again(write_campaign: WriteCampaign) -> None:
    campaign = load_campaign(write_campaign(score=f"{SKETCH}near_duplicates = 1"))
    with Ledger(campaign.ledger_path) as ledger:
        stored(campaign, ledger)
        score_and_select(campaign, ledger)
        ledger._db.write("DELETE FROM vectors")
        assert score(campaign, ledger).scored == 0
        campaign = load_campaign(write_campaign(score=f"{SKETCH}near_duplicates = 0.99"))
        report = score_and_select(campaign, ledger)
        assert (report.scored, report.held["near duplicate"]) == (5, 1)


@pytest.fixture
def nobody() -> LabelStudio:
    return LabelStudio(Credentials("http://127.0.0.1:9", "0" * 40))


def test_a_push_waits_for_the_selection(write_campaign: WriteCampaign, nobody: LabelStudio) -> None:
    campaign = load_campaign(write_campaign(score=SKETCH))
    with Ledger(campaign.ledger_path) as ledger:
        stored(campaign, ledger)
        score(campaign, ledger)
        with pytest.raises(ConfigError, match="did not end"):
            push(campaign, ledger, nobody)
        select(campaign, ledger)
        with pytest.raises(LabelStudioError):  # it goes on to Label Studio
            push(campaign, ledger, nobody)
        campaign = load_campaign(write_campaign(score=f'{SKETCH}unusable = "push"'))
        with pytest.raises(ConfigError, match=r"\[selection\] has changed"):
            push(campaign, ledger, nobody)
        select(campaign, ledger)
        with pytest.raises(LabelStudioError):
            push(campaign, ledger, nobody)
    nobody.close()


def test_scoring_that_was_killed_is_not_taken_for_selected(
    write_campaign: WriteCampaign, nobody: LabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = load_campaign(write_campaign(score=SKETCH))
    with Ledger(campaign.ledger_path) as ledger:
        stored(campaign, ledger)
        score_and_select(campaign, ledger)
        campaign = load_campaign(write_campaign(score='model = "sketch"\nbackground = ["fish"]'))

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "record_scores", dies)
            with pytest.raises(KeyboardInterrupt):
                score(campaign, ledger)
        with pytest.raises(ConfigError, match="did not end"):
            push(campaign, ledger, nobody)
    nobody.close()


def test_the_best_of_two_is_found_with_the_tiny_clip(
    write_campaign: WriteCampaign, start_images_api: Any
) -> None:
    api = start_images_api(failure_rate=0.5)
    settings = f"{SKETCH}images_per_prompt = 2\nnear_duplicates = 1"
    campaign = load_campaign(write_campaign(api.base_url, score=settings))
    with Ledger(campaign.ledger_path) as ledger:
        assert generate(campaign, ledger).generated == 12
        assert score_and_select(campaign, ledger).held == {"not among the best of their prompt": 6}
        for sample in ledger.samples():
            rivals = [s for s in ledger.samples() if s.planned.group == sample.planned.group]
            best = max(rivals, key=lambda s: s.score.label_probability if s.score else 0)
            assert sample.kept is (sample.key == best.key)


def test_what_was_scored_and_not_selected_yet_is_not_pushed(write_campaign: WriteCampaign) -> None:
    campaign = load_campaign(write_campaign(score=SKETCH))
    with Ledger(campaign.ledger_path) as ledger:
        stored(campaign, ledger)
        score(campaign, ledger)
        with pytest.raises(ConfigError, match="did not end"):
            selected_version(campaign, ledger)
        select(campaign, ledger)
        assert selected_version(campaign, ledger) == scored_version(campaign, ledger)
        note_unselected(ledger)
        with pytest.raises(ConfigError, match="did not end"):
            selected_version(campaign, ledger)
