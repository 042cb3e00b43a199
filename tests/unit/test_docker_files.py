"""What must hold in docker/: parsed, since no container engine is needed to run the tests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from importers.cli import app

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, argument), continued lines joined."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_label_studio_has_the_version_that_is_tested(compose: dict[str, Any]) -> None:
    [tested] = re.findall(r"LABEL_STUDIO_VERSION := (\S+)", (ROOT / "Makefile").read_text())

    assert compose["services"]["label-studio"]["image"].endswith(f":{tested}")


def test_label_studio_may_reach_the_backend_on_its_private_address(
    compose: dict[str, Any],
) -> None:
    environment = compose["services"]["label-studio"]["environment"]

    assert environment["ML_BLOCK_LOCAL_IP"] == "false"
    assert environment["SSRF_PROTECTION_ENABLED"] == "false"
    assert all(isinstance(value, str) for value in environment.values())


def test_the_backend_names_label_studio_by_its_service(compose: dict[str, Any]) -> None:
    url = compose["services"]["backend"]["environment"]["LABEL_STUDIO_URL"]

    assert url.removeprefix("http://").partition(":")[0] in compose["services"]


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    secrets = {
        name: value
        for service in compose["services"].values()
        for name, value in service["environment"].items()
        if re.search("PASS|SECRET|API_KEY|USER_TOKEN", name)
    }

    assert len(secrets) >= 6
    assert {n: v for n, v in secrets.items() if not re.fullmatch(r"\$\{\w+:\?[^}]+\}", v)} == {}


def test_every_variable_that_must_be_filled_in_stands_in_the_example() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    example = (DOCKER / "env.example").read_text(encoding="utf-8")

    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(re.findall(r"^(\w+)=", example, re.M))


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_named_volume_is_declared_and_used(compose: dict[str, Any]) -> None:
    used = {
        volume.partition(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
    }

    assert used == set(compose["volumes"])


def test_the_backends_volumes_are_those_of_the_image(
    compose: dict[str, Any], steps: list[tuple[str, str]]
) -> None:
    mounted = [v.partition(":")[2] for v in compose["services"]["backend"]["volumes"]]

    assert mounted == json.loads(dict(steps)["VOLUME"])


def test_the_image_runs_as_a_user_without_rights(steps: list[tuple[str, str]]) -> None:
    names = [name for name, _ in steps]

    assert dict(steps)["USER"] != "root"
    assert names.index("USER") < names.index("CMD")


def test_what_the_image_copies_is_there_and_not_ignored(steps: list[tuple[str, str]]) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [s for name, given in steps if name == "COPY" for s in given.split()[:-1]]

    assert ignored[0] == "*"
    assert copied
    assert all((ROOT / source).exists() and f"!{source}" in ignored for source in copied)


def test_the_health_check_is_python_that_asks_the_exposed_port(
    steps: list[tuple[str, str]],
) -> None:
    command = json.loads(dict(steps)["HEALTHCHECK"].partition("CMD ")[2])

    assert command[:2] == ["python", "-c"]
    compile(command[2], "health check", "exec")
    assert f":{dict(steps)['EXPOSE']}/ready" in command[2]


def test_the_command_of_the_image_is_one_that_ls_clip_has(steps: list[tuple[str, str]]) -> None:
    command = json.loads(dict(steps)["CMD"])

    shown = CliRunner().invoke(app, [command[1], "--help"])

    assert command[0] == "ls-clip"
    assert shown.exit_code == 0
    assert command[2:] == ["--host", "0.0.0.0", "--port", dict(steps)["EXPOSE"]]


def test_pip_is_given_no_index_of_its_own(steps: list[tuple[str, str]]) -> None:
    assert dict(steps)["ARG"] == 'TORCH_INDEX=""'
    assert not [given for name, given in steps if name == "RUN" and "://" in given]
