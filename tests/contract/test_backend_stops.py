"""How the backend's process starts, stops and recovers, behind either server."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from backend_process import (
    MAIN,
    Served,
    choices,
    serve_backend,
    serve_uploads,
    start_backend,
)
from recorded_requests import CONFIG, predict_body, setup_body

WITHOUT_GUNICORN = "import sys\nsys.modules['gunicorn'] = None\n" + MAIN
MAINS = pytest.mark.parametrize("main", [MAIN, WITHOUT_GUNICORN], ids=["gunicorn", "waitress"])


@MAINS
def test_a_stop_finishes_what_is_under_way_and_takes_nothing_new(tmp_path: Path, main: str) -> None:
    with (
        ThreadPoolExecutor() as callers,
        serve_uploads() as uploads,
        serve_backend(tmp_path, uploads.url, main=main) as served,
    ):
        held = callers.submit(served.predict, "held-cat")
        assert uploads.asked.acquire(timeout=60)
        served.process.terminate()
        wait_until_refused(served.url)
        uploads.release.set()

        assert choices(held.result(60)) == ["cat"]
        assert served.process.wait(30) == 0
        assert "Traceback" not in served.log.read_text()


@MAINS
def test_a_stop_does_not_wait_for_an_image_that_never_comes(tmp_path: Path, main: str) -> None:
    with (
        ThreadPoolExecutor() as callers,
        serve_uploads() as uploads,
        serve_backend(tmp_path, uploads.url, main=main, CLIP_IMAGE_SECONDS="18") as served,
    ):
        held = callers.submit(served.predict, "held-cat", "a-cat")
        assert uploads.asked.acquire(timeout=60)
        served.process.terminate()

        assert choices(held.result(60)) == [None, "cat"]
        assert served.process.wait(30) == 0


def wait_until_refused(url: str) -> None:
    while True:
        try:
            answer = requests.post(f"{url}/predict", json=predict_body(label="cat"), timeout=10)
        except requests.RequestException:
            return
        if answer.status_code == 503:
            return


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with serve_uploads() as uploads, serve_backend(tmp_path, uploads.url) as served:
        first = worker_of(served)
        os.kill(first, signal.SIGKILL)
        assert served.process.stdout is not None
        assert " answers on " in served.process.stdout.readline()

        assert choices(served.predict("a-cat")) == ["cat"]
        assert worker_of(served) != first


def worker_of(served: Served) -> int:
    pid = served.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


@MAINS
def test_a_model_that_cannot_be_loaded_ends_the_process_in_plain_words(
    tmp_path: Path, main: str
) -> None:
    with start_backend(tmp_path, "http://127.0.0.1:9", main=main, model=str(tmp_path)) as served:
        assert served.process.wait(60) == 1
        assert "ModelError" in served.log.read_text()
        assert "it has no open_clip_config.json" in served.log.read_text()


def test_every_line_of_a_json_log_is_json_and_names_its_request(tmp_path: Path) -> None:
    with (
        serve_uploads() as uploads,
        serve_backend(tmp_path, uploads.url, CLIP_LOG_FORMAT="json") as served,
    ):
        answer = served.session.post(
            f"{served.url}/predict",
            json=predict_body("a-nothing", "a-cat", label="cat"),
            headers={"X-Request-Id": "from-a-proxy.7"},
            timeout=60,
        )
        refused = served.post("/setup", setup_body("<View>\nforged line"))
        # Its labels are looked at after the answer, in a thread of their own.
        odd = served.post("/setup", setup_body(CONFIG.replace('"cat"', '"cls_07"')))
        while "cls_07" not in served.log.read_text():
            time.sleep(0.01)

        lines = [json.loads(line) for line in served.log.read_text().splitlines()]

    assert answer.headers["X-Request-Id"] == "from-a-proxy.7"
    own = [line for line in lines if line.get("request") == "from-a-proxy.7"]
    assert {"http_404"} == {line["code"] for line in own if line["level"] == "warning"}
    assert {(line["predicted"], line["tasks"]) for line in own if "predicted" in line} == {(1, 2)}
    other = refused.headers["X-Request-Id"]
    assert other != "from-a-proxy.7"
    assert [line["level"] for line in lines if line.get("request") == other] == ["warning"]
    [about_labels] = [line for line in lines if "cls_07" in line["event"]]
    assert about_labels["request"] == odd.headers["X-Request-Id"]
    assert all("request" in line for line in lines)
