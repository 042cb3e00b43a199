"""Take the README's picture: the sorted queue in a real Label Studio, after a small campaign.

    python scripts/screenshot.py [docs/queue.png]

Starts what it needs on free ports, in a temporary folder, and stops it again. Needs a Chromium.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from importers import pipeline
from importers.demo.campaigns import write_campaign
from importers.demo.services import LabelStudioServer, SketchServer
from importers.ledger import Ledger
from scripts.browser import chromium, find_chromium, signed_in

PICTURE = Path(__file__).parents[1] / "docs" / "queue.png"
FAILURE_RATE = 0.15
IMAGES = 120
WIDTH, HEIGHT = 1480, 760
COLORS = 256
PATIENCE_MS = 60_000


def main(picture: Path) -> None:
    if find_chromium() is None:
        sys.exit("No Chromium on PATH; get it with: apt-get install chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            LabelStudioServer(folder / "label-studio") as label_studio,
            SketchServer(folder / "sketch.log", failure_rate=FAILURE_RATE) as sketch,
        ):
            url = push_campaign(folder / "campaign", label_studio, sketch)
            shot = photograph(label_studio, url)
    picture.parent.mkdir(exist_ok=True)
    # The page is mostly flat areas: a palette makes the file three times smaller.
    colors = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLORS)
    colors.save(picture, optimize=True)
    print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


def push_campaign(folder: Path, label_studio: LabelStudioServer, sketch: SketchServer) -> str:
    """Draw, score and push a campaign; returns the address of its project."""
    campaign = write_campaign(
        folder,
        project="Sketch review",
        samples=IMAGES,
        seed=1,
        base_url=sketch.base_url,
        label_studio=label_studio.url,
    )
    with Ledger(campaign.ledger_path) as ledger:
        return str(pipeline.run(campaign, ledger, label_studio.client()).push.project_url)


def photograph(label_studio: LabelStudioServer, url: str) -> bytes:
    """A PNG of the project's first tab, all pictures loaded."""
    with chromium() as browser, signed_in(browser, label_studio, WIDTH, HEIGHT) as page:
        page.goto(url)
        page.locator("img[src*='/data/upload/']").first.wait_for(timeout=PATIENCE_MS)
        page.wait_for_load_state("networkidle", timeout=PATIENCE_MS)
        return page.screenshot()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
