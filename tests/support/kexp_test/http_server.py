"""A server on 127.0.0.1 that answers as a test wants it."""

import contextlib
import dataclasses
import http.server
import threading


@dataclasses.dataclass(frozen=True)
class Request:
    command: str
    path: str
    headers: dict
    body: bytes


@dataclasses.dataclass(frozen=True)
class Answer:
    content: bytes
    status: int = 200
    type: str = "text/plain; version=0.0.4"  # that of metrics


class HttpServer:
    """`answer(request)` gives the Answer to a GET or a POST, on a thread of its own; `requests` holds every Request so far."""

    def __init__(self, answer):
        self.requests = requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, dict(self.headers), body)
                requests.append(request)
                answered = answer(request)
                with contextlib.suppress(ConnectionError):  # The client is gone, as a test wants it.
                    self.send_response(answered.status)
                    self.send_header("Content-Type", answered.type)
                    self.send_header("Content-Length", str(len(answered.content)))
                    self.end_headers()
                    self.wfile.write(answered.content)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.target = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.target}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
