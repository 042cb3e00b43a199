"""A labeling config, settings and images for tests that ask the routes."""

from __future__ import annotations

import base64
import io
import threading

from drawings import Draw

from ls_backend.backend import ModelLoader
from ls_backend.model import ClipModel
from ls_backend.settings import Settings

CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image" '
    'clip_claim="$label"><Choice value="cat"/><Choice value="dog"/></Choices></View>'
)
PLAIN = Settings(cache_max_bytes=0)


def inline(drawing: Draw, label: str) -> str:
    """A drawing of the label as a data URI."""
    buffer = io.BytesIO()
    drawing(label).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def loaded(model: ClipModel) -> ModelLoader:
    """A loader whose model is there."""
    done = threading.Event()
    loader = ModelLoader(lambda: model, lambda _: done.set())
    loader.start()
    assert done.wait(60)
    return loader
