"""The files of a model: brought from the Hugging Face hub, and checked byte by byte.

A published model is its weights and, where its text tower has a tokenizer of its own (SigLIP,
XLM-RoBERTa, …), the tokenizer's files; CLIP's own tokenizer comes with open_clip. They lie in the
Hugging Face cache, or together in a folder in open_clip's `local-dir:` layout, whose SHA256SUMS
says what each must be. In the cache the name of a file's blob is its checksum on the hub: SHA-256
for large files, git's SHA-1 for small ones. (`HfApi.verify_repo_checksums` asks the hub for them;
here a machine without network can check its files.)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ls_backend.clip.golden import measure, write_golden
from ls_backend.clip.model_source import CONFIG_FILE, PREFIX, WEIGHTS_FILE, folder_of, registration
from ls_backend.clip.weights import (
    TOKENIZER_FILES,
    TOKENIZERS,
    cached_files,
    hub_obstacle,
    weights_names,
)
from ls_backend.errors import ModelError
from ls_backend.whole_files import put_in_place

SUMS_FILE = "SHA256SUMS"

State = Literal["good", "damaged", "missing", "unchecked"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class FileState:
    """One file of a model.

    Attributes:
        path: Path of the file, or repository and name where it is missing from the cache.
        state: Finding of the check; `unchecked` where nothing says what the file must be.
        sha256: SHA-256 of its bytes in hex; "" where it is missing.
    """

    path: str
    state: State
    sha256: str


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the hub."""

    repository: str
    name: str


def fetch(model: str, to: Path | None = None, say: Say = lambda _line: None) -> list[FileState]:
    """Bring what is missing or damaged of "ARCH/PRETRAINED", and check all of it.

    `to` makes a model folder there; None: into the Hugging Face cache. A file that is whole is not
    fetched again; one that was interrupted by the end of the process is, from its start.

    Raises:
        ModelError: No such model, or the hub does not give the files.
    """
    arch, registered = registration(model)
    files = _hub_files(model, arch, registered)
    paths = []
    for file in files:
        say(f"{file.repository}/{file.name}")
        paths.append(_brought(model, file))
    if to is None:
        return verify(model)
    _write_folder(to, _config(arch, registered), paths)
    return verify(str(to))


def verify(model: str) -> list[FileState]:
    """The state of every file of a published model in the cache, or of a model folder. No network.

    Raises:
        ModelError: No such model.
    """
    folder = folder_of(model)
    if folder is not None:
        return _folder_states(folder)
    arch, registered = registration(model)
    repository, _, filename = registered["hf_hub"].rpartition("/")
    weights = cached_files(repository, weights_names(filename))[:1]
    states = [_blob_state(path) for path in weights]
    if not weights:
        states.append(FileState(f"{repository}/{weights_names(filename)[0]}", "missing", ""))
    return states + _tokenizer_states(_tokenizer(arch))


def repair(model: str) -> str:
    """The command that brings what `verify` misses."""
    folder = folder_of(model)
    if folder is None:
        return f"ls-clip weights fetch {model}"
    return f"ls-clip weights fetch ARCH/PRETRAINED --to {folder}, or copy the folder again"


