"""An access token that Label Studio no longer knows is bought anew, once."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator

import pytest
from flask import Flask, Response, abort, request
from werkzeug.serving import make_server

from ls_backend.errors import ImageError
from ls_backend.label_studio import Credentials
from ls_backend.settings import Settings
from ls_backend.task_images import TaskImages


def jwt(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{body}.c2ln"


class Studio:
    """Gives out access tokens; uploads are for those of `knows` alone."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.forgets_all = False
        app = Flask("studio")

        @app.post("/api/token/refresh/")
        def refresh() -> dict[str, str]:
            number = len(self.given)
            self.given.append(jwt(token_type="access", iat=0, exp=300, number=number))
            return {"access": self.given[-1]}

        @app.get("/data/upload/1/cat.png")
        def upload() -> Response:
            known = [] if self.forgets_all else self.given[1:]
            if request.headers.get("Authorization") not in [f"Bearer {one}" for one in known]:
                abort(401)
            return Response(b"the file")

        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    thread = threading.Thread(target=studio.server.serve_forever, args=(0.01,))
    thread.start()
    yield studio
    studio.server.shutdown()
    thread.join()
    studio.server.server_close()


def fetch(studio: Studio) -> bytes:
    credentials = Credentials(studio.url, jwt(token_type="refresh"))
    images = TaskImages(Settings(label_studio=credentials))
    return images.fetch({"id": 1, "data": {"image": "/data/upload/1/cat.png"}}, "image")


def test_a_forgotten_access_token_costs_one_more_request(studio: Studio) -> None:
    assert fetch(studio) == b"the file"
    assert len(studio.given) == 2


def test_a_token_that_is_never_accepted_is_not_tried_for_ever(studio: Studio) -> None:
    studio.forgets_all = True

    with pytest.raises(ImageError) as refusal:
        fetch(studio)

    assert refusal.value.code == "http_401"
    assert len(studio.given) == 2
