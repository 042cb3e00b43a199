"""Training storage in a dataset repository of the Hugging Face hub: `hf://datasets/OWNER/NAME`.

Everything is written by commits, each on top of the one before: what is read is one commit's
state, and a commit that somebody else makes in between stops the writing instead of mixing with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importers.progress import Progress, silent
from importers.training_storage.storages import hub_requests
from importers.training_storage.storages.errors import is_passing, persistent
from importers.training_storage.storages.fsspec_storage import AT_ONCE, Storage
from importers.training_storage.storages.hub_requests import (
    MOST_FILES,
    Changes,
    Content,
    CopyOf,
    different,
)
from ls_backend.errors import StorageError
from ls_backend.library_errors import http_status
from ls_backend.words import count

if TYPE_CHECKING:
    from importers.training_storage.storages.hub_requests import Operation

_URL = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)(?:/(.+))?")
_DATASET = "dataset"
_BRANCH = "main"
_OF_THE_REPOSITORY = {".gitattributes", "README.md"}


class HubStorage(Storage):
    """Files below a folder of a dataset repository, by their names relative to it.

    All methods of `Storage`, with the same promises. The token comes from HF_TOKEN or from
    `hf auth login`; the hub's address from HF_ENDPOINT, where that is set. Every method raises
    StorageError when the hub refuses or cannot be reached. One thread at a time may write.

    Attributes:
        root_card: Whether this storage is the whole repository, whose page shows `README.md`.
    """

    def __init__(self, url: str) -> None:
        match = _URL.fullmatch(url.rstrip("/"))
        if match is None:
            raise StorageError(
                f"Training storage {url} is not the address of a dataset repository.",
                hint="Write hf://datasets/OWNER/NAME, or hf://datasets/OWNER/NAME/FOLDER.",
            )
        self.shown = url.rstrip("/")
        self._repo, self._folder = match[1], match[2] or ""
        self.root_card = not self._folder
        self._at_once = AT_ONCE
        self._head: str | None = None
        self._knows_upload = False
        self._changes = Changes()
        self._gathers = False
        with self._translated("opened"):
            from huggingface_hub import HfApi

            self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
            hub_requests.limit_time()

    def read(self, name: str) -> bytes | None:
        """The bytes of a file as of the commit that this storage stands on; None without one."""
        from huggingface_hub.errors import EntryNotFoundError

        path = self._path(name)
        content = self._changes.contents.get(path, CopyOf(path))
        if not isinstance(content, CopyOf):
            return content.read_bytes() if isinstance(content, Path) else content
        with self._translated("read"):
            try:
                return bytes(hub_requests.get(self._address(content.path)).content)
            except EntryNotFoundError:
                return None

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Name and size in bytes of every file below a folder, or of all; sorted by name.

        Without .gitattributes and README.md at the repository's root: the hub's settings and page.
        """
        from huggingface_hub import RepoFile
        from huggingface_hub.errors import EntryNotFoundError

        inside = self._path(folder)
        if self._changes.adds_below(inside):
            self._commit()
        with self._translated("listed"):
            entries = self._api.list_repo_tree(
                self._repo,
                inside or None,
                recursive=True,
                revision=self._standing(),
                repo_type=_DATASET,
            )
            try:
                files = [entry for entry in entries if isinstance(entry, RepoFile)]
            except EntryNotFoundError:
                return {}
        start = len(self._folder) + 1 if self._folder else 0
        return {
            file.path[start:]: file.size
            for file in sorted(files, key=lambda file: file.path)
            if file.path not in _OF_THE_REPOSITORY and not self._changes.removes(file.path)
        }

    @contextmanager
    def together(self) -> Iterator[None]:
        """Gather what is written inside, and commit it at the end; what fails is not committed.

        Only what is too much for one commit comes earlier, in the order in which it was written.
        What is read inside shows what is gathered.
        """
        if self._gathers:
            yield
            return
        self._gathers = True
        try:
            yield
            self._commit()
        finally:
            self._gathers = False
            self._changes = Changes()

    def put_many(
        self, files: Iterable[tuple[str, bytes | Path]], progress: Progress = silent
    ) -> None:
        """Put files in place, instead of those that may be there.

        One commit for up to 1000 files and 256 MiB: each commit is there whole or not at all.
        """
        total = len(files) if isinstance(files, Collection) else 0
        done = 0
        progress(done, total)
        with self.together():
            for name, data in files:
                if self._make_room(data):
                    progress(done, total)
                self._changes.set(self._path(name), data)
                done += 1
        progress(done, total)

    def copy_many(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy files, (existing, new); the hub copies large files and pictures by itself."""
        with self.together():
            for existing, new in pairs:
                source = self._path(existing)
                self._make_room(self._changes.copied(source))
                self._changes.set(self._path(new), self._changes.copied(source))

    def remove_many(self, names: Iterable[str]) -> None:
        """Remove files; nothing happens for those that are not there. The history keeps them."""
        rest = map(self._path, names)
        with self.together():
            while part := list(islice(rest, MOST_FILES)):
                there = self._existing(part)
                for path in part:
                    self._changes.forget(path)
                for path in there:
                    self._make_room(None)
                    self._changes.set(path, None)

    def check_writable(self) -> None:
        """Find out if this token may write here, without a commit; then stand on the newest commit.

        The hub is asked who the token belongs to, for the repository, and how a small file would
        have to be uploaded, which it answers only to those who may write.
        """
        from huggingface_hub import CommitOperationAdd

        with self._translated("written to"):
            self._head = None
            persistent(lambda: self._api.whoami(cache=True))
            self._standing()
            probe = CommitOperationAdd(self._path(".ls-clip-probe"), b"May ls-clip write here?\n")
            self._api.preupload_lfs_files(self._repo, [probe], repo_type=_DATASET)

    def _digest(self, name: str) -> str | None:
        from huggingface_hub.errors import EntryNotFoundError

        path = self._path(name)
        if path in self._changes.contents:
            data = self.read(name)
            return None if data is None else hashlib.sha256(data).hexdigest()
        with self._translated("read"):
            address = self._address(path)
            try:
                return persistent(lambda: hub_requests.digest(address))
            except EntryNotFoundError:
                return None

    def _existing(self, paths: list[str]) -> list[str]:
        with self._translated("listed"):
            revision = self._standing()
            found = persistent(
                lambda: self._api.get_paths_info(
                    self._repo, paths, revision=revision, repo_type=_DATASET
                )
            )
        return [entry.path for entry in found]

    def _make_room(self, content: Content) -> bool:
        """Commit what is gathered, where one more file would be too much."""
        is_full = not self._changes.has_room(content)
        if is_full:
            self._commit()
        return is_full

    def _commit(self) -> None:
        changes, self._changes = self._changes, Changes()
        if not changes.contents:
            return
        # By its number, a commit is known again whose answer was lost on the way.
        title = f"{changes.summary()} ({secrets.token_hex(4)})"
        with self._translated("written to"):
            parent = self._standing()
            self._head = None
            if not self._knows_upload:
                hub_requests.choose_upload(self._api.endpoint, self._repo)
                self._knows_upload = True
            operations = changes.operations()
            persistent(lambda: self._commit_once(operations, title, parent))
            newest = self._newest()
            if newest["title"] != title and newest["id"] != parent:
                raise self._conflict()
            self._refuse_ignored(operations)
            self._head = newest["id"]

    def _commit_once(self, operations: Sequence[Operation], title: str, parent: str) -> None:
        try:
            with hub_requests.quietly():
                # First, so that copies of these are found to be there, and not uploaded again.
                self._api.preupload_lfs_files(self._repo, different(operations), repo_type=_DATASET)
                self._api.create_commit(
                    self._repo,
                    operations,
                    commit_message=title,
                    repo_type=_DATASET,
                    revision=_BRANCH,
                    parent_commit=parent,
                )
        except Exception as error:
            if not (is_passing(error) and self._newest()["title"] == title):
                raise

    def _standing(self) -> str:
        """The commit that everything is read from, and that the next one is put on."""
        if self._head is None:
            self._head = str(self._newest()["id"])
        return self._head

    def _newest(self) -> dict[str, Any]:
        """The newest commit of the branch: its `id` and `title`."""
        address = f"{self._api.endpoint}/api/datasets/{self._repo}/commits/{_BRANCH}?limit=1"
        newest: dict[str, Any] = hub_requests.get(address).json()[0]
        return newest

    def _refuse_ignored(self, operations: Sequence[Operation]) -> None:
        ignored = [each.path_in_repo for each in operations if getattr(each, "_should_ignore", 0)]
        if ignored:
            raise StorageError(
                f"Training storage {self.shown} leaves out {count(len(ignored), 'file')}, as its "
                f".gitignore says: {ignored[0]}…",
                hint="Remove those lines from .gitignore in the repository, and run this again.",
            )

    def _address(self, path: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(
            self._repo,
            path,
            repo_type=_DATASET,
            revision=self._standing(),
            endpoint=self._api.endpoint,
        )

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}".strip("/")

    def _refused(self, error: Exception, done: str) -> StorageError:
        if http_status(error) in (409, 412):
            return self._conflict()
        why, hint = hub_requests.meaning(error, self._repo)
        return StorageError(f"Training storage {self.shown} cannot be {done}: {why}", hint=hint)

    def _conflict(self) -> StorageError:
        """Somebody else has committed since this storage was looked at."""
        return StorageError(
            f"Training storage {self.shown} was changed by somebody else while this was writing.",
            hint="Nothing was mixed. See to it that one sync at a time writes there, and run this "
            "again.",
            code="storage_conflict",
        )
