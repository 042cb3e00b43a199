"""An ML backend of a test's own: with settings that others must not see, killed and started again.

Also owns what tests read off a backend from outside: its log and its /metrics.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path

import requests

from importers.demo.services import BackendServer
from ls_backend.label_studio import Credentials

USER, PASSWORD, SECRET = "label-studio", "open sesame", "wake up"


class OwnBackend(BackendServer):
    """The ML backend with the tiny CLIP; keywords are further variables of its environment."""

    def __init__(self, folder: Path, credentials: Credentials, **variables: str) -> None:
        super().__init__(folder / "backend.log", model="sketch", credentials=credentials)
        self.variables = variables

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), **self.variables}

    def kill(self) -> None:
        """End all its processes at once, as a crash or a lack of memory does."""
        assert self.pid is not None
        os.killpg(self.pid, signal.SIGKILL)
        self.stop()


def log_lines(backend: BackendServer, *parts: str) -> list[str]:
    """The lines of its log that have all the parts."""
    lines = backend.log.read_text().splitlines()
    return [line for line in lines if all(part in line for part in parts)]


def metric(backend: BackendServer, name: str, **labels: str) -> int:
    """A counter of its /metrics, over all values of the labels that are not given."""
    given = {f'{label}="{value}"' for label, value in labels.items()}
    page = requests.get(f"{backend.url}/metrics", auth=(USER, PASSWORD), timeout=10)
    page.raise_for_status()
    samples = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", page.text, re.M)
    return int(sum(float(value) for shown, value in samples if given <= set(shown.split(","))))
