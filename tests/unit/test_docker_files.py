"""What must hold in docker/: parsed, since no container engine is needed to run the tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from docker_files import DOCKER, ROOT, compose, environment_of, example, image_environment, steps
from typer.testing import CliRunner

from importers.cli import app
from importers.demo.services import find_label_studio
from ls_backend.errors import ConfigError
from ls_backend.server.http_server import STOP_WITHIN_S
from ls_backend.settings import Settings, settings_from_env

BACKENDS = ("backend", "backend-gpu")
FILLED = {name: value or "a" * 40 for name, value in example().items()}
# Read by Python, pip and the Hugging Face hub.
OTHERS = {"PYTHONUNBUFFERED", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR", "HF_HOME"}


@pytest.fixture(scope="module", name="compose")
def parsed_compose() -> dict[str, Any]:
    return compose()


@pytest.fixture(scope="module", name="steps")
def parsed_steps() -> list[tuple[str, str]]:
    return steps()


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

    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(example()) - {"COMPOSE_PROFILES"}


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_backends_page_and_metrics_are_published(
    compose: dict[str, Any], steps: list[tuple[str, str]]
) -> None:
    port = dict(steps)["EXPOSE"]
    for name in BACKENDS:
        assert compose["services"][name]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_one_profile_computes_on_the_processor_and_one_on_a_gpu(compose: dict[str, Any]) -> None:
    cpu, gpu = (compose["services"][name] for name in BACKENDS)
    assert (cpu["profiles"], gpu["profiles"]) == (["cpu"], ["gpu"])
    assert example()["COMPOSE_PROFILES"] in cpu["profiles"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    assert gpu["build"]["args"]["TORCH_INDEX"] == "${CUDA_INDEX:-}"
    # Where the GPU is not seen it must not compute on the processor in silence.
    assert settings_from_env(environment_of("backend-gpu", FILLED)).device == "cuda"
    differs = {"profiles", "build", "environment", "deploy"}
    assert {k: v for k, v in cpu.items() if k not in differs} == {
        k: v for k, v in gpu.items() if k not in differs
    }


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


@pytest.mark.parametrize("index", ["", "https://index.example.org/cpu"])
def test_pytorch_comes_alone_from_an_index_that_has_nothing_else(
    steps: list[tuple[str, str]], tmp_path: Path, index: str
) -> None:
    """Such an index has other versions of what constraints.txt pins besides, or none."""
    [command] = [given for name, given in steps if name == "RUN" and "TORCH_INDEX" in given]
    shutil.copy(ROOT / "constraints.txt", tmp_path)

    installed = subprocess.run(
        ["sh", "-c", f'pip() {{ echo "$@"; }}; {command}'],
        env={**os.environ, "TORCH_INDEX": index},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    given = f"--index-url {index} " if index else ""
    assert installed.stdout == f"install {given}--requirement torch.txt\n"
    asked = (tmp_path / "torch.txt").read_text().splitlines()
    assert [line.partition("==")[0] for line in asked] == ["torch", "torchvision"]
    assert set(asked) < set((ROOT / "constraints.txt").read_text().splitlines())


def test_pip_is_given_no_index_of_its_own(steps: list[tuple[str, str]]) -> None:
    assert ("ARG", 'TORCH_INDEX=""') in steps
    assert not [given for name, given in steps if name == "RUN" and "://" in given]


@pytest.mark.parametrize(("extras", "asked"), [("", "."), ("s3,gcs", ".[s3,gcs]")])
def test_a_build_argument_adds_extras(
    steps: list[tuple[str, str]], compose: dict[str, Any], extras: str, asked: str
) -> None:
    [command] = [given for name, given in steps if name == "RUN" and "EXTRAS" in given]
    pip = 'pip() { for word; do last=$word; done; echo "$last"; }; '

    installed = subprocess.run(
        ["sh", "-c", pip + command], env={"EXTRAS": extras}, capture_output=True, text=True
    )

    assert installed.stdout.strip() == asked
    assert ("ARG", 'EXTRAS=""') in steps
    for name in BACKENDS:
        assert compose["services"][name]["build"]["args"]["EXTRAS"] == "${EXTRAS:-}"


def test_the_extras_that_the_documents_name_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    documents = dockerfile + (ROOT / "docs/ml-backend.md").read_text(encoding="utf-8")
    named = re.findall(r"EXTRAS=([a-z0-9,]+)", documents)

    assert named
    assert {extra for names in named for extra in names.split(",")} <= set(
        project["optional-dependencies"]
    )


def test_every_variable_of_the_backend_is_one_that_it_reads() -> None:
    environment = environment_of("backend", {**FILLED, "CLIP_MODEL": "RN50/openai"})
    environment |= {k: v for k, v in image_environment().items() if k not in OTHERS}
    whole = settings_from_env(environment)

    assert len(environment) >= 7
    for name in environment:
        assert settings_without(name, environment) != whole, name


def settings_without(name: str, environment: dict[str, str]) -> Settings | None:
    """None where it is missed."""
    try:
        return settings_from_env({k: v for k, v in environment.items() if k != name})
    except ConfigError:
        return None


def test_every_variable_of_label_studio_is_one_that_it_reads(compose: dict[str, Any]) -> None:
    [package] = find_label_studio().parents[1].glob("lib/python*/site-packages/label_studio")
    sources = [package / "server.py", *(package / "core").rglob("*.py")]
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    environment = compose["services"]["label-studio"]["environment"]

    # It leaves the prefix out where it asks for a variable.
    unread = [
        name
        for name in environment
        if not re.search(
            rf"env\(\s*['\"](LABEL_STUDIO_)?{name.removeprefix('LABEL_STUDIO_')}['\"]", text
        )
    ]
    assert unread == []


def test_label_studio_takes_the_backends_name_for_webhooks_too(compose: dict[str, Any]) -> None:
    """It wants a dot in a host name there; the documents name the same one."""
    [alias], also = (compose["services"][b]["networks"]["default"]["aliases"] for b in BACKENDS)

    assert "." in alias
    assert also == [alias]
    for document in ("README.md", "docs/ml-backend.md"):
        assert f"http://{alias}:9090" in (ROOT / document).read_text(encoding="utf-8")


def test_the_backend_has_the_time_that_a_clean_stop_takes(compose: dict[str, Any]) -> None:
    grace = compose["services"]["backend"]["stop_grace_period"]

    assert int(grace.removesuffix("s")) > STOP_WITHIN_S


def test_label_studio_sends_nothing_to_its_makers(compose: dict[str, Any]) -> None:
    environment = compose["services"]["label-studio"]["environment"]

    assert environment["COLLECT_ANALYTICS"] == environment["LATEST_VERSION_CHECK"] == "false"
    assert environment["SENTRY_DSN"] == environment["FRONTEND_SENTRY_DSN"] == ""
