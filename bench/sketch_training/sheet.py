"""Contact sheets to look at: ``python -m bench.sketch_training.sheet OUT.png [--failures]``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from importers.sketch.failures import ALL, fail
from importers.sketch.render import Mishap, render
from importers.sketch.spec import COLORS, OBJECTS, OUTSIDE_OBJECTS, SETTINGS, STYLES, Spec, rng_for

Cell = tuple[str, Image.Image]


def objects_sheet(pixels: int) -> list[Cell]:
    """Every object in every style; colours and settings go round."""
    cells = []
    for i, name in enumerate((*OBJECTS, *OUTSIDE_OBJECTS)):
        for j, style in enumerate(STYLES):
            color, setting = COLORS[(i + 3 * j) % 8], SETTINGS[(i + j) % 7]
            spec = Spec(name, color, setting, style)
            cells.append((f"{color} {name}, {setting}", render(spec, 10 * i + j, pixels)))
    return cells


def failures_sheet(pixels: int) -> list[Cell]:
    """Ten drawings, each first as asked and then with every kind of failure."""
    cells = []
    for i in range(10):
        name = OBJECTS[2 * i]
        asked = Spec(name, COLORS[i % 8], SETTINGS[i % 7], STYLES[i % 5])
        cells.append((f"{asked.color} {name}", render(asked, i, pixels, Mishap())))
        for kind in ALL:
            failed = fail(kind, asked, rng_for(kind, i))
            cells.append((kind, render(failed.drawn, i, pixels, failed.mishap)))
    return cells


def paste(cells: Sequence[Cell], columns: int, pixels: int) -> Image.Image:
    """One image of all cells with their captions."""
    step_x, step_y = pixels + 4, pixels + 18
    rows = -(-len(cells) // columns)
    page = Image.new("RGB", (columns * step_x, rows * step_y), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=11)
    for i, (caption, picture) in enumerate(cells):
        x, y = i % columns * step_x, i // columns * step_y
        page.paste(picture.resize((pixels, pixels), Image.Resampling.LANCZOS), (x, y))
        draw.text((x + 2, y + pixels + 1), caption, fill="black", font=font)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the PNG to write")
    parser.add_argument("--failures", action="store_true", help="the kinds of failure instead")
    parser.add_argument("--pixels", type=int, default=160, help="width of one picture")
    arguments = parser.parse_args()
    make, columns = (failures_sheet, 11) if arguments.failures else (objects_sheet, 10)
    paste(make(2 * arguments.pixels), columns, arguments.pixels).save(arguments.out)


if __name__ == "__main__":
    main()
