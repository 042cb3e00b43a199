"""The objects of the sketch world, one small painter each, in files by family.

A painter draws its object within about -1..1 around the origin, y downwards, in the given tint;
the generator decides small things such as the number of petals.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from importers.sketch.objects import animals, nature, outside, things, vehicles
from importers.sketch.pen import Pen, Tint

Painter = Callable[[Pen, Tint, random.Random], None]

PAINTERS: dict[str, Painter] = {
    "apple": nature.apple,
    "ball": things.ball,
    "boat": vehicles.boat,
    "bus": vehicles.bus,
    "butterfly": animals.butterfly,
    "car": vehicles.car,
    "cat": animals.cat,
    "cup": things.cup,
    "dog": animals.dog,
    "duck": animals.duck,
    "fish": animals.fish,
    "flower": nature.flower,
    "house": things.house,
    "kite": things.kite,
    "mushroom": nature.mushroom,
    "plane": vehicles.plane,
    "rocket": vehicles.rocket,
    "star": nature.star,
    "tree": nature.tree,
    "umbrella": things.umbrella,
    "cactus": outside.cactus,
    "chair": outside.chair,
    "clock": outside.clock,
    "ghost": outside.ghost,
    "key": outside.key,
    "snowman": outside.snowman,
}
