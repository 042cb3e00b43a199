"""The lines of docs/training-storage.md that load layouts, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from file_output import RELEASE, contents_of, lay_out, sample_records

DOCS = Path(__file__).parents[4] / "docs" / "training-storage.md"
LIBRARY = r"^(?:from|import) (datasets|torchvision|pandas|pycocotools)"
NAMES = ["train", None, "test tube", "cat"]
SHOWN = [(label, split) for label in ("train", "cat") for split in ("train", "validation", "test")]


def _run_lines() -> dict[str, dict[str, Any]]:
    """What each block leaves behind, by the layout and the first library in it."""
    left: dict[str, dict[str, Any]] = {}
    for code in re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL):
        if found := re.search(r"\"(imagefolder|coco|csv|jsonl)/", code):
            [library] = re.findall(LIBRARY, code, re.MULTILINE)
            names: dict[str, Any] = {}
            exec(compile(code, str(DOCS), "exec"), names)
            left[f"{found[1]} {library}"] = names
    return left


@pytest.mark.usefixtures("load_dataset")
def test_the_lines_in_the_docs_load_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    contents = contents_of(sample_records(tmp_path, NAMES, SHOWN), NAMES)
    for name in ("imagefolder", "coco", "csv", "jsonl"):
        lay_out(name, contents, tmp_path)
    monkeypatch.chdir(tmp_path / RELEASE)

    left = _run_lines()

    assert set(left) == {
        "imagefolder datasets",
        "imagefolder torchvision",
        "coco pycocotools",
        "csv pandas",
        "jsonl datasets",
    }
    for split in left["imagefolder datasets"]["dataset"].values():
        assert list(split["label"]) == list(split["class_id"])
        assert set(split["class_id"]) == {0, 3}
    assert {class_id for _, class_id in left["imagefolder torchvision"]["train"]} == {0, 3}
    pictures = left["coco pycocotools"]["pictures"]
    assert len(pictures) == 2
    assert all(Path(path).is_file() for path in pictures.values())
    csv, jsonl = left["csv pandas"]["train"], left["jsonl datasets"]["train"]
    assert list(csv["url"]) == list(jsonl["url"])
    assert list(csv["seed"]) == list(jsonl["seed"])
    assert set(jsonl["class_id"]) == {0, 3}
