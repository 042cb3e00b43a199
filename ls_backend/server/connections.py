"""Connections: how long each may take for what, and how much of a body is kept.

Heads and bodies are read in the server's loop, outside the threads that work. What comes slowly, or
not at all, costs a place among the connections until its deadline and nothing else; a body that
nobody will read is received and dropped, so that its connection can be used again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest

SILENT_SECONDS = 10.0
"""For the first byte of a new connection."""
HEAD_SECONDS = 10.0
"""For a request's head, from its first byte."""
BODY_SECONDS = 60.0
"""For a request, from its first byte: head and body."""
ANSWER_SECONDS = 60.0
"""For taking an answer, once it is written."""
KEEP_ALIVE_SECONDS = 75.0
"""Longer than Label Studio keeps an idle connection of its own: it never meets a closed one."""

IN_MEMORY_BYTES = 256 * 1024
"""Of a body; a larger one is kept in a temporary file."""
MOST_BODIES_BYTES = 1024**3
"""Of all bodies that are kept at a time."""
MOST_CHUNK_LINE_BYTES = 4096
"""Between the chunks of a body."""

BodyLimit = Callable[[str, str, str | None], int]
"""Method, path and Authorization → how many bytes of the body are kept; one larger is dropped."""


class Bodies:
    """What is kept of the bodies of all connections. Safe to share between threads."""

    def __init__(self) -> None:
        self.held = 0
        """Bytes."""
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.held += count


class Body(OverflowableBuffer):  # type: ignore[misc]
    """A body that is being received: kept up to a limit, beyond which all of it is dropped."""

    def __init__(self, most: int, bodies: Bodies) -> None:
        super().__init__(IN_MEMORY_BYTES)
        self.most = most
        self.kept = 0
        """Bytes."""
        self._received = 0
        self._bodies = bodies

    def append(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self.most:
            self.close()
            return
        self.kept += len(data)
        self._bodies.add(len(data))
        super().append(data)

    def __len__(self) -> int:
        """Bytes received, those that are dropped too."""
        return self._received

    def close(self) -> None:
        """Forget what is kept."""
        self._bodies.add(-self.kept)
        self.kept, self.strbuf = 0, b""
        super().close()
        self.buf = None

    def __del__(self) -> None:
        self.close()


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request that is being received."""

    completed: bool
    path = ""
    """Stays so where the head cannot be read."""

    def __init__(self, adjustments: Any, limit: BodyLimit, bodies: Bodies) -> None:
        super().__init__(adjustments)
        self.began = time.monotonic()
        self._limit = limit
        self._bodies = bodies

    @property
    def body(self) -> Body | None:
        return self.body_rcv.getbuf() if self.body_rcv is not None else None

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.body_rcv is not None:
            most = self._limit(self.command, self.path, self.headers.get("AUTHORIZATION"))
            self.body_rcv.buf = Body(most, self._bodies)

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.chunked and not self.completed:
            between = len(self.body_rcv.control_line) + len(self.body_rcv.trailer)
            if between > MOST_CHUNK_LINE_BYTES:
                self.error = BadRequest("Chunk line too long")
                self.completed = True
        return consumed


class Connection(HTTPChannel):  # type: ignore[misc]
    """One connection of an `HttpServer`; it knows since when it waits, and until when it may."""

    def __init__(self, server: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(server, *arguments, **more)
        self.parser_class = partial(Request, limit=server.body_limit, bodies=server.bodies)
        self.under_way = 0
        """Requests that threads have been given; guarded by `requests_lock`, as `requests` is."""
        self._free_since = time.monotonic()
        self._is_new = True

    @property
    def waits_since(self) -> float:
        """`time.monotonic()` since which it waits for the other side."""
        began = self.request.began if self.request is not None else 0.0
        return max(began, self._free_since)

    @property
    def closes_at(self) -> float:
        """`time.monotonic()` at which the other side's time is over."""
        if self.under_way:
            return math.inf
        if self.total_outbufs_len:
            most = ANSWER_SECONDS
        elif self.request is None:
            most = SILENT_SECONDS if self._is_new else KEEP_ALIVE_SECONDS
        else:
            most = BODY_SECONDS if self.request.headers_finished else HEAD_SECONDS
        return self.waits_since + most

    @property
    def bytes_kept(self) -> int:
        """Of the body that is being received."""
        body = self.request.body if self.request is not None else None
        return body.kept if body is not None else 0

    def service(self) -> None:
        """Answer one request, in a thread."""
        try:
            super().service()
        finally:
            with self.requests_lock:
                self._free_since = time.monotonic()
                self._is_new = False
                self.under_way -= 1

    def handle_close(self) -> None:
        if self.request is not None:
            self.request.close()
        super().handle_close()
