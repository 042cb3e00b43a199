"""How S3 is asked through s3fs: time limits, and no tries or memory of its own."""

from __future__ import annotations

from typing import Any

_CLIENT = {
    "connect_timeout": 10,
    "read_timeout": 60,
    "max_pool_connections": 32,
    "retries": {"total_max_attempts": 1, "mode": "standard"},
}
"""Of botocore; `retries` tries again, and the numbers of tries would multiply."""


def s3_options() -> dict[str, Any]:
    """Options of `s3fs.S3FileSystem`; what fsspec's own configuration says of the client wins."""
    from fsspec.config import conf

    given = conf.get("s3", {}).get("config_kwargs", {})
    return {"config_kwargs": {**_CLIENT, **given}}


def asks_once(filesystem: Any) -> Any:
    """The same s3fs file system; it leaves trying again to others."""
    filesystem.retries = 1
    return filesystem
