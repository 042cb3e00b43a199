"""Ultralytics itself reads the yolo layout, where it is installed; test_trees.py has its rules."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from file_output import contents_of, lay_out, sample_records

pytestmark = pytest.mark.filterwarnings("default")  # those of packages that are not ours

NAMES = ["train", "cat", None, "Löwe 🦁", "a/b", "test tube"]
SHOWN = [
    ("test tube", "train"),
    ("a/b", "train"),
    ("cat", "validation"),
    ("test tube", "validation"),
    ("Löwe 🦁", "test"),
]


@pytest.fixture(scope="session")
def ultralytics(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where it writes its settings, and that it asks nobody for anything."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
        environment.setenv("YOLO_OFFLINE", "true")
        environment.setenv("YOLO_AUTOINSTALL", "false")
        import_module("ultralytics")


@pytest.mark.usefixtures("ultralytics")
def test_classes_have_our_numbers(tmp_path: Path) -> None:
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset
    from ultralytics.data.utils import check_cls_dataset

    records = sample_records(tmp_path, NAMES, SHOWN)
    out = lay_out("yolo", contents_of(records, NAMES), tmp_path)

    data = check_cls_dataset(out.folder)
    labels = {number: unquote(name.partition("-")[2]) for number, name in data["names"].items()}
    assert labels == yaml.safe_load((out.folder / "names.yaml").read_text("utf-8"))["names"]
    ids = {record.file_name: record.class_id for record in records}
    read = {}
    for split in ("train", "val", "test"):
        # As an older version reads it too: it does not look at names.
        for names in (data["names"], None):
            dataset = ClassificationDataset(data[split], get_cfg(), prefix=split, names=names)
            found = {Path(sample[0]).name: sample[1] for sample in dataset.samples}
            assert found.items() <= ids.items()
            assert dataset[0]["img"].shape == (3, 640, 640)
        read |= found
    assert read == ids
