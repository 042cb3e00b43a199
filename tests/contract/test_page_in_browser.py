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
        page.locator("#warnings", has_text="task 3: no prediction [http_404]").wait_for()
        narrow = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert narrow, "something on the page is wider than the window"
