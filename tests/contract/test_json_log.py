"""With CLIP_LOG_FORMAT=json all that a backend's process writes is JSON, a line for each thing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend_process import Served, serve_uploads, start_backend
from recorded_requests import predict_body, setup_body

NOISE = """
import os, threading, warnings
from ls_backend.model import ClipModel

def answers(self, *_):
    print("a library prints", flush=True)
    os.write(2, b"a C library\\nprints\\n")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a warning", UserWarning)
    logging.getLogger("some.library").warning("a library\\nlogs")
    own = logging.getLogger("library.with.a.handler")
    own.addHandler(logging.StreamHandler())
    own.warning("printed once")
    threading.Thread(target=lambda: 1 / 0).start()
    raise ZeroDivisionError("of this request")

ClipModel.answers = answers
"""
MAIN = """
import logging, sys
{noise}
sys.argv = ["ls-clip", "serve", "--model", sys.argv[1], "--port", {port!r}]
from importers.cli import main
main()
"""


def events(text: str) -> list[dict[str, Any]]:
    """Its lines, each of which must be a JSON object."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(event, dict) for event in found)
    return found


@contextmanager
def serving(folder: Path, noise: str = "", port: str = "0", **more: str) -> Iterator[Served]:
    main = MAIN.format(noise=noise, port=port)
    with (
        serve_uploads() as uploads,
        start_backend(folder, uploads.url, main=main, CLIP_LOG_FORMAT="json", **more) as served,
    ):
        yield served


def test_every_line_is_json_whoever_writes_it(tmp_path: Path) -> None:
    with serving(tmp_path, NOISE) as served:
        assert served.process.stdout is not None
        ready = json.loads(served.process.stdout.readline())
        assert ready["level"] == "info"
        served.url = ready["event"].partition(" answers on ")[2].partition(" ")[0]
        served.post("/setup", setup_body())
        assert served.post("/predict", predict_body("a-cat", label="cat")).status_code == 500
        served.process.terminate()
        assert served.process.wait(60) == 0
        [printed] = events(served.process.stdout.read())

    assert printed["event"] == "a library prints"
    found = events(served.log.read_text())
    assert [event["event"] for event in found].count("printed once") == 1
    said = {event["event"]: event for event in found}
    assert {"a C library", "prints"} <= said.keys()
    assert said["a library logs"]["level"] == "warning"
    [warned] = [text for text in said if "UserWarning: a warning" in text]
    assert said[warned]["level"] == "warning"
    uncaught = said["an exception that nobody caught"]
    assert "ZeroDivisionError: division by zero" in uncaught["exception"]
    failed = said["a request failed"]
    assert (failed["project"], failed["level"]) == ("3", "error")
    assert "ZeroDivisionError: of this request" in failed["exception"]
    [version] = [event for text, event in said.items() if text.startswith("model version clip:")]
    assert version["project"] == "3"


def test_an_error_at_the_start_is_json(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for more, reason in (
            ({"model": str(tmp_path / "no-such-model")}, "no-such-model"),
            ({"port": port}, f"cannot listen on 127.0.0.1:{port}"),
            ({"CLIP_PREDICT_SECONDS": "soon"}, "CLIP_PREDICT_SECONDS is 'soon'"),
            ({"port": "ninety"}, "Invalid value for '--port'"),
        ):
            with serving(tmp_path, **more) as served:
                assert served.process.wait(120) in {1, 2}
                assert served.process.stdout is not None
                assert served.process.stdout.read() == ""
            said = events(served.log.read_text())
            assert any(reason in event["event"] for event in said), said


def test_what_a_crashing_process_says_last_is_not_lost(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from ls_backend.json_lines import output_json_lines\n"
        "output_json_lines()\n"
        "os.write(2, b'the last words\\n')\n"
        "os.abort()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode < 0
    assert [event["event"] for event in events(ended.stderr)] == ["the last words"]
