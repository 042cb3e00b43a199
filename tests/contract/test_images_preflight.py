"""The check before a run, against servers of every kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask, Response
from images_server import html

from importers.config.sections import GeneratorSettings
from importers.generators import check
from ls_backend.errors import GeneratorError

Serve = Callable[[Flask], str]
Routes = dict[str, Callable[..., Any]]

PRICE_NOTICE = "The price of flux is not known: costs will not be counted."


@pytest.fixture
def check_of(serve_app: Serve) -> Callable[..., tuple[str, ...]]:
    """Serve these GET routes (and POST /v1/images/generations if `draws`) and check against it."""

    def run(routes: Routes, *, draws: bool = False, model: str = "flux") -> tuple[str, ...]:
        app = Flask("server")
        for path, answer in routes.items():
            app.add_url_rule(path, path, answer)
        if draws:
            app.add_url_rule("/v1/images/generations", "draw", lambda: "drawn", methods=["POST"])
        url = f"{serve_app(app)}/v1"
        return check(GeneratorSettings.model_validate({"model": model, "base_url": url}))

    return run


def listing(*names: str) -> Callable[[], Any]:
    return lambda: {"object": "list", "data": [{"id": name} for name in names]}


def test_a_model_that_answers_for_itself_passes(
    check_of: Callable[..., tuple[str, ...]],
) -> None:
    assert check_of({"/v1/models/flux": lambda: {"id": "flux"}}) == (PRICE_NOTICE,)


@pytest.mark.parametrize(("days", "noticed"), [(-1, True), (0, True), (59, True), (90, False)])
def test_an_announced_shutdown_is_noticed_when_it_is_near(
    check_of: Callable[..., tuple[str, ...]], days: int, noticed: bool
) -> None:
    on = str(date.today() + timedelta(days=days))
    notices = check_of({"/v1/models/flux": lambda: {"id": "flux", "shutdown_date": on}})
    assert (f"shuts flux down on {on}" in "".join(notices)) == noticed


def test_an_end_that_is_no_date_is_shown_as_it_is(
    check_of: Callable[..., tuple[str, ...]],
) -> None:
    model = {"id": "flux", "shutdown_date": "next year"}
    assert "next year" in check_of({"/v1/models/flux": lambda: model})[1]


def test_a_server_that_only_lists_its_models_passes(
    check_of: Callable[..., tuple[str, ...]],
) -> None:
    assert check_of({"/v1/models": listing("org/flux")}, model="org/flux")


def test_a_server_without_models_passes_with_a_notice_if_it_draws(
    check_of: Callable[..., tuple[str, ...]],
) -> None:
    assert "lists no models" in check_of({}, draws=True)[1]


@pytest.mark.parametrize(
    ("routes", "code", "named"),
    [
        ({"/v1/models": listing("sd-cpp-local")}, "model_not_found", "sd-cpp-local"),
        ({"/v1/models": listing(*"abcdefghijk", "flux-2")}, "model_not_found", "flux-2"),
        ({"/v1/models": listing()}, "model_not_found", "lists none"),
        ({}, "not_an_images_api", "/v1"),
        ({"/v1/<path:path>": lambda **_: html(404)}, "not_an_images_api", "/v1"),
        ({"/v1/<path:path>": lambda **_: html(200)}, "not_an_images_api", "/v1"),
        ({"/v1/models/flux": lambda: {"ok": True}}, "not_an_images_api", "/v1"),
        ({"/v1/models": lambda: {"ok": True}}, "not_an_images_api", "/v1"),
        ({"/v1/models/flux": lambda: html(502)}, "server_error", "server's side"),
        (
            {"/v1/models/flux": lambda: Response(status=401)},
            "generator_unauthorized",
            "api_key_env",
        ),
        ({"/v1/models/flux": lambda: Response(status=403)}, "generator_unauthorized", "may not"),
    ],
)
def test_what_is_wrong_is_named_with_a_hint(
    check_of: Callable[..., tuple[str, ...]], routes: Routes, code: str, named: str
) -> None:
    with pytest.raises(GeneratorError) as caught:
        check_of(routes)
    assert caught.value.code == code
    assert named in caught.value.hint
