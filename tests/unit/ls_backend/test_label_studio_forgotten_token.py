"""An access token that Label Studio no longer knows is bought anew, once."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, Response, abort, redirect, request
from image_host import ImageHost, status
from served import serving

from ls_backend.errors import ImageError, LabelStudioUnauthorized
from ls_backend.images.task_images import TaskImages
from ls_backend.label_studio import Credentials, LabelStudio
from ls_backend.settings import Settings


def jwt(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{body}.c2ln"


class Studio:
    """Gives out access tokens, and forgets the first of them; or all.

    `together` holds back what is asked with the forgotten one until so many ask. Who wants a token
    waits until it `speaks`.
    """

    def __init__(self) -> None:
        self.together = threading.Barrier(1)
        self.speaks = threading.Event()
        self.speaks.set()
        self.given: list[str] = []
        self.titles: list[str] = []
        self.asked = 0
        self.forgets_all = False
        self.bucket = ""
        self.url = ""
        self.app = app = Flask("studio")

        @app.post("/api/token/refresh/")
        def refresh() -> dict[str, str]:
            self.speaks.wait(60)
            number = len(self.given)
            self.given.append(jwt(token_type="access", iat=0, exp=300, number=number))
            return {"access": self.given[-1]}

        @app.get("/data/upload/1/cat.png")
        def upload() -> Response:
            self.check_token()
            return Response(b"the file")

        @app.get("/data/upload/1/moved.png")
        def moved() -> Response:
            return redirect(self.bucket)

        @app.post("/api/projects/")
        def create() -> dict[str, object]:
            self.check_token()
            self.titles.append((request.json or {})["title"])
            return {"id": len(self.titles), "title": self.titles[-1]}

    def check_token(self) -> None:
        self.asked += 1
        known = [] if self.forgets_all else self.given[1:]
        if request.headers.get("Authorization") not in [f"Bearer {one}" for one in known]:
            self.together.wait(60)
            abort(401)


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    with serving(studio.app) as studio.url:
        yield studio
        studio.speaks.set()


def reader(studio: Studio, **settings: Any) -> TaskImages:
    credentials = Credentials(studio.url, jwt(token_type="refresh"))
    return TaskImages(Settings(label_studio=credentials, **settings))


def fetch(images: TaskImages, name: str = "cat") -> bytes:
    return images.fetch({"id": 1, "data": {"image": f"/data/upload/1/{name}.png"}}, "image")


def test_a_forgotten_access_token_costs_one_more_request(studio: Studio) -> None:
    assert fetch(reader(studio)) == b"the file"
    assert len(studio.given) == 2


def test_a_token_that_is_never_accepted_is_not_tried_for_ever(studio: Studio) -> None:
    studio.forgets_all = True

    with pytest.raises(ImageError) as refusal:
        fetch(reader(studio))

    assert refusal.value.code == "http_401"
    assert len(studio.given) == 2


def test_many_images_that_are_refused_at_once_buy_one_new_token(studio: Studio) -> None:
    many = 8
    studio.together = threading.Barrier(many)
    images = reader(studio)

    with ThreadPoolExecutor(many) as readers:
        files = [readers.submit(fetch, images) for _ in range(many)]

    assert [file.result() for file in files] == [b"the file"] * many
    assert len(studio.given) == 2


def test_a_bucket_that_refuses_its_address_costs_no_token(studio: Studio) -> None:
    with ImageHost() as bucket:
        bucket.routes["/signed"] = status(401)
        studio.bucket = f"{bucket.url}/signed"
        images = reader(studio, allowed_hosts=frozenset({f"127.0.0.1:{bucket.port}"}))

        with pytest.raises(ImageError) as refusal:
            fetch(images, "moved")

        assert refusal.value.code == "http_401"
        assert len(bucket.asked) == 1
        assert len(studio.given) == 1


def test_a_token_is_not_bought_through_a_proxy_of_the_environment(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ImageHost() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)

        assert fetch(reader(studio)) == b"the file"

    assert proxy.asked == []


def test_to_wait_for_a_token_counts_against_the_deadline(studio: Studio) -> None:
    studio.speaks.clear()
    images = reader(studio, image_seconds=0.3)

    for _ in range(2):
        with pytest.raises(ImageError) as refusal:
            fetch(images)
        assert refusal.value.code == "timeout"

    assert studio.given == []
    studio.speaks.set()


def create(ls: LabelStudio) -> int:
    return ls.json("POST", "/api/projects/", json={"title": "Cats"})["id"]


@pytest.fixture
def label_studio(studio: Studio) -> Iterator[LabelStudio]:
    label_studio = LabelStudio(Credentials(studio.url, jwt(token_type="refresh")))
    yield label_studio
    label_studio.close()


def test_a_request_is_sent_again_and_done_once(studio: Studio, label_studio: LabelStudio) -> None:
    assert create(label_studio) == 1
    assert create(label_studio) == 2
    assert studio.titles == ["Cats", "Cats"]
    assert len(studio.given) == 2


def test_a_request_that_is_never_accepted_is_sent_twice(
    studio: Studio, label_studio: LabelStudio
) -> None:
    studio.forgets_all = True

    with pytest.raises(LabelStudioUnauthorized):
        create(label_studio)

    assert len(studio.given) == 2


def test_a_legacy_token_is_not_sent_again(studio: Studio) -> None:
    label_studio = LabelStudio(Credentials(studio.url, "0123456789abcdef0123456789abcdef01234567"))

    with pytest.raises(LabelStudioUnauthorized):
        create(label_studio)

    label_studio.close()
    assert (studio.asked, studio.given) == (1, [])
