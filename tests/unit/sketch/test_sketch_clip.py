"""The tiny CLIP of the repository knows drawings that it has never seen."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.sketch_training.evaluate import Judged, draw_request, judge, requests, target
from bench.sketch_training.texts import plural
from importers.cli import app
from importers.sketch import MODEL_FOLDER
from importers.sketch.spec import OBJECTS
from ls_backend.clip.clip import Clip
from ls_backend.clip.model_source import folder_of
from ls_backend.model import ClipModel


@pytest.fixture(scope="module")
def model() -> ClipModel:
    """Loaded from a working directory that is not the repository."""
    here = Path.cwd()
    os.chdir("/")
    try:
        return ClipModel(Clip.load("sketch"))
    finally:
        os.chdir(here)


def top_one(judged: list[Judged]) -> float:
    hits = [one.score.predicted_label == one.truth.asked.object for one in judged]
    return sum(hits) / len(hits)


def test_sketch_is_the_name_of_the_model_folder() -> None:
    assert folder_of("sketch") == MODEL_FOLDER
    assert folder_of("ViT-B-32/laion2b_s34b_b79k") is None


def test_the_model_folder_is_complete_small_and_readable() -> None:
    names = {path.name for path in MODEL_FOLDER.iterdir()}
    wanted = {"open_clip_config.json", "open_clip_model.safetensors", "sketch_bpe.txt.gz"}
    assert names == {*wanted, "golden.json", "README.md", "SHA256SUMS"}
    assert (MODEL_FOLDER / "open_clip_model.safetensors").stat().st_size < 5_000_000
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in MODEL_FOLDER.iterdir())


def test_every_file_of_it_is_verified() -> None:
    done = CliRunner().invoke(app, ["weights", "verify", "sketch", "--json"])
    states = {Path(f["path"]).name: f["state"] for f in json.loads(done.output)["files"]}
    assert done.exit_code == 0
    assert set(states.values()) == {"good"}
    assert states.keys() == {path.name for path in MODEL_FOLDER.iterdir()} - {
        "README.md",
        "SHA256SUMS",
    }


def test_its_card_states_the_licence() -> None:
    card = (MODEL_FOLDER / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "Copyright (c) 2021 OpenAI" in card


@pytest.mark.parametrize("texts", [OBJECTS, tuple(map(plural, OBJECTS))], ids=["one", "many"])
def test_it_names_drawings_of_combinations_it_never_saw(
    model: ClipModel, texts: tuple[str, ...]
) -> None:
    drawn = map(draw_request, requests("unit test", 60))
    assert top_one(judge(model, drawn, target(texts))) >= 0.9
