"""Generator kinds are entry points: ours, and those of other packages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from importers.config.sections import GeneratorSettings
from importers.generators import GenerationRequest, check, diffusers_local, kind_of, open_generator
from importers.generators.base import generate_image
from ls_backend.errors import ConfigError

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
Register = Callable[[str, dict[str, str]], Path]

OUTSIDE = """
from decimal import Decimal
from importers.generators.base import Answer, GeneratedImage

class Kind:
    def check_settings(self, settings, operations):
        return ("drawn by hand",)

    check = check_settings

    def open(self, settings):
        return self

    name = "somebody else"

    def send(self, request):
        return Answer(request.prompt.encode(), None, "2026-11-24T00:00:00+00:00")

    def read(self, request, answer):
        return GeneratedImage(answer.body, None, None, Decimal(0), answer.received)

KIND = Kind()
"""


def settings(**values: Any) -> GeneratorSettings:
    return GeneratorSettings.model_validate({"model": "any", **values})


def test_our_own_kinds_are_registered_like_those_of_others(registered: dict[str, str]) -> None:
    assert registered.keys() == {"openai", "azure", "compatible", "diffusers", "folder"}
    for name in registered:
        kind = kind_of(settings(kind=name, path="here"))
        assert all(callable(getattr(kind, way)) for way in ("check_settings", "check", "open"))


def test_every_kind_is_documented(registered: dict[str, str]) -> None:
    documented = (PYPROJECT.parent / "docs" / "generators.md").read_text(encoding="utf-8")
    for name in registered:
        assert f"| `{name}` |" in documented
        assert f"\n## {name}\n" in documented


def test_a_kind_of_another_package_draws(register: Register) -> None:
    site = register("somebody_elses", {"by-hand": "somebody_elses:KIND"})
    (site / "somebody_elses.py").write_text(OUTSIDE)
    wanted = settings(kind="by-hand")
    assert check(wanted) == ("drawn by hand",)
    request = GenerationRequest("a dog", "any", "auto", {}, seed=1)
    assert generate_image(open_generator(wanted), request).data == b"a dog"


@pytest.mark.usefixtures("registered")
def test_a_kind_that_is_not_installed_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match="'opnai'") as caught:
        open_generator(settings(kind="opnai"))
    assert "azure, compatible, diffusers, folder, openai" in caught.value.hint


@pytest.mark.usefixtures("registered")
def test_diffusers_without_the_package_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diffusers_local, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        open_generator(settings(kind="diffusers"))
    assert "pip install 'label-studio-clip[diffusers]'" in caught.value.hint
