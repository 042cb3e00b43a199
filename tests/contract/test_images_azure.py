"""The kind "azure" against a server that answers as an Azure resource does, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask, request
from images_server import B64, PNG

from importers.config.sections import GeneratorSettings
from importers.generators import GenerationRequest
from importers.generators.base import Generator, generate_image
from importers.generators.openai_kinds import AZURE
from ls_backend.errors import GeneratorError, GeneratorUnauthorized, PromptRefused

KEY = "azure-never-to-be-shown"
VERSION = "2025-04-01-preview"
Serve = Callable[[Flask], str]


@dataclass
class Resource:
    """An Azure resource with one deployment."""

    refusal: tuple[dict[str, Any], int] | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    credentials: list[tuple[str | None, str | None]] = field(default_factory=list)
    url: str = ""

    def app(self) -> Flask:
        app = Flask("azure")

        @app.before_request
        def check() -> Any:
            key, bearer = request.headers.get("api-key"), request.headers.get("Authorization")
            self.credentials.append((key, bearer))
            if key != KEY:
                return _error("401", "Access denied due to invalid subscription key."), 401
            if request.args.get("api-version") != VERSION:
                return _error("404", "Resource not found"), 404
            return None

        @app.get("/openai/models")
        def models() -> Any:
            return {"object": "list", "data": [{"id": "gpt-image-2", "object": "model"}]}

        @app.post("/openai/deployments/<name>/images/generations")
        def generate(name: str) -> Any:
            if name != "pictures":
                return _error("DeploymentNotFound", "The API deployment does not exist."), 404
            self.bodies.append(dict(request.json or {}))
            return self.refusal or {"created": 1_790_000_000, "data": [{"b64_json": B64}]}

        return app


def _error(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


@pytest.fixture
def resource(serve_app: Serve, monkeypatch: pytest.MonkeyPatch) -> Resource:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "of-somebody-else")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-alone")
    azure = Resource()
    azure.url = serve_app(azure.app())
    return azure


@pytest.fixture
def draw(resource: Resource) -> Iterator[Callable[..., bytes]]:
    opened: list[Generator] = []

    def one(**changes: Any) -> bytes:
        wanted = settings(resource, **changes)
        opened.append(AZURE.open(wanted))
        asked = GenerationRequest("a dog", wanted.model, wanted.size, {"quality": "low"}, seed=7)
        return generate_image(opened[-1], asked).data

    yield one
    for generator in opened:
        generator.close()


def settings(resource: Resource, **changes: Any) -> GeneratorSettings:
    values = {"model": "pictures", "base_url": f"{resource.url}/", "api_version": VERSION}
    return GeneratorSettings.model_validate({"kind": "azure", **values, **changes})


def test_a_deployment_is_asked_at_its_own_address_with_the_key_of_azure(
    resource: Resource, draw: Callable[..., bytes]
) -> None:
    assert draw() == PNG
    (body,) = resource.bodies
    assert (body["prompt"], body["n"], body["size"]) == ("a dog", 1, "1024x1024")
    assert (body["quality"], "seed" in body) == ("low", False)
    assert resource.credentials == [(KEY, None)]


def test_the_key_may_be_in_another_variable(
    resource: Resource, draw: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "of-another-resource")
    monkeypatch.setenv("MY_AZURE_KEY", KEY)
    assert draw(api_key_env="MY_AZURE_KEY") == PNG
    assert resource.credentials[-1][0] == KEY


@pytest.mark.parametrize(
    "refusal",
    [
        _error("content_filter", "filtered", innererror={"code": "ResponsibleAIPolicyViolation"}),
        _error("contentFilter", "Your task failed as a result of our safety system."),
        _error("content_policy_violation", "filtered", inner_error={"content_filter_results": {}}),
        _error("moderation_blocked", "Your request was rejected by the safety system."),
    ],
)
def test_the_content_filter_refuses_one_prompt(
    resource: Resource, draw: Callable[..., bytes], refusal: dict[str, Any]
) -> None:
    resource.refusal = (refusal, 400)
    with pytest.raises(PromptRefused):
        draw()


def test_what_is_wrong_is_said_in_the_words_of_azure(draw: Callable[..., bytes]) -> None:
    with pytest.raises(GeneratorError, match="no deployment 'others'") as caught:
        draw(model="others")
    assert caught.value.code == "model_not_found"
    with pytest.raises(GeneratorError, match="is not an images API") as caught:
        draw(api_version="2020-01-01")
    assert "api_version" in caught.value.hint


def test_the_check_asks_for_the_models_and_draws_nothing(
    resource: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = "The price of pictures is not known: costs will not be counted."
    assert AZURE.check(settings(resource), ("generate",)) == (price,)
    elsewhere = settings(resource, base_url=f"{resource.url}/elsewhere")
    assert "lists no models" in AZURE.check(elsewhere, ("generate",))[1]
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "wrong")
    with pytest.raises(GeneratorUnauthorized, match="AZURE_OPENAI_API_KEY"):
        AZURE.check(settings(resource), ("generate",))
    assert resource.bodies == []
