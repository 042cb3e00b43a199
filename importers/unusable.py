"""Pictures that nobody needs to look at: blank, almost one colour, far too dark, far too bright.

Owns how that is measured: on a copy of at most 64 pixels a side, each pixel of which is the mean of
those that it stands for, so that fine grain plays no part and a large picture costs as little as a
small one. That brightness and a lack of information tell unusable pictures is CleanVision's idea;
it judges the brightness of the whole, to find what is odd in a set of photographs, and so names
night scenes dark and drawings on white paper light. Our limits keep pictures from people unseen:
they look at the brightest or darkest few pixels. They were tried on 1,300 drawings of the sketch
world, failed ones among them; the darkest of these reaches 0.55 of white, the brightest has pixels
of 0.84, and the one with most of one colour has 0.91 of it. So a thing that covers a two-hundredth
of white or black paper is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

BLANK, ONE_COLOUR, DARK, BRIGHT, BROKEN = "blank", "one colour", "dark", "bright", "broken"
FLAWS = (BLANK, ONE_COLOUR, DARK, BRIGHT, BROKEN)

LONGEST_SIDE = 64
BLANK_LEVELS = 3
"""Of 255, between the smallest and the largest value of each channel: what JPEG makes of a plain
colour, and less than an eye tells apart."""
ONE_COLOUR_LEVELS = 8
"""Of 255, from the colour in the middle, in the channel that is farthest away."""
ONE_COLOUR_SHARE = 0.995
"""Of the pixels. A thing that is 18 pixels wide in a picture of 256 covers the other 0.5 %."""
DARK_BELOW = 0.12
"""Share of white that the brightest pixels are below."""
BRIGHT_ABOVE = 0.96
"""Share of white that the darkest pixels are above."""
EXTREME_SHARE = 0.005
"""How many pixels may be brighter than a dark picture, or darker than a bright one."""
_BRIGHTNESS = np.array((0.299, 0.587, 0.114), dtype=np.float32)  # luma of ITU-R BT.601


def flaw_of(image: Image) -> str | None:
    """What makes an RGB picture unusable, one of `FLAWS` but for `BROKEN`; None for most."""
    pixels = _small(image)
    if np.ptp(pixels, axis=0).max() <= BLANK_LEVELS:
        return BLANK
    brightness = pixels @ _BRIGHTNESS / 255
    if np.quantile(brightness, 1 - EXTREME_SHARE) < DARK_BELOW:
        return DARK
    if np.quantile(brightness, EXTREME_SHARE) > BRIGHT_ABOVE:
        return BRIGHT
    distance = np.abs(pixels - np.median(pixels, axis=0)).max(axis=1)
    if (distance <= ONE_COLOUR_LEVELS).mean() >= ONE_COLOUR_SHARE:
        return ONE_COLOUR
    return None


def _small(image: Image) -> NDArray[np.float32]:
    """The picture's pixels, at most 64 x 64 of them, shape (n, 3), 0 to 255."""
    from PIL.Image import Resampling

    width, height = (min(side, LONGEST_SIDE) for side in image.size)
    small = image.resize((width, height), Resampling.BOX)
    return np.asarray(small, dtype=np.float32).reshape(-1, 3)
