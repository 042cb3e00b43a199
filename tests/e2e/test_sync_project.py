"""A project that ls-clip did not make, synced from the command line, in all layouts at once."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from hugging_face import open_datasets
from people import answer, region
from PIL import Image
from plain_projects import add_tasks, new_project, task_ids
from storage_reader import every_byte, read_records, release_name

from importers.label_studio.uploads import upload
from ls_backend.label_studio import LabelStudio

CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image">
    <Label value="cat"/><Label value="ear"/>
  </RectangleLabels>
  <Choices name="label" toName="image">
    <Choice value="cat"/><Choice value="dog &amp; wolf"/><Choice value="a/b: &quot;ü&quot; #1"/>
  </Choices>
</View>
"""
CAT, DOG, ODD = "cat", "dog & wolf", 'a/b: "ü" #1'
LAYOUTS = ["imagefolder", "webdataset", "parquet", "coco", "yolo", "csv", "jsonl"]
SIZE = (40, 24)
QUARTER_TURN = 6
"""EXIF's orientation of a picture that is shown 24 wide and 40 high."""
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)


def picture(number: int, file_format: str = "PNG", turned: int | None = None) -> bytes:
    image = Image.new("RGB", SIZE, (number * 20, 90, 120))
    exif = Image.Exif()
    if turned:
        exif[0x0112] = turned
    file = io.BytesIO()
    image.save(file, file_format, exif=exif)
    return file.getvalue()


def box(label: str, x: float, y: float, width: float, height: float) -> dict[str, Any]:
    place = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    value = {**place, "rectanglelabels": [label]}
    return {"from_name": "box", "to_name": "image", "type": "rectanglelabels", "value": value}


