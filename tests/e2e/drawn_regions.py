"""Pictures of several things, and the regions that people or other models draw in them."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from plain_projects import data_uri

from importers.sketch.draw import draw

RECTANGLES = """<View><Image name="image" value="$image"/>
<RectangleLabels name="what" toName="image" smart="true">
<Label value="cat"/><Label value="bus"/></RectangleLabels></View>"""
PER_REGION = """<View><Image name="image" value="$image"/>
<Rectangle name="box" toName="image"/>
<Choices name="what" toName="image" perRegion="true">
<Choice value="cat"/><Choice value="bus"/></Choices></View>"""


def picture(*labels: str) -> str:
    """Drawings side by side, as a data URI."""
    drawn = [draw(f"a photo of a red {label} in a park", 1, 128).png for label in labels]
    together = Image.new("RGB", (128 * len(labels), 128))
    for number, png in enumerate(drawn):
        together.paste(Image.open(io.BytesIO(png)), (128 * number, 0))
    buffer = io.BytesIO()
    together.save(buffer, "PNG")
    return data_uri(buffer.getvalue())


def region(name: str, left: float, kind: str, **value: Any) -> dict[str, Any]:
    """A box over one of two drawings; with a label it is of the control that CLIP fills."""
    place = {"x": left, "y": 0, "width": 50, "height": 100, "rotation": 0, **value}
    return {
        "id": name, "from_name": "what" if value else "box", "to_name": "image", "type": kind,
        "original_width": 256, "original_height": 128, "image_rotation": 0, "value": place,
    }  # fmt: skip
