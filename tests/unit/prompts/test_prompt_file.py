"""Prompts from CSV, JSONL and text: what is read, and how what is wrong is named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.prompts import write_prompts
from importers.sample import Prompt
from ls_backend.errors import ConfigError


def campaign(folder: Path, file: str, **changes: Any) -> Campaign:
    values: dict[str, Any] = {
        "name": "test",
        "labels": ["cat", "dog"],
        "samples": 4,
        "prompts": {"file": file, "synonyms": {"dog": ["puppy"]}},
        "generator": {"model": "sketch-1"},
        "folder": folder,
    }
    return Campaign.model_validate({**values, **changes})


def read(folder: Path, name: str, content: str | bytes, **changes: Any) -> list[Prompt]:
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(data)
    return write_prompts(campaign(folder, name, **changes))


def refused(folder: Path, name: str, content: str | bytes, **changes: Any) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        read(folder, name, content, **changes)
    assert error.value.hint
    return error.value


CSV = "prompt,label,color\na red cat,cat,red\na dog,dog,\n"


def test_csv_has_labels_and_factors(tmp_path: Path) -> None:
    assert read(tmp_path, "p.csv", CSV)[:2] == [
        Prompt("a red cat", "cat", "vanilla", {"color": "red"}),
        Prompt("a dog", "dog", "vanilla", {}),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + CSV.encode(),
        CSV.replace("\n", "\r\n").encode(),
        CSV.replace("a red cat,cat,red\n", "\n\na red cat, cat ,red\n,,\n").encode(),
        CSV.replace("prompt,label", "prompt , label").encode(),
        CSV.replace("a red cat", '"a red cat"').encode(),
    ],
    ids=["bom", "crlf", "empty lines", "spaces in the header", "quotes"],
)
def test_csv_as_programs_write_it(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, "p.csv", content) == read(tmp_path, "q.csv", CSV)


def test_a_prompt_in_quotes_may_have_commas_and_lines(tmp_path: Path) -> None:
    (prompt, *_) = read(tmp_path, "p.csv", 'label,prompt\ncat,"a cat,\nasleep"\ndog,a dog\n')
    assert prompt.text == "a cat,\nasleep"


def test_jsonl_has_factors_in_an_object(tmp_path: Path) -> None:
    lines = (
        '\n{"prompt": "a puppy", "label": "dog", "technique": "style", "factors": {"n": 2}}\r\n'
        '{"prompt": "a cat", "label": "cat"}\r\n'
    )
    cat, dog, *_ = read(tmp_path, "p.jsonl", lines)
    assert dog == Prompt("a puppy", "dog", "style", {"n": "2"})
    assert cat == Prompt("a cat", "cat", "vanilla", {})


def test_a_line_of_text_is_labelled_by_what_it_mentions(tmp_path: Path) -> None:
    prompts = read(tmp_path, "p.txt", "\ufeffa red cat\r\n\r\ntwo puppies in the snow\r\n")
    assert [(p.text, p.label) for p in prompts[:2]] == [
        ("a red cat", "cat"),
        ("two puppies in the snow", "dog"),
    ]


def test_prompts_come_once_each_and_then_again(tmp_path: Path) -> None:
    prompts = read(tmp_path, "p.txt", "cat one\ncat two\nthe dog\n", samples=8)
    assert [p.text for p in prompts] == ["cat one", "the dog", "cat two", "the dog"] * 2


def test_templates_go_on_where_the_file_ends(tmp_path: Path) -> None:
    both = {"file": "p.txt", "templates": ["one more {label}"]}
    prompts = read(tmp_path, "p.txt", "a cat\na dog\n", prompts=both, samples=6)
    assert [p.text for p in prompts] == ["a cat", "a dog", *["one more cat", "one more dog"] * 2]


def test_techniques_take_their_own_lines(tmp_path: Path) -> None:
    content = (
        "prompt,label,technique\na cat,cat,vanilla\na drawn cat,cat,style\n"
        "a dog,dog,vanilla\na drawn dog,dog,style\n"
    )
    techniques = [{"name": "vanilla"}, {"name": "style"}]
    prompts = read(tmp_path, "p.csv", content, technique=techniques, samples=8)
    assert Counter((p.text, p.technique) for p in prompts) == {
        ("a cat", "vanilla"): 2,
        ("a dog", "vanilla"): 2,
        ("a drawn cat", "style"): 2,
        ("a drawn dog", "style"): 2,
    }


@pytest.mark.parametrize("none", [NONE_OF_THESE, "None of these / unusable"])
def test_an_adversarial_line_says_what_it_looks_like(tmp_path: Path, none: str) -> None:
    """Files of earlier versions have another name for none of the labels."""
    content = (
        "prompt,label,technique,looks_like\n"
        "a cat-like dog,dog,adversarial,\n"
        f"a dog-like statue,{none},adversarial,dog\n"
    )
    prompts = read(tmp_path, "p.csv", content, technique=[{"name": "adversarial"}], samples=2)
    assert [(p.label, p.factors) for p in prompts] == [
        ("dog", {"looks_like": "cat"}),
        (NONE_OF_THESE, {"looks_like": "dog"}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "says", "hint"),
    [
        ("p.csv", "prompt\na cat\n", "line 1: there is no column 'label'", "columns"),
        ("p.csv", "prompt,label\na cat,cat\na dog,dgo\n", "line 3: 'dgo' is not a label", "'dog'"),
        ("p.csv", "prompt,label\na cat,\n", "line 2: it has no label", "cat, dog"),
        ("p.csv", "prompt,label\n,cat\n", "line 2: it has no prompt", "Write"),
        ("p.csv", "prompt,label\na, cat,cat\n", "line 2: it has more values", "quotes"),
        ("p.csv", 'prompt,label\n"a cat"x,cat\n', "line 2: it is not CSV", "Mend"),
        (
            "p.csv",
            "prompt,label\na fox,cat\n",
            "line 2: the prompt 'a fox' never mentions 'cat'",
            "synonyms",
        ),
        ("p.csv", "prompt,label,technique\na cat,cat,odd\n", "no technique 'odd'", "vanilla"),
        ("p.csv", "prompt,label\n", "has no prompts", "line"),
        ("p.csv", "", "line 1: there is no column 'prompt'", "columns"),
        ("p.csv", b"prompt,label\n\xff,cat\n", "byte 13", "UTF-8"),
        ("p.jsonl", '{"prompt": "a cat"\n', "line 1: it is not JSON", "Mend"),
        ("p.jsonl", '\n["a cat"]\n', "line 2: it is not an object", "prompt"),
        ("p.jsonl", '{"prompt": "a cat", "label": "cat", "color": "red"}', "'color'", "factors"),
        ("p.jsonl", '{"prompt": ["a cat"], "label": "cat"}', "line 1: its prompt is not", "text"),
        ("p.jsonl", '{"prompt": "a cat", "label": "cat", "factors": 3}', "no object", "{"),
        ("p.txt", "a cat\na cat and a dog\n", "line 2: 'a cat and a dog' mentions 'cat'", "CSV"),
        ("p.txt", "a cat\na fox\n", "line 2: 'a fox' mentions no label", "synonyms"),
        ("p.txt", "a cat\n", "There is no vanilla prompt for 'dog' in p.txt", "file"),
        ("p.docx", "a cat\n", "of no known kind", ".csv"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_next_step(
    tmp_path: Path, name: str, content: str | bytes, says: str, hint: str
) -> None:
    error = refused(tmp_path, name, content)
    assert says in error.message
    assert hint in error.hint
    assert name in error.message


def test_a_technique_that_the_campaign_lacks_is_named(tmp_path: Path) -> None:
    content = "prompt,label,technique\na cat,cat,style\n"
    error = refused(tmp_path, "p.csv", content, technique=[{"name": "vanilla"}])
    assert "line 2: the campaign has no technique 'style'" in error.message


def test_an_adversarial_line_that_does_not_say_is_refused(tmp_path: Path) -> None:
    content = f"prompt,label,technique\na cat-like dog,{NONE_OF_THESE},adversarial\n"
    error = refused(tmp_path, "p.csv", content, technique=[{"name": "adversarial"}])
    assert "line 2: it does not say which label" in error.message
    assert "looks_like" in error.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no prompt file .*gone\.csv"):
        write_prompts(campaign(tmp_path, "gone.csv"))
