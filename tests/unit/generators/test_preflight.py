"""Settings that cannot work are refused before anything is sent."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from importers.config.sections import GeneratorSettings
from importers.generators import open_generator, request_parameters
from importers.generators.openai_kinds import COMPATIBLE, check_settings
from ls_backend.errors import ConfigError

TODAY = date(2026, 11, 22)
OWN = "http://127.0.0.1:9/v1"


def settings(**values: Any) -> GeneratorSettings:
    return GeneratorSettings.model_validate({"model": "gpt-image-2", **values})


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst"])
def test_a_living_model_passes_without_notice(model: str) -> None:
    assert check_settings(settings(model=model, quality="low"), TODAY) == ()


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3", "gpt-image-1"])
def test_a_model_that_is_gone_names_living_ones(model: str) -> None:
    with pytest.raises(ConfigError, match=f"OpenAI shut {model} down") as caught:
        check_settings(settings(model=model), TODAY)
    assert "gpt-image-2.6-flare" in caught.value.hint


def test_a_model_that_is_going_is_noticed_until_it_is_gone() -> None:
    notices = check_settings(settings(model="gpt-image-1.5"), TODAY)
    assert "2026-12-01" in notices[0]
    with pytest.raises(ConfigError):
        check_settings(settings(model="gpt-image-1.5"), date(2026, 12, 1))


def test_an_end_is_noticed_from_60_days_before() -> None:
    early, late = date(2026, 10, 1), date(2026, 10, 2)
    ends = [check_settings(settings(model="gpt-image-1.5"), day) for day in (early, late)]
    assert ["2026-12-01" in "".join(notices) for notices in ends] == [False, True]


def test_another_server_may_call_its_model_what_it_likes() -> None:
    assert check_settings(settings(model="dall-e-3", base_url=OWN), TODAY)


def test_an_unknown_price_is_noticed_and_a_free_model_is_not() -> None:
    assert "price" in check_settings(settings(model="flux", base_url=OWN), TODAY)[0]
    free = settings(model="sketch-1", base_url=OWN, size="512x512", send_seed=True)
    assert check_settings(free, TODAY) == ()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"size": "512x512"}, "816x816"),
        ({"size": "512x512", "model": "gpt-image-2.6-flare"}, "816x816"),
        ({"size": "big", "model": "flux", "base_url": OWN}, "WIDTHxHEIGHT"),
        ({"quality": "hd"}, "quality 'hd'"),
        ({"parameters": {"quality": "max"}}, "quality 'max'"),
        ({"parameters": {"response_format": "b64_json"}}, "response_format"),
        ({"parameters": {"complexity": "low"}}, "complexity"),
        ({"parameters": {"n": 4}}, "'n'"),
        ({"parameters": {"stream": True}, "model": "flux", "base_url": OWN}, "'stream'"),
        ({"parameters": {"seed": 4}, "model": "flux", "base_url": OWN}, "'seed'"),
        ({"send_seed": True}, "seed"),
        ({"parameters": {"background": "transparent", "output_format": "jpeg"}}, "transparent"),
        ({"parameters": {"output_compression": 50}}, "output_compression"),
    ],
)
def test_what_the_model_does_not_take_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_settings(settings(**values), TODAY)
    assert named in caught.value.message


AZURE = {
    "kind": "azure",
    "base_url": "https://mine.openai.azure.com/",
    "api_version": "2025-04-01-preview",
}


def test_azure_models_end_on_days_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "az-1")
    notices = check_settings(settings(**AZURE, model="gpt-image-1.5"), date(2026, 12, 2))
    assert "Azure retires gpt-image-1.5 on 2026-12-16" in notices[0]
    assert check_settings(settings(**AZURE), TODAY) == ()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"api_version": None}, "api_version"),
        ({"base_url": None}, "base_url"),
        ({"base_url": "https://mine.openai.azure.com/openai/v1"}, "goes on behind the endpoint"),
        ({"api_key_env": "NOT_SET"}, "NOT_SET"),
        ({"size": "512x512"}, "816x816"),
    ],
)
def test_what_azure_lacks_is_named(
    values: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "az-1")
    with pytest.raises(ConfigError) as caught:
        check_settings(settings(**{**AZURE, **values}), TODAY)
    assert named in caught.value.message


def test_a_compatible_server_may_call_its_model_like_openais() -> None:
    wanted = settings(kind="compatible", base_url=OWN, size="512x512", quality="hd")
    assert COMPATIBLE.check_settings(wanted, ("generate",)) == ()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "base_url"),
        ({"base_url": OWN, "size": "auto"}, "'auto'"),
        ({"base_url": OWN, "parameters": {"n": 2}}, "'n'"),
    ],
)
def test_what_a_compatible_server_needs_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        COMPATIBLE.check_settings(settings(kind="compatible", **values), ("generate",))
    assert named in caught.value.message


def test_no_generator_is_opened_for_settings_that_cannot_work() -> None:
    with pytest.raises(ConfigError):
        open_generator(settings(model="dall-e-3"))


def test_the_generator_says_who_draws() -> None:
    assert open_generator(settings()).name == "gpt-image-2 at api.openai.com"


def test_quality_is_a_parameter_of_every_request() -> None:
    wanted = settings(quality="low", parameters={"background": "opaque"})
    assert request_parameters(wanted) == {"background": "opaque", "quality": "low"}
    assert request_parameters(settings()) == {}
