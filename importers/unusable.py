"""Pictures that nobody needs to look at: blank, almost one colour, far too dark, far too bright.

Owns how that is measured: on a copy of at most 64 pixels a side, each pixel of which is the mean of
those that it stands for, so that noise and grain play no part and a large picture costs as little
as a small one. What is measured are the ideas of CleanVision (dark, light and low-information
images), which looks at percentiles of brightness and at entropy. Its limits are made for finding
what is odd in a set of photographs: they name night scenes dark, and line drawings on white paper
light. Ours are to keep pictures from people unseen, so they are far stricter: a drawing that covers
a two-hundredth of white or black paper is not touched.
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
"""The brightest pixels are below this share of white. (CleanVision: 0.32, at the 99th percentile.)"""
BRIGHT_ABOVE = 0.96
"""The darkest pixels are above it. (CleanVision: 0.95, at the 5th percentile, which a thin drawing
on white paper does not reach.)"""
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
