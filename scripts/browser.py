"""A browser in our own Label Studio: for the browser tests and for the picture in the README.

Needs playwright (extra `dev`) and a Chromium that is installed on the machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from importers.demo.service import HOST
from importers.demo.services import LabelStudioServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The installed Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


@contextmanager
def signed_in(
    browser: Browser, server: LabelStudioServer, width: int = 1300, height: int = 820
) -> Iterator[Page]:
    """A page that is signed in to Label Studio, and reaches nothing but this machine."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.route("**/*", _loopback_only)
    with server.session() as session:
        context.add_cookies(
            [
                {"name": cookie.name, "value": str(cookie.value), "url": server.url}
                for cookie in session.cookies
            ]
        )
    yield context.new_page()
    context.close()


def _loopback_only(route: Route) -> None:
    # Label Studio's pages call error trackers and analytics whatever its settings say.
    if urlsplit(route.request.url).hostname in {HOST, None}:
        route.continue_()
    else:
        route.abort()
