"""Real servers in threads of the test's process, on free loopback ports."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve a WSGI app over HTTP while the block runs; gives its address without a slash."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    with answering(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def answering(server: BaseServer) -> Iterator[None]:
    """Let a server of the standard library answer while the block runs, then close it."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Commands under test share our stderr."""
