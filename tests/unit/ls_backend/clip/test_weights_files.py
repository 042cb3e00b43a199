"""`ls-clip weights` against an HTTP server that speaks the hub's wire format."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from fake_hub import Hub, environment
from forked import run_forked

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.model_source import WEIGHTS_FILE as WEIGHTS

# open_clip learns the tiny CLIP as "tiny/v1"; a tokenizer lies in a repository of its own.
RUN = """
import json, sys
from pathlib import Path
import open_clip, open_clip.pretrained as pretrained
folder = Path(sys.argv.pop(1)); tokenizer = sys.argv.pop(1)
config = json.loads((folder / "open_clip_config.json").read_text())
if tokenizer: config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = tokenizer
source = Path(sys.argv.pop(1)) / "tiny.json"
source.write_text(json.dumps(config["model_cfg"]))
open_clip.add_model_config(source)
pretrained._PRETRAINED["tiny"] = {"v1": pretrained._pcfg(hf_hub="me/tiny/", mean=(0, 0, 0))}
from importers.cli import main
main()
"""


def weights(
    hub: Hub, home: Path, *arguments: str, tokenizer: str = "", offline: bool = False
) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    return run_forked(
        RUN,
        [str(MODEL_FOLDER), tokenizer, str(home), "weights", *arguments],
        environment(hub, home, offline=offline),
    )


def test_fetch_fills_the_cache_and_verify_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"

    before = weights(hub, home, "verify", "tiny/v1")
    fetched = weights(hub, home, "fetch", "tiny/v1", tokenizer="me/words")
    asked = len(hub.asked)
    after = weights(hub, home, "verify", "tiny/v1", "--json", tokenizer="me/words", offline=True)

    assert before.returncode == 1
    assert "ls-clip weights fetch tiny/v1" in before.stderr
    assert fetched.returncode == 0, fetched.stderr
    assert after.returncode == 0, after.stderr
    files = json.loads(after.stdout)["files"]
    assert {Path(file["path"]).name: file["state"] for file in files} == {
        WEIGHTS: "good",
        "tokenizer.json": "good",
    }
    assert files[0]["sha256"] == hashlib.sha256((MODEL_FOLDER / WEIGHTS).read_bytes()).hexdigest()
    assert len(hub.asked) == asked
    assert not any("README" in line or "picture" in line for line in hub.asked)


def test_a_damaged_file_is_named_and_fetch_mends_it(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    weights(hub, home, "fetch", "tiny/v1")
    [blob] = (home / "hub").glob("models--me--tiny/blobs/*")
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")

    damaged = weights(hub, home, "verify", "tiny/v1")
    mended = weights(hub, home, "fetch", "tiny/v1")

    assert damaged.returncode == 1
    assert f"{WEIGHTS} is damaged" in damaged.stderr
    assert "ls-clip weights fetch tiny/v1" in damaged.stderr
    assert mended.returncode == 0, mended.stderr
    assert weights(hub, home, "verify", "tiny/v1").returncode == 0


def test_fetch_to_a_folder_makes_one_that_can_be_carried(hub: Hub, tmp_path: Path) -> None:
    folder, home = tmp_path / "carried", tmp_path / "home"

    made = weights(hub, home, "fetch", "tiny/v1", "--to", str(folder), tokenizer="me/words")
    good = weights(hub, home, "verify", f"local-dir:{folder}", offline=True)
    (folder / WEIGHTS).unlink()
    missing = weights(hub, home, "verify", str(folder), offline=True)

    assert made.returncode == 0, made.stderr
    assert good.returncode == 0, good.stderr
    names = {line.split()[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert names == {"open_clip_config.json", WEIGHTS, "tokenizer.json"}
    assert missing.returncode == 1
    assert f"{WEIGHTS} is missing" in missing.stderr


def test_a_fetched_folder_loads_as_a_model(hub: Hub, tmp_path: Path) -> None:
    from ls_backend.clip.clip import Clip

    folder = tmp_path / "carried"
    made = weights(hub, tmp_path / "home", "fetch", "tiny/v1", "--to", str(folder))
    for vocabulary in MODEL_FOLDER.glob("*.gz"):
        (folder / vocabulary.name).write_bytes(vocabulary.read_bytes())

    assert made.returncode == 0, made.stderr
    assert Clip.load(str(folder)).encode_texts(["a cat"]).shape[0] == 1


def test_offline_fetch_says_so_and_asks_nobody(hub: Hub, tmp_path: Path) -> None:
    refused = weights(hub, tmp_path / "home", "fetch", "tiny/v1", offline=True)

    assert refused.returncode == 1
    assert "HF_HUB_OFFLINE" in refused.stderr
    assert hub.asked == []


def test_a_download_that_breaks_off_is_tried_again(hub: Hub, tmp_path: Path) -> None:
    half = len((MODEL_FOLDER / WEIGHTS).read_bytes()) // 2
    hub.cut_at = half

    fetched = weights(hub, tmp_path / "home", "fetch", "tiny/v1")

    assert fetched.returncode == 0, fetched.stderr
    gets = [line for line in hub.asked if line.startswith(f"GET /me/tiny/resolve/main/{WEIGHTS}")]
    assert len(gets) == 2


def test_an_unknown_model_is_refused_with_near_names(hub: Hub, tmp_path: Path) -> None:
    refused = weights(hub, tmp_path / "home", "fetch", "ViT-B-32/laion2b")

    assert refused.returncode == 1
    assert "ViT-B-32/laion2b_s34b_b79k" in refused.stderr
