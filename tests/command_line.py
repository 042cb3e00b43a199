"""`ls-clip` as people call it: in a process of its own, judged by what it prints and leaves."""

from __future__ import annotations

import json
import os
import subprocess
from typing import IO, Any

from importers.demo.services import ls_clip


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
        return subprocess.run(
            ls_clip(*map(str, arguments)),
            env={**self._environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def start(
        self,
        *arguments: object,
        stdout: IO[bytes] | int = subprocess.DEVNULL,
        stderr: IO[bytes] | int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a command and return at once; what it prints is thrown away if not asked for."""
        return subprocess.Popen(
            ls_clip(*map(str, arguments)),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )

    def report(self, *arguments: object, **environment: str) -> dict[str, Any]:
        """Run a command that must succeed, with --json; returns the one object it prints."""
        done = self(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert isinstance(report, dict)
        return report
