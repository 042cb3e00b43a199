"""Processes that need not import PyTorch: forked from one that has, and knows nothing of ours.

The import takes seconds, and many tests are about what a whole process does.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

TIMEOUT_S = 180
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["torchvision"])


def fork(
    code: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    out: str = os.devnull,
    err: str = os.devnull,
) -> ForkServerProcess:
    """A process that runs `code` as its main module.

    Args:
        arguments: `sys.argv` without its first.
        environment: All of its environment.
        out: File that takes what it prints.
        err: File that takes its errors.
    """
    arguments = ("-c", *arguments)
    process = _FORKS.Process(target=_run, args=(code, arguments, dict(environment), out, err))
    process.start()
    return process


def run_forked(
    code: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run such a process to its end, at most three minutes."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = fork(code, arguments, environment, str(out), str(err))
        process.join(TIMEOUT_S)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(list(arguments), TIMEOUT_S)
        return subprocess.CompletedProcess(
            list(arguments), process.exitcode, out.read_text(), err.read_text()
        )


def _run(
    code: str, arguments: Sequence[str], environment: Mapping[str, str], out: str, err: str
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    new = os.O_WRONLY | os.O_CREAT
    for stream, path, flags in ((0, os.devnull, os.O_RDONLY), (1, out, new), (2, err, new)):
        os.dup2(os.open(path, flags), stream)
    sys.argv = list(arguments)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [path for path in paths if path and path not in sys.path]
    exec(code, {"__name__": "__main__"})
