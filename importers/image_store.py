"""Original image bytes on disk, named by their content: nothing is ever overwritten."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from ls_backend.whole_files import write_whole

_UNFINISHED = ".part-"
_KNOWN_STARTS = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpg",
    b"RIFF": "webp",
    b"GIF8": "gif",
}
_UNKNOWN = "bin"
_ENDINGS = (*_KNOWN_STARTS.values(), _UNKNOWN)


class ImageStore:
    """A folder of images: `<first two digits>/<sha256>.<format>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Store bytes so that a kill at any moment leaves them whole or not there.

        Returns:
            The sha256 of the bytes, 64 hexadecimal digits.
        """
        digest = hashlib.sha256(data).hexdigest()
        target = self._folder_of(digest) / f"{digest}.{image_format(data)}"
        if target.exists():
            return digest
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, data, target.parent / f"{_UNFINISHED}{uuid.uuid4().hex}")
        return digest

    def path(self, digest: str) -> Path:
        """Where the image with this sha256 lies.

        Raises:
            FileNotFoundError: it is not in the store.
        """
        for ending in _ENDINGS:
            path = self._folder_of(digest) / f"{digest}.{ending}"
            if path.exists():
                return path
        raise FileNotFoundError(f"{self.folder} has no image {digest}")

    def get(self, digest: str) -> bytes:
        return self.path(digest).read_bytes()

    def unfinished(self) -> list[Path]:
        """What processes left that were killed while they stored an image."""
        return sorted(self.folder.glob(f"??/{_UNFINISHED}*"))

    def _folder_of(self, digest: str) -> Path:
        return self.folder / digest[:2]


class UnkeptImages(ImageStore):
    """A store that is only read: of what is put into it, the last image is remembered."""

    _last: tuple[str, bytes] = ("", b"")

    def put(self, data: bytes) -> str:
        self._last = (hashlib.sha256(data).hexdigest(), data)
        return self._last[0]

    def get(self, digest: str) -> bytes:
        return self._last[1] if digest == self._last[0] else super().get(digest)


def image_format(data: bytes) -> str:
    """File ending for image bytes, by how they start; "bin" for what is not known."""
    return next((name for start, name in _KNOWN_STARTS.items() if data.startswith(start)), _UNKNOWN)
