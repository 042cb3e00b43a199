"""A model from a folder: loaded whole, or refused with what to do."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_folders import SMALL_VIT, edit_config, random_model, refusal_of

from ls_backend.clip.clip import Clip
from ls_backend.clip.golden import GOLDEN_FILE
from ls_backend.clip.model_source import CONFIG_FILE
from ls_backend.clip.model_source import WEIGHTS_FILE as WEIGHTS
from ls_backend.errors import ModelError


def test_a_local_folder_is_a_model(clip: Clip) -> None:
    assert clip.name == "sketch-clip"
    assert len(clip.fingerprint) == 64
    assert clip.logit_scale > 1


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

    (folder / GOLDEN_FILE).unlink()
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
    (folder / GOLDEN_FILE).unlink()

    with pytest.raises(ModelError, match="not numbers"):
        Clip.load(str(folder)).encode_texts(["a cat"])


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "named", "fix"),
    [
        (lambda c: c.pop("preprocess_cfg"), "no mean", "0.48145466"),
        (lambda c: c["preprocess_cfg"].pop("mean"), "no mean", "[0.5, 0.5, 0.5]"),
        (lambda c: c["preprocess_cfg"].update(mean=[0.5]), "no mean", "0.48145466"),
        (lambda c: c["preprocess_cfg"].update(std=None), "no std", "0.26862954"),
        (lambda c: c["preprocess_cfg"].update(std=[0.2, 0, 0.2]), "no std", "0.26862954"),
        (lambda c: c["preprocess_cfg"].update(interpolation="cubic"), "'cubic'", "bicubic"),
        (lambda c: c["preprocess_cfg"].update(resize_mode=7), "resize_mode 7", "shortest"),
        (lambda c: c["preprocess_cfg"].update(size=224), "224", "vision_cfg.image_size"),
        (lambda c: c["preprocess_cfg"].update(size=[64, 32]), "[64, 32]", "image_size"),
        (lambda c: c["model_cfg"].update(quick_gelu="yes"), "quick_gelu", "true"),
        (lambda c: c["model_cfg"].update(init_logit_bias=-10), "logit_bias", "Remove"),
        (
            lambda c: c["model_cfg"]["text_cfg"].update(hf_tokenizer_name="me/words"),
            "me/words",
            "tokenizer.json",
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused_with_the_fix(
    folder: Path, change: Change, named: str, fix: str
) -> None:
    edit_config(folder, change)

    refusal = refusal_of(str(folder))

    assert str(folder / CONFIG_FILE) in refusal.message
    assert named in refusal.message
    assert fix in refusal.hint


def test_a_size_may_be_given_as_a_pair(folder: Path, clip: Clip) -> None:
    edit_config(folder, lambda config: config["preprocess_cfg"].update(size=[64, 64]))

    assert Clip.load(str(folder)).fingerprint == clip.fingerprint


@pytest.mark.parametrize(("trained", "set_to"), [("quick_gelu", "true"), ("gelu", "false")])
def test_a_config_of_transformers_beside_the_weights_tells_the_activation(
    folder: Path, trained: str, set_to: str
) -> None:
    (folder / GOLDEN_FILE).unlink()
    edit_config(folder, lambda config: config["model_cfg"].update(quick_gelu=trained == "gelu"))
    towers = {name: {"hidden_act": trained} for name in ("vision_config", "text_config")}
    beside = folder / "config.json"
    beside.write_text(json.dumps({"model_type": "clip", **towers}))

    refusal = refusal_of(str(folder))

    assert trained in refusal.message
    assert f"quick_gelu in model_cfg to {set_to}" in refusal.hint
    for other in ({"model_type": "bert", **towers}, {"model_type": "clip"}, []):
        beside.write_text(json.dumps(other))
        Clip.load(str(folder))


def test_a_siglip_model_has_a_bias_and_a_head_of_its_own(tmp_path: Path) -> None:
    plain = Clip.load(str(random_model(tmp_path / "plain", SMALL_VIT)))
    biased = Clip.load(str(random_model(tmp_path / "biased", {**SMALL_VIT, "init_logit_bias": -9})))

    assert plain.logit_bias is None
    assert biased.logit_bias == pytest.approx(-9)
    assert plain.fingerprint != biased.fingerprint


def test_the_fingerprint_changes_with_the_bias_alone(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = random_model(tmp_path / "biased", {**SMALL_VIT, "init_logit_bias": -9})
    before = Clip.load(str(folder)).fingerprint
    weights = load_file(folder / WEIGHTS)
    weights["logit_bias"] -= 1
    save_file(weights, folder / WEIGHTS)

    assert Clip.load(str(folder)).fingerprint != before


def test_weights_of_siglip_in_a_folder_of_clip_are_refused_with_the_fix(tmp_path: Path) -> None:
    folder = random_model(tmp_path / "biased", {**SMALL_VIT, "init_logit_bias": -9})
    edit_config(folder, lambda config: config["model_cfg"].pop("init_logit_bias"))

    assert "init_logit_bias" in refusal_of(str(folder)).hint
