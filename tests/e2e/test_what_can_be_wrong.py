"""Whatever is wrong, a command says what, why and what to do: no traceback, and never the token."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from command_line import CommandLine

from importers.config.campaign import CAMPAIGN_FILE, Campaign
from importers.demo.services import LabelStudioServer, SketchServer

WRONG_TOKEN = "f" * 40
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong, and the words that must name it.

    `{sketch}` and `{label_studio}` stand for the addresses of the running services. `change`
    rewrites campaign.toml: patterns and what replaces them.
    """

    command: str
    says: str
    change: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


CASES = {
    "label studio: wrong token": Wrong(
        "run {campaign}", "token", environment={"LABEL_STUDIO_API_KEY": WRONG_TOKEN}
    ),
    "label studio: no token": Wrong(
        "run {campaign}", "LABEL_STUDIO_API_KEY", environment={"LABEL_STUDIO_API_KEY": ""}
    ),
    "label studio: down": Wrong("run {campaign}", NOBODY, {'^url = "http.*': f'url = "{NOBODY}"'}),
    "label studio: another server": Wrong(
        "run {campaign}", "{sketch}", {'^url = "http.*': 'url = "{sketch}"'}
    ),
    "label studio: no address": Wrong(
        "run {campaign}", "nonsense", {'^url = "http.*': 'url = "nonsense"'}
    ),
    "label studio: a path too many": Wrong(
        "connect --project {project}",
        "not Label Studio",
        environment={"LABEL_STUDIO_URL": "{label_studio}/labels"},
    ),
    "label studio: down, connecting": Wrong(
        "connect --project 1 --url {sketch}", NOBODY, environment={"LABEL_STUDIO_URL": NOBODY}
    ),
    "label studio: no such project": Wrong("connect --project 999999", "999999"),
    "backend: down": Wrong("connect --project {project} --url " + NOBODY, NOBODY),
    "backend: not one": Wrong("connect --project {project} --url {sketch}", "{sketch}"),
    "images: server down": Wrong(
        "generate {campaign}", "127.0.0.1:9", {"^base_url = .*": f'base_url = "{NOBODY}/v1"'}
    ),
    "images: no key for openai": Wrong(
        "generate {campaign}",
        "SKETCH_API_KEY",
        {
            "^base_url = .*": "",
            "^model = .sketch-1.": 'model = "gpt-image-2"',
            "512x512": "1024x1024",
        },
    ),
    "images: no such model": Wrong("generate {campaign}", "sketch-9", {"sketch-1": "sketch-9"}),
    "clip: no such model": Wrong(
        "score {campaign}", "ViT-Z-99", {'^model = "sketch"': 'model = "ViT-Z-99/nowhere"'}
    ),
    "clip: no such folder": Wrong("serve --port 0 --model ./no-such-folder", "no-such-folder"),
    "serve: address without token": Wrong(
        "serve --port 0 --model sketch",
        "LABEL_STUDIO_API_KEY",
        environment={"LABEL_STUDIO_API_KEY": ""},
    ),
    "serve: unknown host": Wrong("serve --model sketch --host nonsense..invalid", "--host"),
    "serve: port in use": Wrong("serve --model sketch --port {port}", "{port}"),
    "sketch: port in use": Wrong("sketch --port {port}", "{port}"),
    "toml: not toml": Wrong("run {campaign}", "line 3", {"^labels = ": "labels == "}),
    "toml: unknown key": Wrong("status {campaign}", "'samples'", {"^samples": "sampels"}),
    "toml: wrong value": Wrong("status {campaign}", "samples", {"^samples = .*": "samples = 0"}),
    "toml: no such file": Wrong("sync {campaign}/elsewhere", "elsewhere"),
    "demo: no label studio": Wrong(
        "demo --once --folder {campaign}/demo",
        "/no/such/label-studio",
        environment={"LABEL_STUDIO_EXECUTABLE": "/no/such/label-studio"},
    ),
    "demo: label studio does not start": Wrong(
        "demo --once --folder {campaign}/demo",
        "label-studio.log",
        environment={"LABEL_STUDIO_EXECUTABLE": "/bin/false"},
    ),
    "demo: no images": Wrong("demo --once --images 0 --folder {campaign}/demo", "0"),
}


@pytest.fixture(scope="module")
def project(label_studio: LabelStudioServer) -> int:
    made = label_studio.client().json(
        "POST",
        "/api/projects",
        json={
            "title": "what can be wrong",
            "label_config": '<View><Image name="i" value="$image"/><Choices name="c" toName="i">'
            '<Choice value="cat"/><Choice value="dog"/></Choices></View>',
        },
    )
    return int(made["id"])


@pytest.mark.parametrize("name", CASES)
def test_it_is_named_with_what_to_do(
    name: str,
    new_campaign: Callable[..., Campaign],
    command_line: CommandLine,
    label_studio: LabelStudioServer,
    sketch_server: SketchServer,
    project: int,
) -> None:
    wrong = CASES[name]
    campaign = new_campaign("wrong", 4)
    values = {
        "campaign": str(campaign.folder),
        "sketch": sketch_server.url,
        "port": str(sketch_server.port),
        "project": str(project),
        "label_studio": label_studio.url,
    }
    rewrite(campaign.folder / CAMPAIGN_FILE, wrong.change, values)
    environment = {name: value.format(**values) for name, value in wrong.environment.items()}
    done = command_line(*wrong.command.format(**values).split(), **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    error, hint = done.stderr.index("Error: "), done.stderr.index("Hint: ")
    assert wrong.says.format(**values) in done.stderr[error:], done.stderr
    assert len(done.stderr[hint:].split()) > 3
    assert "Traceback" not in done.stdout + done.stderr
    for token in (label_studio.credentials.token, WRONG_TOKEN):
        assert token not in done.stdout + done.stderr


def rewrite(file: Path, change: Mapping[str, str], values: Mapping[str, str]) -> None:
    text = file.read_text()
    for pattern, replacement in change.items():
        changed = re.sub(pattern, replacement.format(**values), text, flags=re.MULTILINE)
        assert changed != text
        text = changed
    file.write_text(text)
