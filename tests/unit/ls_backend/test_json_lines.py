"""Every line a JSON object: what becomes of those that are none."""

from __future__ import annotations

import json

import pytest

from ls_backend.json_lines import as_json


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Killed", "Killed"),
        ("\x1b[1;31mError:\x1b[0m it is broken\t now", "Error: it is broken now"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ('{"half": ', '{"half":'),
        ("[1]", "[1]"),
        ("null", "null"),
        ("größer \ufffd", "größer \ufffd"),
    ],
)
def test_a_line_becomes_an_event(line: str, said: str) -> None:
    shown = json.loads(as_json(line, "stderr") or "")

    assert (shown["event"], shown["level"], shown["stream"]) == (said, "warning", "stderr")
    assert shown["timestamp"].endswith("Z")


def test_an_object_stays_as_it_is() -> None:
    assert as_json('{"event": "predicted"}', "stderr") == '{"event": "predicted"}'


@pytest.mark.parametrize("line", ["", "  ", "\r\r", "\x1b[0m"])
def test_what_says_nothing_is_no_line(line: str) -> None:
    assert as_json(line, "stdout") is None
