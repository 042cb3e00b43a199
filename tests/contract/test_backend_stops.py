"""How the backend's process starts, stops, and is there again after a kill."""

from __future__ import annotations

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from backend_process import MAIN, choices, serve_backend, serve_uploads, start_backend
from recorded_requests import CONFIG, predict_body, setup_body

SHORT_STOP = "import ls_backend.backend\nls_backend.backend.STOP_SECONDS = 1.0\n" + MAIN


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def test_a_stop_finishes_what_is_under_way_and_refuses_the_rest_at_once(tmp_path: Path) -> None:
    with (
        ThreadPoolExecutor() as callers,
        serve_uploads() as uploads,
        serve_backend(tmp_path, uploads.url) as served,
    ):
        held = callers.submit(served.predict, "held-cat")
        assert uploads.asked.acquire(timeout=60)
        served.process.terminate()
        wait_until_refused(served.url)
        uploads.release.set()

        assert choices(held.result(60)) == ["cat"]
        assert served.process.wait(30) == 0
        assert "Traceback" not in served.log.read_text()


def wait_until_refused(url: str) -> None:
    """Until the signal has arrived; nothing hangs before, nor after."""
    while True:
        try:
            assert requests.get(f"{url}/health", timeout=5).status_code == 200
        except requests.ConnectionError:
            return


def test_a_stop_does_not_wait_for_an_image_that_never_comes(tmp_path: Path) -> None:
    with (
        ThreadPoolExecutor() as callers,
        serve_uploads() as uploads,
        serve_backend(tmp_path, uploads.url, main=SHORT_STOP, CLIP_IMAGE_SECONDS="8") as served,
    ):
        held = callers.submit(served.predict, "held-cat", "a-cat")
        assert uploads.asked.acquire(timeout=60)
        served.process.terminate()

        assert choices(held.result(7)) == [None, "cat"]
        assert served.process.wait(30) == 0


def test_a_model_that_cannot_be_loaded_ends_the_process_in_plain_words(tmp_path: Path) -> None:
    with start_backend(tmp_path, "http://127.0.0.1:9", model=str(tmp_path)) as served:
        assert served.process.wait(60) == 1
        assert "ModelError" in served.log.read_text()
        assert "it has no open_clip_config.json" in served.log.read_text()


def test_a_stop_while_the_model_loads_is_as_clean_as_any(tmp_path: Path) -> None:
    port = free_port()
    with start_backend(tmp_path, "http://127.0.0.1:9", port=port) as served:
        while not answers(port):
            assert served.process.poll() is None
        served.process.terminate()

        assert served.process.wait(60) == 0
        assert "Traceback" not in served.log.read_text()
        assert "Fatal" not in served.log.read_text()


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_a_backend_that_is_killed_starts_again_at_once_at_the_same_address(tmp_path: Path) -> None:
    port = free_port()
    with serve_uploads() as uploads:
        with start_backend(tmp_path, uploads.url, port=port) as killed:
            assert killed.process.stdout is not None
            assert " answers on " in killed.process.stdout.readline()
            with socket.create_connection(("127.0.0.1", port)):
                killed.process.kill()
                assert killed.process.wait(60) == -signal.SIGKILL
        with serve_backend(tmp_path, uploads.url, port=port) as served:
            assert choices(served.predict("a-cat")) == ["cat"]


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
    # At the start it asks Label Studio about the token, whoever asks it.
    assert all("request" in line or "Label Studio" in line["event"] for line in lines)
