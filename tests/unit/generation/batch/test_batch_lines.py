"""What goes into a batch's file, and what the lines of its results mean."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from importers.config.sections import GeneratorSettings
from importers.generators import Answer, GenerationRequest
from importers.generators.openai_batch_lines import (
    NotCarriedOut,
    read_result,
    request_line,
    write_lines,
)
from importers.openai_api.connection import Connection
from importers.openai_api.errors import RateLimited, ServerFailed
from ls_backend.errors import GeneratorError, OutcomeUnknown, PromptRefused
from ls_backend.images.pixels import ORIENTATION

OPENAI = Connection("https://api.openai.com/v1", "OPENAI_API_KEY", "sk-secret")


def picture(kind: str, size: tuple[int, int] = (8, 8), turned: int = 1) -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = turned
    Image.new("RGB", size, "teal").save(buffer, kind, exif=exif)
    return buffer.getvalue()


PNG, JPEG = picture("PNG"), picture("JPEG")


def line_for(model: str = "gpt-image-2", **changes: Any) -> dict[str, Any]:
    settings = GeneratorSettings(model=model, send_seed=changes.pop("send_seed", None))
    values = {"parameters": {"quality": "low"}, "seed": 7, **changes}
    request = GenerationRequest(prompt="a dog", model=model, size="1024x1024", **values)
    line = request_line("key-1", request, settings)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return dict(json.loads(line))


def result(status: int, body: Any) -> bytes:
    response = {"status_code": status, "request_id": "req_1", "body": body}
    line = {"id": "batch_req_1", "custom_id": "key-1", "response": response, "error": None}
    return json.dumps(line).encode()


def error_of(status: int, code: str | None, message: str = "m") -> GeneratorError:
    body = {"error": {"message": message, "type": "t", "param": None, "code": code}}
    found = read_result(result(status, body), OPENAI, "gpt-image-2")
    assert found is not None
    assert found.key == "key-1"
    assert isinstance(found.outcome, GeneratorError)
    return found.outcome


def test_text_alone_goes_to_generations() -> None:
    assert line_for() == {
        "custom_id": "key-1",
        "method": "POST",
        "url": "/v1/images/generations",
        "body": {
            "model": "gpt-image-2",
            "prompt": "a dog",
            "size": "1024x1024",
            "n": 1,
            "quality": "low",
        },
    }


def test_a_seed_goes_to_those_that_take_one() -> None:
    assert line_for("sketch-1")["body"]["seed"] == 7
    assert line_for("somebody's", send_seed=True)["body"]["seed"] == 7
    assert "seed" not in line_for("somebody's")["body"]


def test_images_and_mask_go_to_edits_as_data_uris() -> None:
    line = line_for(images=(PNG, JPEG), mask=PNG)
    assert line["url"] == "/v1/images/edits"
    first, second = (entry["image_url"] for entry in line["body"]["images"])
    assert first.startswith("data:image/png;base64,")
    assert second.startswith("data:image/jpeg;base64,")
    assert b64decode(second.partition(",")[2]) == JPEG
    assert b64decode(line["body"]["mask"]["image_url"].partition(",")[2]) == PNG


def test_images_are_sent_as_outside_of_a_batch() -> None:
    line = line_for(images=(picture("BMP"), picture("JPEG", (8, 4), turned=6)))
    for entry, size in zip(line["body"]["images"], ((8, 8), (4, 8)), strict=True):
        head, _, data = entry["image_url"].partition(",")
        assert head == "data:image/png;base64"
        assert Image.open(io.BytesIO(b64decode(data))).size == size
    with pytest.raises(PromptRefused, match="the mask has 8x8 pixels and the image 4x4"):
        line_for(images=(picture("PNG", (4, 4)),), mask=PNG)


def test_a_file_ends_before_it_has_too_many_lines_or_bytes(tmp_path: Path) -> None:
    file, lines = tmp_path / "batch.jsonl", [(key, b"a" * 9 + b"\n") for key in "vwxyz"]
    assert write_lines(file, lines) == [*"vwxyz"]
    assert write_lines(file, lines, most=3) == [*"vwx"]
    assert write_lines(file, lines, largest=40) == [*"vwxy"]
    assert file.read_bytes() == b"".join(line for _, line in lines[:4])
    assert write_lines(file, []) == []
    with pytest.raises(GeneratorError, match="does not fit"):
        write_lines(file, lines, largest=9)


def test_an_answer_keeps_its_body_and_request_id() -> None:
    found = read_result(result(200, {"data": [{"b64_json": "eA=="}]}), OPENAI, "gpt-image-2")
    assert found is not None
    assert isinstance(found.outcome, Answer)
    assert json.loads(found.outcome.body) == {"data": [{"b64_json": "eA=="}]}
    assert found.outcome.request_id == "req_1"


def test_errors_of_lines_mean_what_they_mean_outside_of_a_batch() -> None:
    assert isinstance(error_of(400, "moderation_blocked"), PromptRefused)
    assert isinstance(error_of(429, "rate_limit_exceeded"), RateLimited)
    assert isinstance(error_of(500, "server_error"), ServerFailed)
    assert isinstance(error_of(504, None), OutcomeUnknown)
    assert error_of(429, "insufficient_quota").code == "insufficient_quota"
    wrong = error_of(400, "unknown_parameter", "Unknown parameter: 'x'. Key sk-secret.")
    assert "Unknown parameter: 'x'" in wrong.message
    assert "sk-secret" not in wrong.message
    assert wrong.hint


def test_a_request_whose_turn_never_came_is_told_apart() -> None:
    error = {"code": "batch_expired", "message": "The window expired."}
    line = json.dumps({"custom_id": "key-1", "response": None, "error": error}).encode()
    found = read_result(line, OPENAI, "gpt-image-2")
    assert found is not None
    assert isinstance(found.outcome, NotCarriedOut)
    assert "The window expired." in found.outcome.message


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"custom_id": 3}', b"\xff"])
def test_a_line_that_names_no_request_is_passed_over(line: bytes) -> None:
    assert read_result(line, OPENAI, "gpt-image-2") is None
