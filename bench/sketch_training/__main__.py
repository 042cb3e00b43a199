"""``python -m bench.sketch_training --out DIR``: vocabulary, drawings, weights."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from bench.sketch_training.dataset import build
from bench.sketch_training.train import VOCABULARY_FILE, Recipe, save, train
from bench.sketch_training.vocabulary import cut_vocabulary, load_tokenizer
from ls_backend.clip.model_source import CONFIG_FILE, WEIGHTS_FILE
from ls_backend.clip.weights_files import write_sums


def main() -> None:
    """Rebuild the model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--images", type=int, default=40_000, help="drawings to learn from")
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="batches to train on")
    parser.add_argument("--processes", type=int, default=2, help="processes that draw")
    arguments = parser.parse_args()
    started = time.monotonic()
    folder: Path = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / VOCABULARY_FILE
    vocabulary.write_bytes(cut_vocabulary())
    size = load_tokenizer(str(vocabulary)).vocab_size
    print(f"vocabulary of {size} tokens", flush=True)
    dataset = build(arguments.images, str(vocabulary), arguments.processes)
    model = train(dataset, size, Recipe(steps=arguments.steps))
    save(model, size, folder)
    write_sums(folder, [CONFIG_FILE, WEIGHTS_FILE, VOCABULARY_FILE])
    print(f"wrote {folder} after {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
