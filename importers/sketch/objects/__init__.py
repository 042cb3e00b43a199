"""The objects of the sketch world, one small painter each, in files by family.

A painter draws its object within about -1..1 around the origin, y downwards, in the given tint;
the generator decides small things such as the number of petals.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from importers.sketch.objects import animals, nature, things, vehicles
from importers.sketch.pen import Pen, Tint
from importers.sketch.spec import OBJECTS, OUTSIDE_OBJECTS

Painter = Callable[[Pen, Tint, random.Random], None]

_PAINTED = {**vars(animals), **vars(nature), **vars(things), **vars(vehicles)}
PAINTERS: dict[str, Painter] = {name: _PAINTED[name] for name in (*OBJECTS, *OUTSIDE_OBJECTS)}
"""The painter of each object: the function of its name."""
