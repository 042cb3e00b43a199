"""A published model whose tokenizer is on the hub (as SigLIP's): brought once, then not asked for.

Each load is a process of its own, as a server's start is. What reads the tokenizer is transformers
where it is installed, else a stand-in: it would be imported with every open_clip, in all tests.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from fake_hub import Hub, environment
from forked import run_forked

from importers.sketch import MODEL_FOLDER

# open_clip learns the tiny CLIP as "tiny/v1", with the tokenizer of "me/words".
LOAD = """
import json, sys
from pathlib import Path
import open_clip, open_clip.pretrained as pretrained
folder, home, without = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
sys.modules.update(dict.fromkeys(without))
config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
config["text_cfg"] |= {"hf_tokenizer_name": "me/words", "tokenizer_kwargs": {}}
(home / "tiny.json").write_text(json.dumps(config))
open_clip.add_model_config(home / "tiny.json")
pretrained._PRETRAINED["tiny"] = {"v1": pretrained._pcfg(hf_hub="me/tiny/")}
from ls_backend.clip.clip import Clip
from ls_backend.errors import ModelError
try:
    clip = Clip.load("tiny/v1")
    cosines = clip.encode_texts(["red cat"]) @ clip.encode_texts(["red cat", "blue dog"]).T
    print(json.dumps({"fingerprint": clip.fingerprint, "cosines": cosines[0].tolist()}))
except ModelError as error:
    print(json.dumps({"code": error.code, "message": error.message, "hint": error.hint}))
"""

STAND_IN = Path(__file__).parent / "stand_in"

WORDS = {"[PAD]": 0, "[UNK]": 1, "red": 2, "blue": 3, "cat": 4, "dog": 5}
TOKENIZER = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"},
}
TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]",
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, hub: Hub) -> Path:
    """An empty Hugging Face home, for a hub whose `me/words` is a real tokenizer."""
    hub.repositories["me/words"] = {
        "tokenizer.json": json.dumps(TOKENIZER).encode(),
        "tokenizer_config.json": json.dumps(TOKENIZER_CONFIG).encode(),
        "picture.png": b"no",
    }
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def load(hub: Hub, home: Path, *without: str, offline: bool = False) -> dict[str, object]:
    variables = dict(environment(hub, home, offline=offline))
    if find_spec("transformers") is None:
        variables["PYTHONPATH"] = os.pathsep.join(
            [str(STAND_IN), *filter(None, [variables.get("PYTHONPATH")])]
        )
    done = run_forked(LOAD, [str(MODEL_FOLDER), str(home), *without], variables)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_a_tokenizer_that_is_not_there_is_named_with_the_command_that_brings_it(
    hub: Hub, home: Path
) -> None:
    refused = load(hub, home, offline=True)

    assert refused["code"] == "weights_missing"
    assert "The tokenizer's files of tiny/v1" in str(refused["message"])
    assert "HF_HUB_OFFLINE" in str(refused["message"])
    assert "ls-clip weights fetch tiny/v1" in str(refused["hint"])
    assert hub.asked == []


def test_a_repository_without_a_tokenizer_is_named(hub: Hub, home: Path) -> None:
    hub.repositories["me/words"] = {"picture.png": b"no"}

    refused = load(hub, home)

    assert "me/words has no tokenizer" in str(refused["message"])
    assert not any("picture" in line for line in hub.asked)


def test_the_package_that_reads_the_tokenizer_is_named_before_the_weights_are_fetched(
    hub: Hub, home: Path
) -> None:
    refused = load(hub, home, "transformers")

    assert refused["code"] == "tokenizer"
    assert refused["hint"] == "pip install transformers"
    assert any("me/words/resolve" in line for line in hub.asked)
    assert not any("me/tiny/resolve" in line for line in hub.asked)


def test_what_is_in_the_cache_is_used_without_asking_the_hub(hub: Hub, home: Path) -> None:
    first = load(hub, home)
    asked = list(hub.asked)
    again = load(hub, home)

    assert "cosines" in first, first
    cosines = first["cosines"]
    assert isinstance(cosines, list)
    same, other = cosines
    assert same == pytest.approx(1)
    assert other < 0.99
    assert again == first
    assert hub.asked == asked
    assert not any("picture" in line for line in asked)


def test_another_tokenizer_is_another_model_version(hub: Hub, home: Path, tmp_path: Path) -> None:
    first = load(hub, home)
    other = tmp_path / "other"
    other.mkdir()
    swapped = json.dumps(TOKENIZER).replace('"cat": 4, "dog": 5', '"cat": 5, "dog": 4')
    hub.repositories["me/words"]["tokenizer.json"] = swapped.encode()

    assert load(hub, other)["fingerprint"] != first["fingerprint"]
