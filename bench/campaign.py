"""A campaign of 1,000 samples in one process: images a second of each stage, and its memory.

    python -m bench.campaign [SAMPLES]

The sketch server draws in a process of its own. Label Studio plays no part: the stages are
generate, score and select. Memory is the resident set of the process that works, now and at most;
it should not grow with the number of images.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

SAMPLES = 1000
MARKS = (0.25, 0.5, 1.0)
_CAMPAIGN = """\
name = "bench"
labels = ["apple", "boat", "cat", "dog", "fish", "rocket"]
samples = {samples}
[prompts]
templates = ["{{style}} a {{color}} {{label}} {{place}}"]
[prompts.factors]
style = ["a photo of", "a cartoon of", "a watercolour of", "pixel art of", "a pencil sketch of"]
color = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"]
place = ["on the beach", "in the park", "in the street", "in the snow", "in the desert"]
[generator]
model = "sketch-1"
base_url = "{base_url}"
api_key_env = "BENCH_NO_KEY"
size = "256x256"
[score]
model = "sketch"
"""


class Watch:
    """Prints time and memory when a stage has come a quarter, half and all of its way."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._started = time.perf_counter()
        self._left = list(MARKS)

    def __call__(self, done: int, total: int) -> None:
        while self._left and total and done >= self._left[0] * total:
            self._left.pop(0)
            _show(self._stage, done, self._started)


def run(folder: Path, samples: int, base_url: str) -> None:
    """Take the campaign through its stages, in this process."""
    from importers import pipeline
    from importers.config.campaign import load_campaign
    from importers.generation import stage
    from importers.ledger import Ledger
    from importers.sketch import open_model

    (folder / "campaign.toml").write_text(_CAMPAIGN.format(samples=samples, base_url=base_url))
    campaign = load_campaign(folder)
    print(f"{'stage':<9} {'images':>6} {'images/s':>9} {'RSS MB':>7} {'peak MB':>8}")
    with Ledger(campaign.ledger_path) as ledger:
        model = open_model(campaign.score.model)  # as `ls-clip run` does: before anything is drawn
        print(f"{'loaded':<9} {'':>6} {'':>9} {_memory()}", flush=True)
        stage.generate(campaign, ledger, Watch("generate"))
        pipeline.score(campaign, ledger, Watch("score"), model)
        started = time.perf_counter()
        held = pipeline.select(campaign, ledger).held
        _show("select", samples, started)
    print(f"held back: {held or 'none'}")


def _show(stage: str, done: int, started: float) -> None:
    rate = done / (time.perf_counter() - started)
    print(f"{stage:<9} {done:>6,} {rate:>9.1f} {_memory()}", flush=True)


def _memory() -> str:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{pages * resource.getpagesize() / 2**20:>7.0f} {peak:>8.0f}"


def _draw(ready: Connection) -> None:
    from importers.sketch.server import create_app, serve

    serve(create_app(failure_rate=0.15), port=0, ready=ready.send)


def _in_a_process(context: multiprocessing.context.SpawnContext, work: Callable[..., None]) -> str:
    here, there = context.Pipe()
    context.Process(target=work, args=(there,), daemon=True).start()
    return str(here.recv())


def main(samples: int) -> None:
    """Start the sketch server, and the campaign in a fresh process."""
    context = multiprocessing.get_context("spawn")
    base_url = _in_a_process(context, _draw)
    with tempfile.TemporaryDirectory(prefix="bench-campaign-") as folder:
        worker = context.Process(target=run, args=(Path(folder), samples, base_url))
        worker.start()
        worker.join()
    sys.exit(worker.exitcode)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
