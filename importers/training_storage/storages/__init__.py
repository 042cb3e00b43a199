"""Where training storage lies: folders, object stores, the hub; how they are asked again."""

from __future__ import annotations

from importers.training_storage.storages.fsspec_storage import Storage


def open_storage(url: str) -> Storage:
    """The training storage at a URL; nothing is read or written yet.

    Raises:
        StorageError: nobody knows this kind of storage, or its package is not installed.
    """
    from importers.training_storage.storages.hub import HubStorage
    from importers.training_storage.storages.local import LocalStorage

    if url.startswith("hf://"):
        return HubStorage(url)
    is_local = url.partition("://")[0] in ("file", "local") if "://" in url else True
    return LocalStorage(url) if is_local else Storage(url)
