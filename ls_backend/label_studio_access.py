"""Whether Label Studio accepts our token: asked at the start, and again when images are refused.

A wrong token is no reason to stop: images of public addresses need none, and the token may become
right in Label Studio. So it is said, in the log, on the page and at /ready.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Literal

from ls_backend.errors import LabelStudioError, LabelStudioUnauthorized, LabelStudioUnreachable
from ls_backend.label_studio import Credentials, LabelStudio

ASKED_AGAIN_AFTER_S = 10.0
TIMEOUT_S = 10.0
REFUSED_CODES = frozenset({"http_401", LabelStudioUnauthorized.default_code})
"""Codes of images that failed for want of a token."""

State = Literal["asking", "accepted", "refused", "unreachable", "wrong"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Access:
    """What Label Studio says of the token.

    Attributes:
        state: "asking" before the first answer; "accepted"; "refused"; "unreachable" where nothing
            answers; "wrong" where something else than Label Studio does, or it fails.
        message: What is wrong, in a sentence; "" where nothing is.
        hint: Next step; "" where nothing is wrong.
    """

    state: State
    message: str = ""
    hint: str = ""


class LabelStudioAccess:
    """Asks Label Studio for whom it takes us, in a thread of its own. Safe to share."""

    def __init__(self, credentials: Credentials) -> None:
        self.url = credentials.url
        self.last = Access("asking")
        """The newest answer."""
        self._credentials = credentials
        self._asked = float("-inf")
        self._lock = threading.Lock()

    def ask(self) -> None:
        """Ask unless that was done within the last seconds; does not wait for the answer."""
        with self._lock:
            if time.monotonic() < self._asked + ASKED_AGAIN_AFTER_S:
                return
            self._asked = time.monotonic()
        threading.Thread(target=self._ask, name="access", daemon=True).start()

    def ask_if_refused(self) -> None:
        """Ask again where it did not accept the token: that may have changed."""
        if self.last.state not in {"asking", "accepted"}:
            self.ask()

    def _ask(self) -> None:
        now = self._answer()
        before, self.last = self.last, now
        if now == before:
            return
        if now.state == "accepted":
            log.info("Label Studio at %s accepts the token.", self.url)
        else:
            log.warning("%s %s", now.message, now.hint, extra={"hint": now.hint})

    def _answer(self) -> Access:
        try:
            # Anew each time: it remembers access tokens, which says nothing of the token.
            ls = LabelStudio(self._credentials, direct=True)
            try:
                ls.json(
                    "GET", "/api/current-user/whoami",
                    what="sign in with the backend's token", timeout=TIMEOUT_S,
                )  # fmt: skip
            finally:
                ls.close()
        except LabelStudioUnauthorized as error:
            message = f"{error.message} No image is read there."
            return Access("refused", message, f"{error.hint} Then start the backend again.")
        except LabelStudioUnreachable as error:
            return Access("unreachable", error.message, error.hint)
        except LabelStudioError as error:
            return Access("wrong", error.message, error.hint)
        return Access("accepted")
