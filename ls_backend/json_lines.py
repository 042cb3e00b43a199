"""Every line on stdout and stderr a JSON object, whoever writes it.

What goes to either passes through a process of its own, this file run as a script: so does what C
libraries print, and the last words of a process that crashes. A line that is a JSON object stays as
it is; any other becomes one: {"event", "level", "timestamp", "stream"}.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

LEVELS = {"stdout": "info", "stderr": "warning"}
LONGEST_LINE = 1024 * 1024
END_WITHIN_S = 5.0
_NOT_TEXT = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def output_json_lines() -> None:
    """From now on, stdout and stderr of this process and its children have JSON lines alone."""
    owner = os.getpid()
    filters = [_filter(stream.fileno(), name) for name, stream in _streams().items()]

    def end() -> None:
        if os.getpid() != owner:  # a child, whose parent goes on writing
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in _streams().values():
            with contextlib.suppress(OSError):
                stream.flush()
            os.dup2(nowhere, stream.fileno())
        for each in filters:
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.wait(END_WITHIN_S)

    atexit.register(end)


def as_json(line: str, stream: str) -> str | None:
    """A line as a JSON object; None for one that says nothing."""
    if line.startswith("{") and _is_object(line):
        return line
    # A progress bar writes over itself: what it says last counts.
    said = [words for part in line.split("\r") if (words := _cleaned(part))]
    if not said:
        return None
    event = {
        "event": said[-1],
        "level": LEVELS[stream],
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "stream": stream,
    }
    return json.dumps(event)


def _streams() -> dict[str, BinaryIO]:
    return {"stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}


def _filter(number: int, stream: str) -> subprocess.Popen[bytes]:
    """A process that what is written to a file descriptor passes through from now on."""
    behind = os.dup(number)
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__)), stream],
        stdin=subprocess.PIPE,
        stdout=behind,
        start_new_session=True,  # Ctrl-C is not meant for it
    )
    os.close(behind)
    assert process.stdin is not None
    os.dup2(process.stdin.fileno(), number)
    process.stdin.close()
    return process


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _cleaned(part: str) -> str:
    return " ".join(_NOT_TEXT.sub(" ", part).split())


def _pass_on(stream: str) -> None:
    # Whoever is stopped still has something to say: the end is where nobody writes any more.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    while line := sys.stdin.buffer.readline(LONGEST_LINE):
        shown = as_json(line.decode(errors="replace").rstrip("\n"), stream)
        if shown is not None:
            sys.stdout.buffer.write(shown.encode() + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    _pass_on(sys.argv[1])
