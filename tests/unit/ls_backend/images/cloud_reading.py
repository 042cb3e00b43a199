"""What tests of cloud files share: bounds, and how a refusal is read."""

from __future__ import annotations

import pytest

from ls_backend.errors import ImageError
from ls_backend.images.cloud_files import CloudFiles
from ls_backend.images.fetch import Limits

ROOMY = Limits(seconds=60, max_bytes=1000)
SHORT = Limits(seconds=0.5, max_bytes=1000)


def refused(uri: str, limits: Limits = ROOMY) -> ImageError:
    with pytest.raises(ImageError) as refusal:
        CloudFiles(limits).read(uri)
    assert refusal.value.hint
    assert "secret" not in refusal.value.message + refusal.value.hint
    return refusal.value
