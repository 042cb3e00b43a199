"""Files in buckets, read with credentials of this machine.

Owns one fsspec filesystem for each kind of storage, shared by all threads. Its library finds the
credentials, and the endpoint, in the environment that is usual for it.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as OpeningTimeout
from typing import Any

from ls_backend.addresses import CLOUD_STORAGES, CLOUD_VARIABLE, cloud_scheme_of, shown
from ls_backend.errors import ImageError
from ls_backend.images.fetch import Limits, too_large, too_slow
from ls_backend.library_errors import http_status


class CloudFiles:
    """Reads whole files of cloud storages. Safe to share between threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._opened: dict[str, Future[Any]] = {}
        # Looking for credentials can take long, as on a machine of no cloud: readers wait for it
        # no longer than their deadline.
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="cloud")

    def read(self, uri: str) -> bytes:
        """The bytes of `s3://bucket/key`, `gs://bucket/key` or `azure-blob://container/key`.

        Raises:
            ImageError: With a code that says which bound or step failed.
        """
        from fsspec.exceptions import FSTimeoutError

        deadline = time.monotonic() + self._limits.seconds
        try:
            data = self._read(uri, deadline)
        except (OpeningTimeout, FSTimeoutError, TimeoutError) as error:
            raise too_slow(uri, self._limits) from error
        except Exception as error:  # each storage's library raises its own: no list would be whole
            if http_status(error) == 416:  # no first byte: the file is empty
                return b""
            raise _failure(uri, error) from error
        if len(data) > self._limits.max_bytes:
            raise too_large(uri, self._limits.max_bytes)
        return data

    def _read(self, uri: str, deadline: float) -> bytes:
        from fsspec.asyn import sync

        storage = CLOUD_STORAGES[cloud_scheme_of(uri) or ""]
        files = self._filesystem(storage.protocol).result(deadline - time.monotonic())
        path = f"{storage.protocol}://{uri.partition('://')[2]}"
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        end = self._limits.max_bytes + 1
        return bytes(sync(files.loop, files._cat_file, path, start=0, end=end, timeout=left))

    def _filesystem(self, protocol: str) -> Future[Any]:
        with self._lock:
            opening = self._opened.get(protocol)
            if opening is None or (opening.done() and opening.exception()):
                opening = self._opened[protocol] = self._opener.submit(_open, protocol)
            return opening


def _open(protocol: str) -> Any:
    import fsspec

    # fsspec remembers an instance for each thread; one is enough for all.
    return fsspec.filesystem(protocol, skip_instance_cache=True)


def _failure(uri: str, error: Exception) -> ImageError:
    storage = CLOUD_STORAGES[cloud_scheme_of(uri) or ""]
    reason = _first_line(error)
    if isinstance(error, ImportError):
        return ImageError(
            f"{shown(uri)} cannot be read: {reason}",
            hint=storage.install_hint,
            code="cloud_package",
        )
    if isinstance(error, FileNotFoundError):
        return ImageError(
            f"{shown(uri)} is not there.",
            hint="Check the task's data, and that its bucket is in the account that is used here.",
            code="cloud_missing",
        )
    if _is_forbidden(error):
        return ImageError(
            f"{shown(uri)} may not be read: {reason}",
            hint="Let the credentials of the backend read the files of its bucket; for a file "
            "that is not there, they need the right to list it too.",
            code="cloud_forbidden",
        )
    return ImageError(
        f"{shown(uri)} cannot be read: {reason}",
        hint=f"Check the credentials and the endpoint that {storage.package} finds in the "
        f"environment, or leave this storage to Label Studio: take it out of {CLOUD_VARIABLE}.",
        code="cloud",
    )


def _is_forbidden(error: Exception) -> bool:
    # gcsfs words a 403 in an OSError that has no number.
    return (
        isinstance(error, PermissionError)
        or http_status(error) in (401, 403)
        or str(error).startswith("Forbidden")
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    line = text.splitlines()[0]
    return line if len(line) <= 300 else f"{line[:300]}…"
