"""Pictures that exist: which are taken, with which prompts and labels, and what becomes of them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from importers.config.campaign import Campaign, load_campaign
from importers.config.sections import GeneratorSettings
from importers.generation.prompt_plan import prompt_plan
from importers.generation.stage import generate
from importers.generators.folder import FOLDER
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.pipeline import score
from importers.prompts.folder import folder_samples, is_synthetic
from importers.sample import PlannedSample
from importers.sketch.draw import draw
from importers.status import campaign_status
from ls_backend.errors import ConfigError


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pets" / "pictures"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def load(pictures: Path) -> Callable[..., Campaign]:
    def campaign(samples: int = 100) -> Campaign:
        (pictures.parent / "campaign.toml").write_text(
            f"""
            name = "pets"
            labels = ["cat", "dog", "polar bear"]
            samples = {samples}
            [prompts]
            synonyms = {{ dog = ["puppy"] }}
            [generator]
            kind = "folder"
            path = "pictures"
            [score]
            model = "sketch"
            """
        )
        return load_campaign(pictures.parent)

    return campaign


def save(path: Path, color: str = "teal", parameters: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    info = PngInfo()
    if parameters:
        info.add_text("parameters", parameters)
    extra = {"pnginfo": info} if path.suffix == ".png" else {}
    Image.new("RGB", (8, 8), color).save(path, **extra)
    return path


def files(samples: list[PlannedSample]) -> list[str]:
    return [sample.parameters["file"] for sample in samples]


def test_files_come_in_the_order_that_people_expect(
    pictures: Path, load: Callable[..., Campaign]
) -> None:
    for name in ("10.png", "2.png", "2b.JPG", "a/1.png", ".hidden.png", ".git/1.png"):
        save(pictures / "cat" / name)
    (pictures / "cat" / "notes.md").write_text("no picture")
    samples = folder_samples(load())
    assert files(samples) == ["cat/2.png", "cat/2b.JPG", "cat/10.png", "cat/a/1.png"]
    assert {(s.model, s.size, s.seed, s.prompt.technique) for s in samples} == {
        ("folder", "auto", 0, "vanilla")
    }
    data = (pictures / "cat/2.png").read_bytes()
    assert samples[0].parameters["sha256"] == hashlib.sha256(data).hexdigest()
    assert folder_samples(load()) == samples


def test_the_prompt_is_looked_for_from_the_manifest_down_to_the_label(
    pictures: Path, load: Callable[..., Campaign]
) -> None:
    for name in ("1.png", "2.png", "3.png"):
        save(pictures / "dog" / name, parameters="a dog in the PNG\nSteps: 1, Seed: 2")
    save(pictures / "dog" / "4.png")
    for name in ("1.txt", "2.txt"):
        (pictures / "dog" / name).write_text("a dog\nbeside it\n")
    (pictures / "manifest.csv").write_text("file,prompt\ndog/1.png,a dog in the list\n")
    assert [sample.prompt.text for sample in folder_samples(load())] == [
        "a dog in the list",
        "a dog beside it",
        "a dog in the PNG",
        "dog",
    ]


def test_the_label_is_that_of_the_list_the_folder_or_the_prompt(
    pictures: Path, load: Callable[..., Campaign], caplog: pytest.LogCaptureFixture
) -> None:
    prompts = {
        "cat/1.png": "a dog",
        "cat/2.png": "a dog",
        "3.png": "Polar bears at sea",
        "4.png": "a puppy",
        "5.png": "a cat and a dog",
        "6.png": "a catalogue",
        "7.png": None,
    }
    for name, prompt in prompts.items():
        save(pictures / name, parameters=prompt)
    (pictures / "manifest.csv").write_text("file,label\ncat/1.png,polar bear\n7.png,horse\n")
    found = {s.parameters["file"]: s.prompt.label for s in folder_samples(load())}
    assert found == {
        "cat/1.png": "polar bear",
        "cat/2.png": "cat",
        "3.png": "polar bear",
        "4.png": "dog",
    }
    assert "none of the labels as far as is known: 5.png, 6.png, 7.png." in caplog.text


@pytest.mark.parametrize("name", ["manifest.jsonl", "metadata.jsonl", "metadata.csv"])
def test_a_list_has_factors_and_says_what_is_synthetic(
    pictures: Path, load: Callable[..., Campaign], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows: list[dict[str, Any]] = [
        {"file_name": "1.png", "label": "cat", "synthetic": False, "camera": "phone", "shot": 3},
        {"file_name": "2.png", "label": "dog", "synthetic": True, "camera": "", "shot": ""},
        {"file_name": "3.png", "label": "dog", "synthetic": "", "camera": "", "shot": ""},
        {"file_name": "gone.png", "label": "dog", "synthetic": "", "camera": "", "shot": ""},
    ]
    for row in rows[:3]:
        save(pictures / row["file_name"])
    lines = [json.dumps(row) for row in rows]
    if name.endswith(".csv"):
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    (pictures / name).write_text("\n".join(lines) + "\n")
    one, two, three = folder_samples(load())
    assert one.prompt.factors == {"camera": "phone", "shot": "3"}
    assert two.prompt.factors == {}
    assert [is_synthetic(sample) for sample in (one, two, three)] == [False, True, None]
    assert "but not there: gone.png." in caplog.text


def test_what_a_generator_wrote_into_a_picture_makes_it_synthetic(
    pictures: Path, load: Callable[..., Campaign]
) -> None:
    save(pictures / "cat" / "1.png", parameters="a cat")
    save(pictures / "cat" / "2.png")
    assert [is_synthetic(sample) for sample in folder_samples(load())] == [True, None]


def test_more_pictures_than_samples_are_taken_by_label_in_turns(
    pictures: Path, load: Callable[..., Campaign], caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png"):
        save(pictures / name)
    assert files(folder_samples(load(3))) == ["cat/1.png", "cat/2.png", "dog/1.png"]
    assert "More than `samples` asks for: cat/3.png, dog/2.png." in caplog.text


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("manifest.csv", "picture,label\n1.png,cat\n", "line 2, names no file"),
        ("manifest.csv", "file,label\n../1.png,cat\n", "'../1.png'"),
        ("manifest.csv", "file,label\n/etc/1.png,cat\n", "'/etc/1.png'"),
        ("manifest.csv", "file,synthetic\n1.png,maybe\n", "synthetic 'maybe'"),
        ("manifest.jsonl", '{"file": "1.png"}\n{"file": \n', "line 2, is no JSON object"),
        ("manifest.jsonl", "[1]\n", "line 1, is no JSON object"),
        ("metadata.csv", "file\n1.png\n", "more than one list"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(
    pictures: Path, load: Callable[..., Campaign], name: str, text: str, named: str
) -> None:
    save(pictures / "1.png")
    (pictures / name).write_text(text)
    if named == "more than one list":
        (pictures / "manifest.csv").write_text(text)
    with pytest.raises(ConfigError) as caught:
        folder_samples(load())
    assert named in caught.value.message
    assert name in caught.value.message


def test_a_broken_png_has_no_prompt_and_others_go_on(
    pictures: Path, load: Callable[..., Campaign], caplog: pytest.LogCaptureFixture
) -> None:
    save(pictures / "cat" / "1.png")
    (pictures / "cat" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    assert [s.prompt.text for s in folder_samples(load())] == ["cat", "cat"]
    assert "No prompt can be read from" in caplog.text


def test_pictures_are_not_derived_from() -> None:
    settings = GeneratorSettings(kind="folder", path="pictures")
    assert FOLDER.check_settings(settings, ("generate",)) == ()
    with pytest.raises(ConfigError, match="draws nothing"):
        FOLDER.check_settings(settings, ("generate", "vary"))


# -- the whole way -----------------------------------------------------------------------------


@pytest.mark.usefixtures("registered")
def test_a_folder_is_generated_and_scored_for_nothing_and_byte_by_byte(
    pictures: Path, load: Callable[..., Campaign]
) -> None:
    for label in ("cat", "dog"):
        (pictures / label).mkdir()
        for seed in range(2):
            drawing = draw(f"a photo of a red {label}", seed, pixels=256)
            (pictures / label / f"{seed}.png").write_bytes(drawing.png)
    campaign = load()
    told = prompt_plan(campaign)
    assert (told.prompts, told.images, len(told.groups)) == (4, 4, 2)
    with Ledger(campaign.ledger_path) as ledger:
        report = generate(campaign, ledger)
        assert (report.planned, report.generated, report.missing) == (4, 4, 0)
        assert (report.cost_usd, report.unpriced) == (Decimal(0), 0)
        assert score(campaign, ledger).scored == 4
        assert generate(campaign, ledger).generated == 0
        store = ImageStore(campaign.images_path)
        for sample in ledger.samples():
            original = (pictures / sample.planned.parameters["file"]).read_bytes()
            assert store.get(sample.sha256 or "") == original
            assert sample.score is not None
            assert sample.score.predicted_label == sample.prompt.label
        named = {row["generator"]: row["size"] for row in requests(ledger)}
        assert named == {f"folder {pictures}": "256x256"}


@pytest.mark.usefixtures("registered")
def test_a_picture_that_changed_or_went_is_refused_and_the_others_go_on(
    pictures: Path, load: Callable[..., Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.png", "2.png", "3.png"):
        save(pictures / "cat" / name)
    (pictures / "cat" / "4.png").write_bytes(b"not an image")
    check = FOLDER.check

    def meanwhile(*args: Any) -> tuple[str, ...]:
        (pictures / "cat" / "1.png").unlink()
        save(pictures / "cat" / "2.png", "red")
        return check(*args)

    monkeypatch.setattr(FOLDER, "check", meanwhile)
    campaign = load()
    with Ledger(campaign.ledger_path) as ledger:
        report = generate(campaign, ledger)
        assert (report.planned, report.generated, report.refused) == (4, 1, 3)
        refused = " ".join(sample.refused or "" for sample in ledger.samples())
        assert "1.png cannot be read: No such file" in refused
        assert "2.png has changed since it was planned" in refused
        assert "4.png is not an image" in refused
        monkeypatch.setattr(FOLDER, "check", check)
        again = generate(campaign, ledger)  # the changed one is a new sample
        assert (again.planned, again.generated, again.refused) == (3, 1, 0)


@pytest.mark.usefixtures("registered")
def test_a_folder_that_gives_nothing_is_an_error_but_not_for_the_status(
    pictures: Path, load: Callable[..., Campaign]
) -> None:
    campaign = load()
    with Ledger(campaign.ledger_path) as ledger:
        with pytest.raises(ConfigError, match=r"no picture in .* whose label is known"):
            generate(campaign, ledger)
        pictures.rmdir()
        with pytest.raises(ConfigError, match="There is no folder"):
            generate(campaign, ledger)
    assert campaign_status(campaign).total.planned == 0


def requests(ledger: Ledger) -> list[Any]:
    with closing(sqlite3.connect(ledger.path)) as database:
        database.row_factory = sqlite3.Row
        return database.execute("SELECT * FROM requests").fetchall()
