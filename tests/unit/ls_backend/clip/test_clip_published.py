"""A model that open_clip lists: by its name, from the Hugging Face cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest
from drawings import Draw
from model_folders import refusal_of

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.clip import Clip
from ls_backend.clip.model_source import CONFIG_FILE
from ls_backend.clip.model_source import WEIGHTS_FILE as WEIGHTS


@pytest.mark.parametrize(
    ("model", "nearest"),
    [
        ("ViT-B-32", "ViT-B-32/openai"),
        ("ViT-B/32", "ViT-B-32/"),
        ("ViT-B-32/laion2b", "ViT-B-32/laion2b_e16"),
        ("vit-b-32/LAION2B_s34b_b79k", "ViT-B-32/laion2b_s34b_b79k"),
        ("no-such-thing", "ViT-B-32/laion2b_s34b_b79k"),
        ("", "ViT-B-32/laion2b_s34b_b79k"),
    ],
)
def test_an_unknown_model_is_answered_with_the_nearest(model: str, nearest: str) -> None:
    refusal = refusal_of(model)

    assert repr(model) in refusal.message
    assert nearest in refusal.hint


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache and no network: returns where weights of `me/tiny` would lie."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    repository = tmp_path / "hub" / "models--me--tiny"
    snapshot = repository / "snapshots" / "1234"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("1234")
    return snapshot


@pytest.mark.parametrize("offline", [False, True])
def test_missing_weights_without_network_say_what_to_do(
    hub: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)

    refusal = refusal_of("ViT-B-32/laion2b_s34b_b79k")

    assert refusal.code == "weights_missing"
    assert str(hub.parents[2]) in refusal.hint
    assert ("HF_HUB_OFFLINE" in refusal.message) == offline


@pytest.mark.parametrize("name", [WEIGHTS, "mine.safetensors"])
def test_weights_in_the_cache_need_no_network(
    clip: Clip, hub: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.copy(MODEL_FOLDER / WEIGHTS, hub / name)
    publish(monkeypatch, "me/tiny/" if name == WEIGHTS else "me/tiny/mine.bin")

    published = Clip.load("tiny/v1")

    assert published.name == "tiny/v1"
    assert published.encode_texts(["a cat"]) == pytest.approx(clip.encode_texts(["a cat"]))


def test_the_tag_decides_on_preprocessing_and_activation(
    clip: Clip, hub: Path, monkeypatch: pytest.MonkeyPatch, drawing: Draw
) -> None:
    shutil.copy(MODEL_FOLDER / WEIGHTS, hub / WEIGHTS)
    publish(monkeypatch, "me/tiny/", mean=(0, 0, 0), quick_gelu=True)

    published = Clip.load("tiny/v1")

    assert published.encode_texts(["a cat"]) != pytest.approx(clip.encode_texts(["a cat"]))
    cats = [drawing("cat")]
    assert published.encode_images(cats) != pytest.approx(clip.encode_images(cats), abs=0.01)


def publish(monkeypatch: pytest.MonkeyPatch, repository: str, **tag: object) -> None:
    """Make open_clip know the tiny CLIP as "tiny/v1", with its weights on the hub."""
    import open_clip

    config = json.loads((MODEL_FOLDER / CONFIG_FILE).read_text())["model_cfg"]
    files = config["text_cfg"]["tokenizer_kwargs"]
    files["bpe_path"] = str(MODEL_FOLDER / files["bpe_path"])
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", config)
    registered = {"url": "", "hf_hub": repository, "interpolation": "bicubic", **tag}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", {"v1": registered})
