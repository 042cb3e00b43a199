"""`ls-clip` as people call it: in a process of its own, judged by what it prints and leaves."""

from __future__ import annotations

import json
import os
import subprocess
from multiprocessing.context import ForkServerProcess
from typing import IO, Any

from forked import fork, run_forked

from importers.demo.services import ls_clip

MAIN = "from importers.cli import main; main()"


class CommandLine:
    """`ls-clip` in a process of its own, with Label Studio in its environment.

    Its lines are as long as they come, so that tests find what they look for in one.
    """

    def __init__(self, **environment: str) -> None:
        self._environment = {**os.environ, "COLUMNS": "1000", **environment}

    def with_environment(self, **environment: str) -> CommandLine:
        """The same with more in its environment."""
        return CommandLine(**{**self._environment, **environment})

    def __call__(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever its exit status; keywords go into its environment."""
        return run_forked(MAIN, [*map(str, arguments)], {**self._environment, **environment})

    def report(self, *arguments: object, **environment: str) -> dict[str, Any]:
        """Run a command that must succeed, with --json; returns the one object it prints."""
        done = self(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert isinstance(report, dict)
        return report

    def fork(self, *arguments: object) -> ForkServerProcess:
        """Start a command and return at once; what it prints is thrown away."""
        return fork(MAIN, [*map(str, arguments)], self._environment)

    def start(
        self,
        *arguments: object,
        stdout: IO[bytes] | int = subprocess.DEVNULL,
        stderr: IO[bytes] | int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a command in a fresh interpreter and return at once."""
        return subprocess.Popen(
            ls_clip(*map(str, arguments)),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
