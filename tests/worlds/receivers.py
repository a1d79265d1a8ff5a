"""Servers on this machine that receive deliveries: a webhook and a mail server, healthy or not."""

import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Webhook:
    """An HTTP server that records what is posted.

    ``answers`` is a queue: a status; (status, headers, body); ``"reset"`` after the request was read; or
    seconds (a float) to wait before the response. Without one the response is 200 ok.
    """

    def __init__(self):
        self.posted, self.answers = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = outer.answers.pop(0) if outer.answers else 200
                if answer == "reset":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if isinstance(answer, float):
                    time.sleep(answer)
                    answer = 200
                status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, b"ok")
                if 200 <= status < 300:
                    outer.posted.append((self.path, body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/services/T0/B0/secret-part"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


USUAL = {
    "connect": "220 ready",
    "EHLO": "250-here\r\n250 AUTH PLAIN",
    "AUTH": "235 welcome",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "message": "250 accepted",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}


class MailServer:
    """An SMTP server without TLS that records messages.

    ``answers`` by command (``connect``, ``MAIL``, ``RCPT``, ``DATA``, ``message``, ``AUTH``) are queues of a
    response line; ``close`` ends the connection; a float waits so many seconds before the usual response.
    """

    def __init__(self):
        self.mails, self.answers, self.commands = [], {}, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with suppress(OSError), connection, connection.makefile("rwb") as stream:
            if not self.answer(stream, "connect"):
                return
            while (line := stream.readline()).strip():
                command = line.split()[0].decode(errors="replace").upper()
                self.commands.append(line.decode(errors="replace").strip())
                if command == "DATA" and not self.answers.get("DATA"):
                    self.answer(stream, "DATA")
                    mail = b""
                    while (part := stream.readline()) not in (b".\r\n", b""):
                        mail += part[1:] if part.startswith(b"..") else part
                    if not self.answer(stream, "message", mail):
                        return
                elif not self.answer(stream, command) or command == "QUIT":
                    return

    def answer(self, stream, command, mail=None):
        queue = self.answers.get(command, [])
        line = queue.pop(0) if queue else USUAL.get(command, "502 unknown")
        if line == "close":
            return False
        if isinstance(line, float):
            time.sleep(line)
            line = USUAL[command]
        if mail is not None and line.startswith("2"):
            self.mails.append(mail)
        try:
            stream.write(line.encode() + b"\r\n")
            stream.flush()
        except OSError:
            return False
        return True

    def close(self):
        self.socket.close()


def unused_port():
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
