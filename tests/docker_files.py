"""docker/ as a container engine reads it, for tests that have none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"


def compose() -> dict[str, Any]:
    """compose.yaml, its variables still in it."""
    parsed: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    return parsed


def steps() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, argument), continued lines joined."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def image_environment() -> dict[str, str]:
    """What the Dockerfile sets."""
    settings = [setting for name, given in steps() if name == "ENV" for setting in given.split()]
    return dict(setting.split("=", 1) for setting in settings)


def example() -> dict[str, str]:
    """env.example as it is copied, its lines yet to be filled in."""
    text = (DOCKER / "env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.M))


def environment_of(service: str, given: dict[str, str]) -> dict[str, str]:
    """What compose sets for a service, with these variables in .env."""

    def fill(match: re.Match[str]) -> str:
        name, _, default = match.group(1).partition(":")
        return given.get(name) or default.removeprefix("-")

    environment: dict[str, str] = compose()["services"][service]["environment"]
    return {name: re.sub(r"\$\{([^}]+)\}", fill, value) for name, value in environment.items()}