@pytest.fixture
def project(ls: LabelStudio, tmp_path: Path) -> int:
    """Seven uploads: three cats, one with boxes and one turned, a dog, an odd one, one that is
    damaged and one that nobody has answered."""
    files = {f"cat {n}.png": picture(n) for n in (1, 2)}
    files["turned.jpg"] = picture(3, "JPEG", QUARTER_TURN)
    files |= {"dog.png": picture(4), "odd.png": picture(5)}
    files |= {"damaged.png": picture(6)[:60], "waiting.png": picture(7)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    number = new_project(ls, [], title="somebody's", label_config=CONFIG)
    parts = upload(ls, number, {name: tmp_path / name for name in files})
    addresses = {name: address for part in parts for name, address in part.items()}
    add_tasks(ls, number, [addresses[name] for name in files])
    tasks = task_ids(ls, number)
    answer(
        ls, tasks[0], result=[box("cat", 10, 25, 50, 50), box("ear", 80, 80, 40, 40), region(CAT)]
    )
    answer(ls, tasks[1], CAT)
    answer(ls, tasks[2], result=[box("cat", 50, 50, 50, 25), region(CAT)])
    for task, label in zip(tasks[3:6], (DOG, ODD, CAT), strict=True):
        answer(ls, task, label)
    return number


@pytest.fixture
def folder(command_line: CommandLine, project: int, tmp_path: Path) -> Path:
    """What `ls-clip new` writes for it, with all layouts."""
    made = tmp_path / "somebodys"
    assert command_line("new", made, "--project", project).returncode == 0
    file = made / "project.toml"
    text = file.read_text().replace('# layout = ["imagefolder"]', f"layout = {json.dumps(LAYOUTS)}")
    file.write_text(text)
    return made


def test_a_project_of_somebody_else_in_all_layouts(
    command_line: CommandLine, ls: LabelStudio, project: int, folder: Path, tmp_path: Path
) -> None:
    storage = folder / "training"
    would_be = command_line.report("sync", folder, "--dry-run")
    assert (would_be["added"], storage.exists()) == (5, False)

    report = command_line.report("sync", folder)
    [(reason, tasks)] = report["left_out"].items()
    assert (report["approved"], report["added"], report["waiting"]) == (6, 5, 1)
    assert tasks == [task_ids(ls, project)[5]]
    assert "damaged" in reason
    assert "replace the file" in reason
    assert command_line("verify", storage).returncode == 0

    before = every_byte(storage)
    told = command_line("sync", folder)
    assert f"task {tasks[0]}: The image is damaged" in told.stdout
    assert every_byte(storage) == before

    release = storage / "releases" / str(release_name(storage))
    _check_coco(release, storage)
    _check_trees(release)
    _check_datasets(release, storage, tmp_path)
    _check_webdataset(release, storage)


def _check_coco(release: Path, storage: Path) -> None:
    """Boxes arrive in pixels of the picture as it is shown."""
    from pycocotools.coco import COCO

    boxes: dict[str, Any] = {}
    for split in ("train", "validation", "test"):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(release / "coco" / f"annotations_{split}.json")
        names = {category["id"]: category["name"] for category in coco.cats.values()}
        for number, shown in coco.imgs.items():
            assert (storage / shown["file_name"]).exists()
            found = coco.loadAnns(coco.getAnnIds(imgIds=number))
            where = sorted((names[one["category_id"]], one["bbox"]) for one in found)
            original = shown["original_name"]
            boxes[original] = (shown["width"], shown["height"], shown["label"], where)
    assert boxes == {
        "cat_1.png": (40, 24, CAT, [("cat", [4, 6, 20, 12]), ("ear", [32, 19.2, 8, 4.8])]),
        "cat_2.png": (40, 24, CAT, []),
        "turned.jpg": (24, 40, CAT, [("cat", [12, 20, 12, 10])]),
        "dog.png": (40, 24, DOG, []),
        "odd.png": (40, 24, ODD, []),
    }


def _check_trees(release: Path) -> None:
    import yaml
    from torchvision.datasets import ImageFolder

    names = yaml.safe_load((release / "yolo" / "names.yaml").read_text(encoding="utf-8"))["names"]
    assert names == {0: CAT, 1: DOG, 2: ODD}
    found: list[int] = []
    for split in (release / "yolo").iterdir():
        if split.is_dir():
            tree = ImageFolder(str(split), allow_empty=True)
            assert [int(name[:4]) for name in tree.classes] == [0, 1, 2]
            found += tree.targets
    assert sorted(found) == [0, 0, 0, 1, 2]


def _check_datasets(release: Path, storage: Path, tmp_path: Path) -> None:
    load = open_datasets(tmp_path / "hub")
    folders = load("imagefolder", data_dir=str(release / "imagefolder"))
    rows = [row for split in folders.values() for row in split]
    assert sorted(row["label"] for row in rows) == sorted([CAT, CAT, CAT, DOG, ODD])
    assert {(row["width"], row["height"]) for row in rows} == {SIZE, SIZE[::-1]}
    assert all(row["image"].size == (row["width"], row["height"]) for row in rows)

    lists = {split: _shared(release, storage, "parquet", split) for split in folders}
    tables = load("parquet", data_files=lists)
    numbers = [(row["label"], row["label_name"]) for split in tables.values() for row in split]
    assert sorted(numbers) == [(0, CAT), (0, CAT), (0, CAT), (1, DOG), (2, ODD)]

    lines = (release / "jsonl" / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["sample"] for line in lines} == {
        record["sample"] for record in read_records(storage)
    }


def _check_webdataset(release: Path, storage: Path) -> None:
    import webdataset

    found = []
    for split in ("train", "validation", "test"):
        urls = _shared(release, storage, "webdataset", split)
        if urls:
            shards = webdataset.WebDataset(urls, shardshuffle=False).decode("pil")
            found += [number for _, number in shards.to_tuple("png;jpg", "cls")]
    assert sorted(found) == [0, 0, 0, 1, 2]


def _shared(release: Path, storage: Path, layout: str, split: str) -> list[str]:
    names = (release / layout / f"{split}.txt").read_text().split()
    return [str(storage / name) for name in names]
