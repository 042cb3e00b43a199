"""What strangers do to the ML backend: images that are traps, and connections that say little.

Owns what the soak mixes into good requests.
"""

from __future__ import annotations

import io
import selectors
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from PIL import Image

SIDE = 7000
HALF_HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"
HALF_BODY = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n{"
STRANGERS = {
    b"": 100,
    HALF_HEAD: 48,
    HALF_HEAD + b"Authorization: Basic eDp4\r\n": 16,
    HALF_BODY % b"setup": 16,
    HALF_BODY % b"webhook": 16,
    HALF_BODY % b"predict": 16,
}
"""What is sent on a connection that is then held open → how many such there are."""


def traps() -> dict[str, bytes]:
    """Names of image files → their bytes; each decodes for long, to much, or not at all."""
    picture = _encoded(Image.new("RGB", (64, 64)), "PNG")
    head, end = picture[:33], picture[33:]
    jpeg = _encoded(Image.new("RGB", (64, 64)), "JPEG")
    return {
        "large.png": _encoded(Image.new("RGBA", (SIDE, SIDE), (200, 30, 30, 128)), "PNG"),
        "chunks.png": head + _chunk(b"teSt", b"") * 2_000_000 + end,
        "comments.jpeg": jpeg[:2] + b"\xff\xfe\x00\x02" * 4_000_000 + jpeg[2:],
        "segments.jpeg": jpeg[:2] + b"\xff\xe5\x00\x02" * 4_000_000 + jpeg[2:],
        "cut.png": picture[: len(picture) // 2],
        "page.png": b"<html>Please sign in</html>",
    }


def _encoded(image: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@contextmanager
def trap_server() -> Iterator[str]:
    """The address of a server of all traps, and of answers in broken HTTP: /size, /drip."""
    files = traps()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            with suppress(OSError):
                if name == "size":
                    self.wfile.write(
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n"
                    )
                elif name == "drip":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n\x89PNG")
                    self.rfile.read(1)  # until the other side gives up
                else:
                    body = files.get(name, b"")
                    self.send_response(200 if body else 404)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def hold_connections(address: tuple[str, int], is_over: Callable[[], bool]) -> int:
    """Hold STRANGERS open, each opened anew where the server closes it; how many were opened."""
    opened = 0
    with selectors.DefaultSelector() as held:
        missing = [sent for sent, number in STRANGERS.items() for _ in range(number)]
        while not is_over():
            while missing:
                sock = socket.create_connection(address, timeout=10)
                sock.sendall(sent := missing.pop())
                held.register(sock, selectors.EVENT_READ, sent)
                opened += 1
            for key, _ in held.select(timeout=1):
                with suppress(OSError):
                    if key.fileobj.recv(65536):  # type: ignore[union-attr]
                        continue
                held.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                missing.append(key.data)
        for key in list(held.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return opened
