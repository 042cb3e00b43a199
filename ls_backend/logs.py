"""The log: one line for each thing, with the request and the project that it belongs to.

Modules log through `logging` as everywhere; this shapes the lines, as text or as JSON, and keeps
the last warnings for the page at /. What is logged never holds a token or an image.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ls_backend.settings import LogFormat

if TYPE_CHECKING:
    from flask import Flask, Response

REQUEST_ID_HEADER = "X-Request-Id"
WARNINGS_KEPT = 60

_PROJECT = re.compile(r"(\d{1,12})(\.\d+)?", re.ASCII)
"""As Label Studio names a project: its number, and when it was made."""
_REQUEST_ID = re.compile(r"[\w.\-]{1,64}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoggedWarning:
    """A warning or an error, as it was logged.

    Attributes:
        at: Time of the last occurrence, in seconds since 1970.
        text: Message without its hint.
        hint: Next step; "" where the record has none.
        times: Number of occurrences.
        project: Number of the project that it is about; "" where it is about none.
    """

    at: float
    text: str
    hint: str = ""
    times: int = 1
    project: str = ""


class LastWarnings(logging.Handler):
    """Keeps the last warnings and errors; one that comes again is kept once.

    Where there are too many, the project with most of them loses its oldest.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kept: dict[tuple[str, str, str], LoggedWarning] = {}
        """By project, text and hint; the one that came last stands last."""

    def emit(self, record: logging.LogRecord) -> None:
        from structlog.contextvars import get_contextvars

        project = str(get_contextvars().get("project", ""))
        hint = str(getattr(record, "hint", ""))
        text = record.getMessage().removesuffix(hint).rstrip()
        before = self._kept.pop((project, text, hint), None)
        times = before.times + 1 if before else 1
        warning = LoggedWarning(record.created, text, hint, times, project)
        self._kept[project, text, hint] = warning
        if len(self._kept) > WARNINGS_KEPT:
            [(crowded, _)] = Counter(project for project, _, _ in self._kept).most_common(1)
            del self._kept[next(key for key in self._kept if key[0] == crowded)]

    def newest_first(self) -> list[LoggedWarning]:
        return list(reversed(list(self._kept.copy().values())))


LAST_WARNINGS = LastWarnings()


def log_to_stderr(form: LogFormat, *others: str) -> None:
    """Log to stderr: what this package says, the loggers named besides, others from warnings on.

    In JSON, exceptions that nobody catches are lines of it, too.
    """
    import structlog

    handler, of_libraries = logging.StreamHandler(), logging.StreamHandler()
    of_libraries.addFilter(_is_unprinted)
    for each in (handler, of_libraries):
        each.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_described(form),
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_rendered(form),
                ],
            )
        )
    for name in ("ls_backend", *others):
        log = logging.getLogger(name)
        log.handlers = [handler, LAST_WARNINGS]
        log.propagate = False
    logging.getLogger("ls_backend").setLevel(logging.INFO)
    logging.getLogger().handlers = [of_libraries]
    logging.captureWarnings(capture=True)
    if form == "json":
        sys.excepthook = _log_uncaught
        threading.excepthook = _log_uncaught_in_thread


def _is_unprinted(record: logging.LogRecord) -> bool:
    """Whether no library has printed it by a handler of its own, as huggingface_hub does."""
    log: logging.Logger | None = logging.getLogger(record.name)
    while log is not None and log.parent is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in log.handlers):
            return False
        log = log.parent
    return True


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    _log.critical("an exception that nobody caught", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def name_requests(app: Flask) -> None:
    """Give each request an id: in every line of the log about it, and in the answer's header."""
    from flask import g, request
    from structlog.contextvars import bind_contextvars, clear_contextvars

    @app.before_request
    def begin() -> None:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else _new_id()
        clear_contextvars()
        bind_contextvars(request=g.request_id)

    @app.after_request
    def say(response: Response) -> Response:
        if "request_id" in g:
            response.headers[REQUEST_ID_HEADER] = g.request_id
        return response


def name_project(given: object) -> str | None:
    """Name the project that a request is about in every further line of the log about it.

    Args:
        given: What Label Studio calls it: "3.1795336526".

    Returns:
        Its number, "3"; None where that is no project.
    """
    from structlog.contextvars import bind_contextvars

    named = _PROJECT.fullmatch(given) if isinstance(given, str) else None
    if named is None:
        return None
    bind_contextvars(project=named[1])
    return named[1]


def _new_id() -> str:
    import uuid

    return uuid.uuid4().hex[:12]


def _described(form: LogFormat) -> list[Any]:
    import structlog

    fields = [structlog.stdlib.ExtraAdder()] if form == "json" else []
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        *fields,
        structlog.processors.TimeStamper(fmt="iso", utc=form == "json"),
        _on_one_line,
    ]


def _rendered(form: LogFormat) -> list[Any]:
    import structlog

    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # A traceback that shows local variables would show tokens.
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]


def _on_one_line(_log: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    # Task data may end up in a message: it must not look like a line of its own.
    event["event"] = _CONTROL.sub(" ", str(event["event"]))
    return event
