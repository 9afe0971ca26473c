"""A file server on loopback: it serves what a test puts there and keeps what a station uploads."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FileServer:
    """`files` by path; `got` is what was uploaded, as method, path and content. `refuse` answers a status
    so often, `methods` are those that it knows."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.got: list[tuple[str, str, bytes]] = []
        self.asked: list[str] = []
        self.refuse: list[int] = []
        self.methods = {"GET", "PUT", "POST"}
        self.hold = threading.Event()
        self.hold.set()
        self.url = ""
        self._arrived = threading.Event()

    @contextmanager
    def running(self) -> Iterator["FileServer"]:
        """Listen on a free port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.hold.set()
            server.shutdown()
            thread.join()
            server.server_close()

    async def uploaded(self) -> tuple[str, str, bytes]:
        """Wait for an upload."""
        assert await asyncio.to_thread(self._arrived.wait, 20)
        return self.got[-1]

    def take(self, method: str, path: str, content: bytes) -> None:
        """Keep what is uploaded."""
        self.got.append((method, path, content))
        self._arrived.set()


def _handler(files: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(size)
            files.asked.append(self.command)
            files.hold.wait(20)
            status, body = self._answer(content)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = _serve

        def _answer(self, content: bytes) -> tuple[int, bytes]:
            if files.refuse:
                return files.refuse.pop(0), b""
            if self.command not in files.methods:
                return 405, b""
            if self.command != "GET":
                files.take(self.command, self.path, content)
                return 201, b""
            found = files.files.get(self.path)
            return (404, b"") if found is None else (200, found)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
