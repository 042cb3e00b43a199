"""A child process that ends when the process that started it does, however that ends.

Run as a script: `python child_process.py COMMAND …`. The command and its children form a process
group with this process, whose stdin is a pipe that the starter holds open. The pipe closes when the
starter closes it or dies, `kill -9` included: then the group gets SIGTERM, and SIGKILL after some
grace. Only the standard library: it starts in a few milliseconds and works under any interpreter.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 5.0
"""Seconds between SIGTERM and SIGKILL."""


def end_group_when_pipe_closes(closed: threading.Event) -> None:
    """Block until the starter is gone, then end the process group, this process with it."""
    while os.read(0, 1024):
        pass
    closed.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> int:
    """Run the command; end with its exit status, or with the starter."""
    if os.getpgrp() != os.getpid():
        os.setsid()
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A handler, unlike SIG_IGN, is not inherited: the command still obeys the signal.
        signal.signal(ending, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    closed = threading.Event()
    threading.Thread(target=end_group_when_pipe_closes, args=(closed,), daemon=True).start()
    status = child.wait()
    if closed.is_set():
        os.killpg(0, signal.SIGKILL)  # whatever the command left behind
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
