"""The training set keeps to its rules, and a model that it makes can be loaded like any other."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bench.sketch_training.dataset import (
    CAPTIONS,
    build,
    captions,
    held_out,
    is_empty,
    training_spec,
)
from bench.sketch_training.measures import Measure, separation, share, table
from bench.sketch_training.train import VOCABULARY_FILE, Recipe, save, train
from bench.sketch_training.vocabulary import (
    CONTEXT_LENGTH,
    cut_vocabulary,
    load_tokenizer,
    needed_words,
)
from importers.sketch.grammar import parse
from importers.sketch.spec import COLORS, OBJECTS, SETTINGS, STYLES, Spec, rng_for
from ls_backend.clip.clip import Clip


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vocabulary") / VOCABULARY_FILE
    path.write_bytes(cut_vocabulary())
    return path


def test_a_fifth_of_all_combinations_is_held_out() -> None:
    specs = [
        Spec(name, color, setting, style)
        for name in OBJECTS
        for color in COLORS
        for setting in SETTINGS
        for style in STYLES
    ]
    assert 0.15 < sum(map(held_out, specs)) / len(specs) < 0.25


def test_no_training_image_shows_a_held_out_combination() -> None:
    assert not any(held_out(training_spec(index)) for index in range(5000))


def test_training_captions_are_true_of_their_image() -> None:
    for index in range(200):
        spec, empty = training_spec(index), is_empty(index)
        texts = captions(index)
        assert len(texts) == CAPTIONS
        for text in texts:
            read = parse(text)
            assert read.object == (None if empty else spec.object)
            assert read.setting in (None, spec.setting)
            assert read.color in (None, spec.color)


def test_some_training_images_are_empty() -> None:
    assert 0.01 < sum(is_empty(index) for index in range(2000)) / 2000 < 0.05


def test_the_vocabulary_has_no_empty_merge_and_ends_with_the_end_of_text(vocabulary: Path) -> None:
    text = gzip.decompress(vocabulary.read_bytes()).decode()
    tokenizer = load_tokenizer(str(vocabulary))
    assert not text.endswith("\n")
    assert tokenizer.eot_token_id == tokenizer.vocab_size - 1


def test_needed_words_are_cut_as_clip_cuts_them(vocabulary: Path) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    ours, clips = load_tokenizer(str(vocabulary)), SimpleTokenizer()
    for word in needed_words():
        pieces = [ours.decoder[token] for token in ours.encode(word)]
        assert pieces == [clips.decoder[token] for token in clips.encode(word)]


def test_the_vocabulary_file_is_the_same_each_time() -> None:
    assert cut_vocabulary() == cut_vocabulary()


def test_captions_fit_into_the_context(vocabulary: Path) -> None:
    tokenizer = load_tokenizer(str(vocabulary))
    longest = max(len(tokenizer.encode(text)) for i in range(1000) for text in captions(i))
    assert longest + 2 <= CONTEXT_LENGTH


def test_a_trained_model_is_an_ordinary_model_folder(vocabulary: Path, tmp_path: Path) -> None:
    dataset = build(24, str(vocabulary), processes=1)
    assert dataset.images.shape == (24, 3, 64, 64)
    assert sorted(index for group in dataset.groups for index in group) == list(range(24))
    size = load_tokenizer(str(vocabulary)).vocab_size
    model = train(dataset, size, Recipe(steps=3, batch=8, hard_share=0.5))
    (tmp_path / VOCABULARY_FILE).write_bytes(vocabulary.read_bytes())
    save(model, size, tmp_path)
    assert json.loads((tmp_path / "open_clip_config.json").read_text())["preprocess_cfg"]
    clip = Clip.load(str(tmp_path))
    assert clip.encode_texts(["a cat", "dogs"]).shape == (2, 128)


def test_shares_have_wilson_intervals() -> None:
    measure = share("heads", [True] * 8 + [False] * 2, target=0.9)
    assert (measure.value, measure.n, measure.missed) == (0.8, 10, True)
    assert (round(measure.low, 3), round(measure.high, 3)) == (0.490, 0.943)


def test_separation_is_one_when_all_bad_scores_are_lower() -> None:
    apart = separation("apart", [0.8, 0.9, 0.7], [0.1, 0.2], target=0.98)
    assert (apart.value, apart.low, apart.high, apart.missed) == (1.0, 1.0, 1.0, False)
    assert separation("mixed", [0.1, 0.9], [0.1, 0.9]).value == 0.5


def test_separation_is_what_scikit_learn_calls_roc_auc() -> None:
    from sklearn.metrics import roc_auc_score

    rng = rng_for("scores")
    good = [round(rng.gauss(1, 1), 1) for _ in range(80)]
    bad = [round(rng.gauss(0, 1), 1) for _ in range(40)]
    measure = separation("overlapping", good, bad)
    expected = roc_auc_score([1] * 80 + [0] * 40, good + bad)
    assert measure.value == pytest.approx(expected)
    assert 0.03 < measure.high - measure.low < 0.2


def test_the_table_says_which_targets_were_met() -> None:
    text = table([Measure("a", 0.99, 0.98, 1.0, 10, 0.98), Measure("b", 0.5, 0.4, 0.6, 9, 0.9)])
    assert "0.980 met" in text
    assert "0.900 missed" in text
