"""An HTTP service on this machine whose response to a path is a status."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def http_service(status_of):
    """Yield the URL of a service that responds to each GET with the status that ``status_of`` returns."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status_of(self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
