"""moto behind an HTTP server that keeps connections open.

moto's own server makes a connection and a thread for each call, which costs more than most calls do. A front
in the same process calls `MotoServer.answer`, without a second connection.
"""

import io
import os
import sys
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

# Headers that belong to one connection.
_HOP = {"connection", "content-length", "transfer-encoding", "server", "date"}


class MotoServer:
    """moto serving on a port of this machine, until :meth:`close`."""

    def __init__(self):
        os.environ["TEST_SERVER_MODE"] = "true"  # as moto's own server says
        self._application = _application()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, request, body):
        """Return status, reason, headers and body of moto's response to a request of an HTTP server."""
        answered = []
        parts = self._application(_environ(request, body), lambda *status: answered.extend(status[:2]))
        data = b"".join(parts)
        status, headers = answered
        code, _, reason = status.partition(" ")
        return int(code), reason, [each for each in headers if each[0].lower() not in _HOP], data

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def _application():
    from moto.core import responses, utils

    # moto computes the same names anew for each call, which is a quarter of what a call costs.
    utils.camelcase_to_underscores = cache(utils.camelcase_to_underscores)
    responses.method_names_from_class = cache(responses.method_names_from_class)
    # Asked several times for each message that a queue holds, by each call about the queue.
    by_calendar = utils.unix_time
    utils.unix_time = lambda moment=None: time.time() if moment is None else by_calendar(moment)

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    class Dispatcher(DomainDispatcherApplication):
        """moto lists its folders for each call, to see which service a host is."""

        get_backend_for_host = cache(DomainDispatcherApplication.get_backend_for_host)

    return Dispatcher(create_backend_app)


def _handler_for(moto):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

        def log_message(self, *arguments):
            pass

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, reason, headers, data = moto.answer(self, body)
            self.send_response(code, reason)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_POST  # noqa: N815 - the names that http.server calls

    return Handler


def _environ(request, body):
    """Return the WSGI environment of a request, as werkzeug's server makes it."""
    address = urlsplit(request.path)
    environ = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": request.command,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(address.path).encode().decode("latin-1"),
        "QUERY_STRING": address.query,
        "REQUEST_URI": request.path,
        "RAW_URI": request.path,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(request.server.server_address[1]),
        "SERVER_PROTOCOL": request.request_version,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ
