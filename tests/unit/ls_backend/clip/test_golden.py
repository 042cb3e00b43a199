"""A model that no longer answers as its golden.json says is refused, and told what to mend."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_folders import SMALL_VIT, edit_config, random_model, refusal_of

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.clip import Clip
from ls_backend.clip.golden import GOLDEN_FILE, TEXT, picture, read_golden, write_golden
from ls_backend.clip.model_source import CONFIG_FILE
from ls_backend.clip.weights_files import SUMS_FILE, keep_golden, read_sums, sha256_of
from ls_backend.errors import ModelError


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_tiny_clip_answers_as_its_golden_says(precision: Any) -> None:
    golden = read_golden(MODEL_FOLDER)
    clip = Clip.load(str(MODEL_FOLDER), device="cpu", precision=precision)

    assert golden is not None
    assert clip.precision == precision
    assert float(clip.encode_images([picture()])[0] @ golden.image) >= 0.999
    assert float(clip.encode_texts([TEXT])[0] @ golden.text) >= 0.999


def test_the_picture_is_the_same_everywhere() -> None:
    pixels = np.asarray(picture())

    assert pixels.shape == (240, 360, 3)
    assert [tuple(pixels[at]) for at in ((0, 0), (100, 120), (100, 304), (239, 359))] == [
        (0, 0, 0), (230, 40, 30), (20, 60, 200), (255, 255, 0),
    ]  # fmt: skip
    assert int(pixels.astype(np.int64).sum()) == PIXEL_SUM


PIXEL_SUM = 30093103


@pytest.mark.parametrize("trained_with", [True, False])
def test_the_other_activation_is_refused_with_the_fix(tmp_path: Path, trained_with: bool) -> None:
    folder = random_model(tmp_path / "vit", {**SMALL_VIT, "quick_gelu": trained_with})
    keep_golden(folder)
    Clip.load(str(folder))
    edit_config(folder, lambda config: config["model_cfg"].update(quick_gelu=not trained_with))

    refusal = refusal_of(str(folder))

    assert refusal.code == "golden"
    assert "activation" in refusal.message
    assert str(folder / CONFIG_FILE) in refusal.hint
    assert f"quick_gelu in model_cfg to {json.dumps(trained_with)}" in refusal.hint


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.5, 0.5, 0.5]},
        {"std": [0.5, 0.5, 0.5]},
        {"interpolation": "bilinear"},
        {"resize_mode": "squash"},
        {"resize_mode": "longest"},
    ],
    ids=lambda change: "-".join(map(str, *change.items())),
)
def test_another_preprocessing_is_refused_with_the_fix(
    folder: Path, change: dict[str, Any]
) -> None:
    edit_config(folder, lambda config: config["preprocess_cfg"].update(change))

    refusal = refusal_of(str(folder))

    assert refusal.code == "golden"
    assert "for image: its preprocessing" in refusal.message
    assert "preprocess_cfg" in refusal.hint
    assert f"ls-clip weights golden {folder}" in refusal.hint


def test_another_tokenizer_is_refused_with_the_fix(folder: Path) -> None:
    vocabulary = folder / "sketch_bpe.txt.gz"
    lines = gzip.decompress(vocabulary.read_bytes()).decode().splitlines()
    lines[1:] = lines[:0:-1]
    vocabulary.write_bytes(gzip.compress("\n".join(lines).encode()))

    refusal = refusal_of(str(folder))

    assert refusal.code == "golden"
    assert "for text: its tokenizer" in refusal.message
    assert "tokenizer" in refusal.hint


def test_other_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    other = random_model(tmp_path / "vit", SMALL_VIT)
    (other / GOLDEN_FILE).write_bytes((folder / GOLDEN_FILE).read_bytes())

    assert "for image and text" in refusal_of(str(other)).message


def test_what_is_meant_is_kept_anew(folder: Path) -> None:
    edit_config(folder, lambda config: config["preprocess_cfg"].update(mean=[0.5, 0.5, 0.5]))
    (folder / SUMS_FILE).write_text(f"{sha256_of(folder / CONFIG_FILE)}  {CONFIG_FILE}\n")

    written = keep_golden(folder)

    assert written == folder / GOLDEN_FILE
    Clip.load(str(folder))
    assert read_sums(folder)[GOLDEN_FILE] == sha256_of(written)
    assert set(read_sums(folder)) == {CONFIG_FILE, GOLDEN_FILE}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    stored = read_golden(MODEL_FOLDER)
    assert stored is not None

    write_golden(tmp_path, stored)

    again = read_golden(tmp_path)
    assert again is not None
    assert again.differing(stored) == []
    assert (tmp_path / GOLDEN_FILE).read_bytes() == (MODEL_FOLDER / GOLDEN_FILE).read_bytes()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"probe": 0, "image": [1], "text": [1]}', '{"probe": 1, "image": [1]}',
     '{"probe": 1, "image": [], "text": [1]}', '{"probe": 1, "image": [[1]], "text": [1]}',
     '{"probe": 1, "image": [NaN], "text": [1]}', '{"probe": 1, "image": ["x"], "text": [1]}'],
)  # fmt: skip
def test_a_golden_that_is_none_is_refused_with_the_fix(folder: Path, text: str) -> None:
    (folder / GOLDEN_FILE).write_text(text)

    with pytest.raises(ModelError) as refusal:
        read_golden(folder)

    assert str(folder / GOLDEN_FILE) in refusal.value.message
    assert f"ls-clip weights golden {folder}" in refusal.value.hint