def _write_folder(folder: Path, config: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Make the model folder of `config`: weights first in `files`, then the tokenizer's files.

    A file appears under its name only when it is whole. SHA256SUMS comes last.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [_weights_name(files[0]), *(path.name for path in files[1:])]
    for path, name in zip(files, names, strict=True):
        part = folder / f"{name}.part"
        shutil.copyfile(path, part)
        put_in_place(part, folder / name)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    write_sums(folder, [CONFIG_FILE, *names])


def keep_golden(folder: Path) -> Path:
    """Write golden.json: what the model in `folder` answers now. Returns the file.

    Where there is a SHA256SUMS, the file gets its line in it.

    Raises:
        ModelError: The folder is no model that can be loaded.
        OSError: The folder cannot be written.
    """
    from ls_backend.clip.clip import Clip

    clip = Clip.load(f"{PREFIX}{folder}", device="cpu", precision="float32", check_golden=False)
    path = write_golden(folder, measure(clip))
    if sums := read_sums(folder):
        _put_sums(folder, {**sums, path.name: sha256_of(path)})
    return path


def write_sums(folder: Path, names: Sequence[str]) -> None:
    """Write SHA256SUMS: what these files of a folder are now."""
    _put_sums(folder, {name: sha256_of(folder / name) for name in names})


def read_sums(folder: Path) -> dict[str, str]:
    """File name → SHA-256 as SHA256SUMS has it; empty where there is none."""
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {pair[1].lstrip("*"): pair[0] for pair in pairs if len(pair) == 2}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex."""
    from huggingface_hub.utils.sha import sha_fileobj

    with path.open("rb") as file:
        return sha_fileobj(file).hex()


def _hub_files(model: str, arch: str, registered: Mapping[str, Any]) -> list[HubFile]:
    repository, _, filename = registered["hf_hub"].rpartition("/")
    obstacle = hub_obstacle()
    if obstacle:
        raise _not_brought(model, obstacle)
    names = _listed(model, repository)
    weights = [name for name in weights_names(filename) if name in names][:1]
    if not weights:
        raise _not_brought(model, f"{repository} has no {weights_names(filename)[-1]}")
    tokenizer = _tokenizer(arch)
    there = _listed(model, tokenizer) if tokenizer else set()
    return [
        *(HubFile(repository, name) for name in weights),
        *(HubFile(tokenizer, name) for name in TOKENIZER_FILES if name in there),
    ]


def _listed(model: str, repository: str) -> set[str]:
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(repository)
    except Exception as error:  # the hub client and its transports each raise their own
        raise _not_brought(model, str(error).partition("\n")[0][:300]) from error
    return {sibling.rfilename for sibling in info.siblings or []}


def _brought(model: str, file: HubFile) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(file.repository, file.name))
        if _blob_state(path).state == "damaged":
            path = Path(hf_hub_download(file.repository, file.name, force_download=True))
    except Exception as error:  # as above
        raise _not_brought(model, str(error).partition("\n")[0][:300]) from error
    if _blob_state(path).state == "damaged":
        raise _not_brought(model, f"{file.name} came damaged, twice")
    return path


def _not_brought(model: str, why: str) -> ModelError:
    return ModelError(
        f"The files of {model} cannot be fetched: {why}.",
        hint="Run it again with network: what has come already is not fetched twice. HF_ENDPOINT "
        "names a mirror of the hub.",
        code="weights_fetch",
    )


def _tokenizer(arch: str) -> str:
    """The repository of the tokenizer, or "" where open_clip brings it along."""
    import open_clip

    config = open_clip.get_model_config(arch) or {}
    return str(config.get("text_cfg", {}).get("hf_tokenizer_name", ""))


def _config(arch: str, registered: Mapping[str, Any]) -> dict[str, Any]:
    import open_clip

    quick_gelu = bool(registered.get("quick_gelu", False))
    preprocess = {
        name: registered[name]
        for name in ("mean", "std", "interpolation", "resize_mode")
        if registered.get(name) is not None
    }
    model = {**open_clip.get_model_config(arch), "quick_gelu": quick_gelu}
    return {"model_cfg": model, "preprocess_cfg": preprocess}


def _tokenizer_states(repository: str) -> list[FileState]:
    if not repository:
        return []
    paths = cached_files(repository, TOKENIZER_FILES)
    states = [_blob_state(path) for path in paths]
    if not any(path.name in TOKENIZERS for path in paths):
        states.append(FileState(f"{repository}/{TOKENIZERS[0]}", "missing", ""))
    return states


def _blob_state(path: Path) -> FileState:
    from huggingface_hub.utils.sha import git_hash

    if not path.exists():
        return FileState(str(path), "missing", "")
    promised, found = path.resolve().name, sha256_of(path)
    if len(promised) == 64:
        state: State = "good" if promised == found else "damaged"
    elif len(promised) == 40:
        state = "good" if promised == git_hash(path.read_bytes()) else "damaged"
    else:  # a file system without links: the cache then has no name for the content
        state = "unchecked"
    return FileState(str(path), state, found)


def _folder_states(folder: Path) -> list[FileState]:
    sums = read_sums(folder)
    if not sums:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        states = [FileState(str(path), "unchecked", sha256_of(path)) for path in files]
        return [*states, FileState(str(folder / SUMS_FILE), "missing", "")]
    return [_summed_state(folder / name, promised) for name, promised in sums.items()]


def _summed_state(path: Path, promised: str) -> FileState:
    if not path.is_file():
        return FileState(str(path), "missing", "")
    found = sha256_of(path)
    return FileState(str(path), "good" if found == promised else "damaged", found)


def _put_sums(folder: Path, sums: Mapping[str, str]) -> None:
    lines = [f"{promised}  {name}\n" for name, promised in sums.items()]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def _weights_name(path: Path) -> str:
    safe = path.suffix == ".safetensors"
    return WEIGHTS_FILE if safe else "open_clip_pytorch_model.bin"
