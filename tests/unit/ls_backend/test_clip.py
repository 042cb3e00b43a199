"""Loading CLIP models, what their vectors hang on, and what they do not hang on."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
from drawings import Draw
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from importers.sketch import MODEL_FOLDER
from ls_backend.clip import Clip
from ls_backend.errors import ModelError
from ls_backend.model_source import CONFIG_FILE
from ls_backend.zero_shot import probabilities, text_vectors

WEIGHTS = "open_clip_model.safetensors"
SAME = 1e-5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny CLIP, to be changed."""
    return Path(shutil.copytree(MODEL_FOLDER, tmp_path / "my-clip"))


def edit_config(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    config = json.loads((folder / CONFIG_FILE).read_text())
    edit(config)
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def refusal_of(model: str) -> ModelError:
    with pytest.raises(ModelError) as refusal:
        Clip.load(model)
    assert refusal.value.hint
    return refusal.value


def test_a_local_folder_is_a_model(clip: Clip) -> None:
    assert clip.name == "sketch-clip"
    assert len(clip.fingerprint) == 64
    assert clip.logit_scale > 1


def test_vectors_are_of_unit_length(clip: Clip, drawing: Draw) -> None:
    images = clip.encode_images([drawing("cat"), drawing("dog")])
    texts = clip.encode_texts(["a cat", "", "a very long caption " * 50])

    assert images.dtype == texts.dtype == np.float32
    assert (len(images), len(texts)) == (2, 3)
    for vectors in (images, texts):
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(vectors)), abs=1e-5)


def test_nothing_in_nothing_out(clip: Clip) -> None:
    assert len(clip.encode_images([])) == len(clip.encode_texts([])) == 0


def test_images_and_texts_meet(clip: Clip, drawing: Draw) -> None:
    labels = ["cat", "bus", "tree", "fish"]

    cosines = (
        clip.encode_images([drawing(label) for label in labels])
        @ clip.encode_texts([f"a photo of a {label}" for label in labels]).T
    )

    assert cosines.argmax(axis=1).tolist() == [0, 1, 2, 3]


@settings(max_examples=10, deadline=None)
@given(
    order=st.permutations(["cat", "bus", "tree", "fish", "star", "dog"]), size=st.integers(1, 36)
)
def test_a_vector_does_not_depend_on_its_batch(
    clip: Clip, drawing: Draw, order: list[str], size: int
) -> None:
    picks = (order * 6)[:size]
    together = clip.encode_images([drawing(label) for label in picks])

    alone = clip.encode_images([drawing(picks[-1])])[0]

    assert np.abs(alone - together[-1]).max() <= SAME


def test_a_very_long_image_is_read_in_its_middle(clip: Clip, drawing: Draw) -> None:
    picture = drawing("cat").resize((64, 64))
    long = Image.new("RGB", (64 * 40, 64), "white")
    long.paste(picture, (64 * 40 // 2 - 32, 0))
    strip = Image.new("RGB", (20_000, 1))

    alone, middle, _ = clip.encode_images([picture, long, strip])

    assert float(alone @ middle) > 0.999


def test_any_working_directory_will_do(
    clip: Clip, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)

    there = Clip.load("my-clip/")

    assert there.name == "my-clip"
    assert there.fingerprint == clip.fingerprint
    assert (there.encode_texts(["a cat"]) == clip.encode_texts(["a cat"])).all()


def test_the_fingerprint_changes_with_all_that_vectors_hang_on(clip: Clip, folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    prints = {clip.fingerprint}
    edit_config(folder, lambda config: config["preprocess_cfg"].update(mean=[0.5, 0.5, 0.5]))
    prints.add(Clip.load(str(folder)).fingerprint)
    weights = load_file(folder / WEIGHTS)
    weights["logit_scale"] += 1
    save_file(weights, folder / WEIGHTS)
    prints.add(Clip.load(str(folder)).fingerprint)
    edit_config(folder, lambda config: config["model_cfg"].update(quick_gelu=True))
    prints.add(Clip.load(str(folder)).fingerprint)

    assert len(prints) == 4


def test_loading_is_quiet_and_leaves_no_trace(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before, filters = list(root.handlers), list(warnings.filters)

    Clip.load(str(folder))

    assert capfd.readouterr() == ("", "")
    assert root.handlers == before
    assert warnings.filters == filters


def test_a_folder_without_a_config_says_what_belongs_there(tmp_path: Path) -> None:
    refusal = refusal_of(str(tmp_path))

    assert str(tmp_path) in refusal.message
    assert CONFIG_FILE in refusal.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_cfg": 1}', '{"model_cfg": {}}'])
def test_a_folder_with_another_config_is_refused(folder: Path, text: str) -> None:
    (folder / CONFIG_FILE).write_text(text)

    assert str(folder) in refusal_of(str(folder)).message


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / WEIGHTS).unlink()

    assert "weights" in refusal_of(str(folder)).message


def test_damaged_weights_are_refused(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:1000])

    assert "my-clip cannot be loaded" in refusal_of(str(folder)).message


def test_weights_that_do_not_fit_the_config_are_refused(folder: Path) -> None:
    edit_config(folder, lambda config: config["model_cfg"].update(embed_dim=64))

    assert "my-clip cannot be loaded" in refusal_of(str(folder)).message


def test_weights_that_are_not_numbers_are_refused(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / WEIGHTS)
    weights["text_projection"][:] = float("nan")
    save_file(weights, folder / WEIGHTS)

    with pytest.raises(ModelError, match="not numbers"):
        Clip.load(str(folder)).encode_texts(["a cat"])


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


@pytest.fixture(scope="module")
def random_vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT-B-32 that knows nothing: for what holds of any weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("models") / "random-vit"
    folder.mkdir()
    torch.manual_seed(0)
    network = open_clip.create_model("ViT-B-32", pretrained=None)
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    config = {
        "model_cfg": open_clip.get_model_config("ViT-B-32"),
        "preprocess_cfg": network.visual.preprocess_cfg,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("which", ["tiny", "random_vit"])
def test_bfloat16_gives_the_same_answers(
    which: str, drawing: Draw, request: pytest.FixtureRequest
) -> None:
    model = str(request.getfixturevalue("random_vit") if which == "random_vit" else MODEL_FOLDER)
    exact = Clip.load(model, device="cpu", precision="float32")
    short = Clip.load(model, device="cpu", precision="bfloat16")
    images = [
        drawing(label).rotate(angle)
        for label in ("cat", "dog", "bus", "fish", "tree")
        for angle in range(0, 360, 18)
    ]
    texts = text_vectors(("cat", "dog", "bus", "fish", "tree"), exact.encode_texts)

    shares = [
        probabilities(clip.encode_images(images), texts, clip.logit_scale)
        for clip in (exact, short)
    ]

    assert (shares[0].argmax(axis=1) == shares[1].argmax(axis=1)).mean() >= 0.99
    assert np.abs(shares[0] - shares[1]).mean() <= 0.01
    assert exact.fingerprint != short.fingerprint


def test_a_batch_that_does_not_fit_into_memory_is_halved(
    clip: Clip, drawing: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = [clip.preprocess(drawing(label)) for label in ("cat", "dog", "bus", "fish", "tree")]
    whole = clip.encode_pixels(pixels)
    encode, sizes = clip._pixel_vectors, []

    def small_memory(batch: Any) -> Any:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return encode(batch)

    monkeypatch.setattr(clip, "_pixel_vectors", small_memory)

    assert np.abs(clip.encode_pixels(pixels) - whole).max() <= SAME
    assert sizes == [5, 2, 1, 1, 3, 1, 2, 1, 1]
