"""The page at / in a real browser: it follows what the backend does, by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backend_process import serve_backend, serve_uploads
from recorded_requests import setup_body

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_page_follows_what_the_backend_does(browser: Browser, tmp_path: Path) -> None:
    with (
        serve_uploads() as uploads,
        serve_backend(
            tmp_path, uploads.url, BASIC_AUTH_USER="studio", BASIC_AUTH_PASS="s3cret"
        ) as served,
        browser.new_context(
            http_credentials={"username": "studio", "password": "s3cret"}
        ) as context,
    ):
        served.session.auth = ("studio", "s3cret")
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(served.url)
        facts = page.locator("#facts")
        assert "sketch-clip" in facts.inner_text()
        assert uploads.url in facts.inner_text()

        version = served.post("/setup", setup_body()).json()["model_version"]
        served.predict("a-cat", "a-dog", "a-nothing")

        page.locator("#versions", has_text=version).wait_for()
        page.locator("#images tr", has_text="ok").locator("td", has_text="2").wait_for()
        warning = "project 3: task 3: no prediction [http_404]"
        page.locator("#warnings", has_text=warning).wait_for()
        row = page.locator("#projects tr", has_text=version).inner_text().split("\t")
        assert [row[0], row[3]] == ["3", "2"]
        assert row[4].split()[:3] == ["1", "http_404", "1"]
        assert "token: accepted" in facts.inner_text()
        assert page.locator("#access").count() == 0
        for width in (1200, 400):
            page.set_viewport_size({"width": width, "height": 900})
            narrow = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert narrow, f"something on the page is wider than a window of {width} pixels"


def test_the_page_says_that_the_token_is_refused(browser: Browser, tmp_path: Path) -> None:
    with (
        serve_uploads() as uploads,
        serve_backend(tmp_path, uploads.url, LABEL_STUDIO_API_KEY="0" * 40) as served,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.goto(served.url)

        page.locator("#access", has_text="does not know the token").wait_for(timeout=60_000)
        assert "start the backend again" in page.locator("#access").inner_text()
        ready = served.get("/ready")
        assert (ready.status_code, ready.json()["label_studio"]["state"]) == (200, "refused")
        assert "does not know the token" in served.log.read_text()
