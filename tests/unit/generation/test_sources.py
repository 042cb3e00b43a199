"""Which images techniques start from, and what a second look at them changes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from review_records import record_review

from importers.config.campaign import NONE_OF_THESE
from importers.generation.sources import gather
from importers.generators.base import white_is_painted
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.review import WAITING
from importers.sample import PlannedSample, Prompt, SourceImage
from ls_backend.errors import ConfigError

Write = Callable[..., bytes]

FOLDER = {"name": "variation", "source": "folder:photos", "templates": ["this {label}"]}
APPROVED = {**FOLDER, "source": "approved"}
INPAINTING = {**FOLDER, "name": "inpainting", "mask": "background"}


def found(ledger: Ledger) -> list[tuple[str, str]]:
    return [(source.origin, source.label) for source in ledger.sources.all()]


def test_sub_folders_are_labels_and_the_order_is_by_name(
    make_campaign: Any, ledger: Ledger, picture: Write
) -> None:
    dog = picture("photos/dog/1.png", "brown")
    picture("photos/cat/2.jpg", "grey")
    picture("photos/cat/at home/1.png", "white")
    picture("photos/cat/.hidden.png", "black")
    campaign = make_campaign(FOLDER)
    (report,) = gather(campaign, ledger)
    assert (report.usable, report.new) == (3, 3)
    assert found(ledger) == [
        ("folder:photos/cat/2.jpg", "cat"),
        ("folder:photos/cat/at home/1.png", "cat"),
        ("folder:photos/dog/1.png", "dog"),
    ]
    source = ledger.sources.all()[2]
    assert (source.technique, source.mask) == (1, None)
    assert ImageStore(campaign.images_path).get(source.sha256) == dog


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", "file_name,label\na.png,cat\ndog/b.png, cat \n"),
        (
            "metadata.jsonl",
            '{"file_name": "a.png", "label": "cat"}\n\n'
            '{"file_name": "dog/b.png", "label": "cat"}\n',
        ),
    ],
)
def test_metadata_goes_before_folders(
    make_campaign: Any, ledger: Ledger, picture: Write, tmp_path: Path, name: str, text: str
) -> None:
    picture("photos/a.png")
    picture("photos/dog/b.png", "red")
    picture("photos/dog/c.png", "blue")
    (tmp_path / "photos" / name).write_text(text)
    gather(make_campaign(FOLDER), ledger)
    assert [label for _, label in found(ledger)] == ["cat", "cat", "dog"]


def test_what_cannot_be_used_is_named_and_left_out(
    make_campaign: Any,
    ledger: Ledger,
    picture: Write,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = picture("photos/cat/whole.png", size=(64, 64))
    (tmp_path / "photos/cat/torn.png").write_bytes(whole[: len(whole) // 2])
    picture("photos/nowhere.png", "red")
    picture("photos/horse/1.png", "blue")
    (tmp_path / "photos/cat/notes.txt").write_text("no image")
    picture("photos/cat/whole again.png", size=(64, 64))
    (report,) = gather(make_campaign(FOLDER), ledger)
    assert (report.usable, report.unreadable, report.unlabelled) == (1, 1, 1)
    assert report.unknown == {"horse": 1}
    assert "folder:photos/cat/torn.png is left out" in caplog.text
    assert "'horse' 1" in caplog.text
    assert found(ledger) == [("folder:photos/cat/whole again.png", "cat")]


def test_a_fixed_label_needs_nobody_to_say_what_is_shown(
    make_campaign: Any, ledger: Ledger, picture: Write
) -> None:
    picture("photos/1.png")
    picture("photos/horse/1.png", "red")
    gather(make_campaign({**FOLDER, "label": "dog"}), ledger)
    assert found(ledger) == [("folder:photos/1.png", "dog"), ("folder:photos/horse/1.png", "horse")]


def test_a_second_look_adds_only_what_is_new(
    make_campaign: Any, ledger: Ledger, picture: Write
) -> None:
    picture("photos/cat/2.png")
    campaign = make_campaign(FOLDER)
    gather(campaign, ledger)
    picture("photos/cat/1.png", "red")
    (report,) = gather(campaign, ledger)
    assert (report.usable, report.new) == (2, 1)
    assert found(ledger) == [("folder:photos/cat/2.png", "cat"), ("folder:photos/cat/1.png", "cat")]


def test_a_changed_file_is_another_source_and_the_former_one_is_none_any_more(
    make_campaign: Any, ledger: Ledger, picture: Write
) -> None:
    campaign = make_campaign(FOLDER)
    picture("photos/cat/1.png", "white")
    gather(campaign, ledger)
    picture("photos/cat/1.png", "black")
    gather(campaign, ledger)
    (first, second) = found(ledger)
    assert first == ("folder:photos/cat/1.png", "")
    assert second[0].startswith("folder:photos/cat/1.png@")
    picture("photos/cat/1.png", "white")
    (report,) = gather(campaign, ledger)
    assert (report.usable, report.new) == (1, 0)
    assert [label for _, label in found(ledger)] == ["cat", ""]


def test_a_mended_label_and_a_removed_file_are_heeded(
    make_campaign: Any, ledger: Ledger, picture: Write, tmp_path: Path
) -> None:
    picture("photos/a.png")
    picture("photos/b.png", "red")
    campaign = make_campaign(FOLDER)
    metadata = tmp_path / "photos" / "metadata.csv"
    metadata.write_text("file_name,label\na.png,cat\nb.png,cat\n")
    gather(campaign, ledger)
    metadata.write_text("file_name,label\na.png,dog\nb.png,cat\n")
    (tmp_path / "photos" / "b.png").unlink()
    gather(campaign, ledger)
    assert found(ledger) == [("folder:photos/a.png", "dog"), ("folder:photos/b.png", "")]


def test_a_mask_file_lies_beside_its_image(
    make_campaign: Any,
    ledger: Ledger,
    picture: Write,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number, name in enumerate(("1.jpg", "2.png", "none.png", "small.png")):
        picture(f"photos/cat/{name}", ["red", "green", "blue", "teal"][number])
    masks = {"1.mask.png": (24, 16), "2.png.mask.png": (24, 16), "small.mask.png": (2, 2)}
    for name, size in masks.items():
        Image.new("L", size, 255).save(tmp_path / "photos/cat" / name)
    campaign = make_campaign({**INPAINTING, "mask": "file"})
    (report,) = gather(campaign, ledger)
    assert (report.usable, report.unreadable) == (2, 2)
    assert "no none.mask.png beside" in caplog.text
    assert "2x2 pixels" in caplog.text
    store = ImageStore(campaign.images_path)
    for source in ledger.sources.all():
        assert source.mask is not None
        mask = Image.open(io.BytesIO(store.get(source.mask)))
        assert (mask.mode, mask.size) == ("RGBA", (24, 16))
        assert white_is_painted(store.get(source.mask)).getextrema() == (255, 255)


def test_a_mask_fits_the_upright_image(make_campaign: Any, ledger: Ledger, tmp_path: Path) -> None:
    turned = Image.new("RGB", (24, 16))
    exif = turned.getexif()
    exif[0x0112] = 6
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    turned.save(tmp_path / "photos/cat/1.jpg", exif=exif)
    campaign = make_campaign(INPAINTING)
    gather(campaign, ledger)
    (source,) = ledger.sources.all()
    mask = ImageStore(campaign.images_path).get(source.mask or "")
    assert white_is_painted(mask).size == (16, 24)


def test_a_folder_that_is_not_there_is_refused(make_campaign: Any, ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="which is no folder"):
        gather(make_campaign(FOLDER), ledger)


def test_a_list_without_labels_leaves_its_pictures_without_one(
    make_campaign: Any, ledger: Ledger, picture: Write, tmp_path: Path
) -> None:
    picture("photos/a.png")
    (tmp_path / "photos/metadata.csv").write_text("file_name,class\na.png,cat\n")
    (report,) = gather(make_campaign(FOLDER), ledger)
    assert (report.usable, report.unlabelled) == (0, 1)


def test_pictures_are_read_like_those_of_the_folder_generator(
    make_campaign: Any, ledger: Ledger, picture: Write, tmp_path: Path
) -> None:
    for name in ("10.png", "2.png", "said.png", "c%61t/1.tif", "hens/3.png"):
        picture(f"photos/{name}", f"#{len(name):02}{name[0].encode().hex()}00")
    (tmp_path / "photos/manifest.csv").write_text("file,label\n10.png,dog\n2.png,cat\n")
    (tmp_path / "photos/said.txt").write_text("a dog on a rug")
    (tmp_path / "photos/hens/3.txt").write_text("a hen and two cats")
    gather(make_campaign(FOLDER), ledger)
    assert found(ledger) == [
        ("folder:photos/2.png", "cat"),
        ("folder:photos/10.png", "dog"),
        ("folder:photos/c%61t/1.tif", "cat"),
        ("folder:photos/hens/3.png", "cat"),
        ("folder:photos/said.png", "dog"),
    ]


def test_a_project_is_looked_at_only_by_who_can(make_campaign: Any, ledger: Ledger) -> None:
    campaign = make_campaign({**INPAINTING, "source": "label-studio:7"})
    with pytest.raises(ConfigError, match="label-studio:7, which is not looked at here"):
        gather(campaign, ledger)


def test_broken_metadata_is_refused(
    make_campaign: Any, ledger: Ledger, picture: Write, tmp_path: Path
) -> None:
    picture("photos/a.png")
    (tmp_path / "photos/metadata.csv").write_text("name,class\na.png,cat\n")
    with pytest.raises(ConfigError, match=r"metadata\.csv"):
        gather(make_campaign(FOLDER), ledger)


def add_sample(
    ledger: Ledger, store: ImageStore, data: bytes, technique: str, *parents: str
) -> str:
    """A sample with this image; gives its key."""
    key = f"{technique} {len(ledger.samples())}"
    prompt = Prompt(key, "cat", technique, {})
    ledger.plan([PlannedSample(key, prompt, "m", "8x8", {}, 0, parents=parents)])
    request = ledger.requests.begin(key)
    ledger.requests.stored(request, store.put(data), request_id=None, cost_usd=None, usage=None)
    return key


def test_approved_samples_are_sources_with_the_label_that_people_gave(
    make_campaign: Any, ledger: Ledger, picture: Write
) -> None:
    campaign = make_campaign(APPROVED)
    store = ImageStore(campaign.images_path)
    verdicts = [("approved", "cat"), ("relabelled", "dog"), ("rejected", None), (WAITING, None)]
    verdicts.append(("approved", NONE_OF_THESE))
    keys = [
        add_sample(ledger, store, picture(f"{n}.png", f"#{n}00000"), "vanilla")
        for n in range(len(verdicts))
    ]
    for key, (kind, label) in zip(keys, verdicts, strict=True):
        record_review(ledger, key, kind, label)
    (report,) = gather(campaign, ledger)
    assert not report.unknown
    assert found(ledger) == [(f"approved:{keys[0]}", "cat"), (f"approved:{keys[1]}", "dog")]

    record_review(ledger, keys[0], "rejected")
    gather(campaign, ledger)
    assert found(ledger) == [(f"approved:{keys[0]}", ""), (f"approved:{keys[1]}", "dog")]


def test_no_technique_starts_from_its_own_descendants(
    make_campaign: Any, ledger: Ledger, picture: Write
) -> None:
    campaign = make_campaign(APPROVED, {**INPAINTING, "source": "approved"})
    store = ImageStore(campaign.images_path)
    parents: tuple[str, ...] = ()
    for color, technique in (("red", "vanilla"), ("green", "variation"), ("blue", "inpainting")):
        data = picture(f"{color}.png", color)
        key = add_sample(ledger, store, data, technique, *parents)
        record_review(ledger, key, "approved", "cat")
        parents = (store.put(data),)
    gather(campaign, ledger)

    def origins(technique: int) -> list[str]:
        return [s.origin for s in ledger.sources.all() if s.technique == technique]

    assert origins(1) == ["approved:vanilla 0"]
    assert origins(2) == ["approved:vanilla 0", "approved:variation 1"]


def test_a_source_once_known_is_not_added_again(ledger: Ledger) -> None:
    source = SourceImage("a" * 64, 0, "folder:photos/1.png", "cat")
    assert ledger.sources.add([source]) == 1
    assert ledger.sources.add([source]) == 0
