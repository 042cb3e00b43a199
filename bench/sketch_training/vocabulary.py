"""The tiny CLIP's vocabulary: CLIP's own byte-pair encoding, cut to the merges that are needed.

CLIP's tokenizer has 49,408 entries, most of which no caption of the sketch world can contain.
Replaying it on a list of words and keeping the merges that were used leaves tokens that are
identical for those words; any other word falls into smaller pieces and is never unknown.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from bench.sketch_training import texts as training_texts
from importers.sketch import words
from importers.sketch.spec import ACTIONS, COLORS

CONTEXT_LENGTH = 24

Merge = tuple[str, str]

# Words that people may well use in prompts and labels, though no caption does.
_COMMON = """
a an the of in on at by with and or is are this that these there it my one two three many some no
photo picture image drawing painting sketch illustration render rendering artwork art style itap
good nice bad blurry bright dark clean cropped close up large small big tiny little huge cute old
black white grey gray gold golden silver cloud clouds sky sun moon grass sand sea water mountain
hill road city building window people person man woman child word text sign label letter nothing
empty plain background foreground none not object thing something else toy animal vehicle food
plant bird horse bear rabbit banana lemon cake pizza bread table lamp book bicycle bike truck
train robot dragon castle bridge heart flag hat shoe bag phone computer guitar snail spider bee
lion tiger elephant penguin frog turtle whale shark octopus crab realistic digital oil abstract
colorful colourful pretty beautiful scene showing featuring over under near next beside above
below during day night morning evening sunny snowy rainy sleeping running walking swimming driving
hidden behind front inside outside half left right kitchen room forest lake river island space
unusable these blank noise garbled
"""


def needed_words() -> set[str]:
    """Every word of the grammar's tables, and common ones beside them."""
    texts = [_COMMON, *COLORS, *ACTIONS, *words.OPENERS, *training_texts.EMPTY_OPENERS]
    texts += [*training_texts.NAMINGS, *training_texts.PLURAL_NAMINGS]
    for nouns in words.NOUNS.values():
        texts += [form for noun in nouns for form in (noun.singular, *noun.plurals)]
    tables: tuple[Mapping[str, Iterable[str]], ...] = (
        *(words.SIZE_WORDS, words.PLACES, words.PLACE_WORDS),
        *(words.STYLE_OPENERS, words.STYLE_CLOSERS, words.STYLE_WORDS),
    )
    for table in tables:
        for value, phrases in table.items():
            texts += [value, *phrases]
    return set(re.findall(r"[a-z]+", " ".join(texts).lower()))


def cut_vocabulary() -> bytes:
    """A gzipped merges file in CLIP's format for `needed_words`.

    It does not end in a newline: open_clip would read an empty merge there, and number the
    end-of-text token past the embedding table.
    """
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    used: set[Merge] = set()
    for word in needed_words():
        used |= _merges_of(word, tokenizer.bpe_ranks)
    in_order = sorted(used, key=lambda merge: tokenizer.bpe_ranks[merge])
    lines = ["#version: cut from CLIP's bpe_simple_vocab_16e6", *map(" ".join, in_order)]
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, buffer, mtime=0) as archive:
        archive.write("\n".join(lines).encode())
    return buffer.getvalue()


def _merges_of(word: str, ranks: Mapping[Merge, int]) -> set[Merge]:
    """The merges that byte-pair encoding makes on its way through ``word``."""
    pieces = [*word[:-1], f"{word[-1]}</w>"]
    used: set[Merge] = set()
    while len(pieces) > 1:
        best = min(pairwise(pieces), key=lambda m: ranks.get(m, 1 << 30))
        if best not in ranks:
            break
        used.add(best)
        pieces = _merged(pieces, best)
    return used


def _merged(pieces: list[str], merge: Merge) -> list[str]:
    result: list[str] = []
    for piece in pieces:
        if result and (result[-1], piece) == merge:
            result[-1] += piece
        else:
            result.append(piece)
    return result


def load_tokenizer(path: str) -> Any:
    """open_clip's tokenizer over a merges file."""
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(path, context_length=CONTEXT_LENGTH)
