"""Servers on this machine that receive deliveries: a webhook and a mail server, healthy or not."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address


def chunks(stream):
    """Return a chunked body, such as one that botocore sends over TLS with a checksum behind it."""
    body = b""
    while size := int(stream.readline().partition(b";")[0] or b"0", 16):
        body += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return body


class Webhook:
    """An HTTP server that records what is posted, with the headers of each request; over TLS with a context.

    ``answers`` is a queue: a status; (status, headers, body), whose body may be a function of the content
    type of the request; ``"reset"`` after the request was read; or seconds (a float) to wait before the
    response. Without one the response is 200 ok.
    """

    def __init__(self, context=None):
        self.posted, self.answers, self.headers = [], [], []
        self.scheme = "http" if context is None else "https"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                is_chunked = self.headers.get("Transfer-Encoding") == "chunked"
                length = int(self.headers.get("Content-Length", 0))
                body = chunks(self.rfile) if is_chunked else self.rfile.read(length)
                if len(body) < length:  # the sender was killed while it sent: nothing has arrived
                    self.close_connection = True
                    return
                answer = outer.answers.pop(0) if outer.answers else 200
                if answer == "reset":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if isinstance(answer, float):
                    time.sleep(answer)
                    answer = 200
                status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, b"ok")
                if callable(text):
                    text = text(self.headers.get("Content-Type"))
                if 200 <= status < 300:
                    outer.posted.append((self.path, body))
                    outer.headers.append(self.headers)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                with suppress(ConnectionError):  # who waited has gone
                    self.end_headers()
                    self.wfile.write(text)

            do_GET = do_PUT = do_POST  # noqa: N815 - the names that http.server calls

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *about: None  # senders are killed and refuse certificates
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/services/T0/B0/secret-part"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def dripping_server(begin, every_s=0.1):
    """Run a server that answers with the beginning and then a byte now and then, forever; yields its port."""
    ended = threading.Event()

    def talk(connection):
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(begin)
            while not ended.wait(every_s):
                connection.sendall(b"a")

    def serve():
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listening.accept()[0],), daemon=True).start()

    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        ended.set()
        listening.close()


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


@contextmanager
def mail_server(context=None, *, is_tls=False):
    """Run a mail server (aiosmtpd) on this machine; yields its port and the list of mails.

    With a context it demands STARTTLS, or begins with TLS.
    """
    from aiosmtpd.controller import Controller

    mails = []

    class Handler:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the name that aiosmtpd calls
            mails.append(envelope.content)
            return "250 accepted"

    tls = {} if context is None else {"tls_context": context, "require_starttls": True}
    options = {"ssl_context": context} if is_tls else tls
    server = Controller(Handler(), hostname="127.0.0.1", port=unused_port(), **options)
    server.start()
    try:
        yield server.port, mails
    finally:
        server.stop()


def own_authority(folder, address="127.0.0.1"):
    """Return the file of a certificate authority and the context of a server that it has certified."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.now(UTC)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("authority", "server")}
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])

    def certified(name):
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(keys[name].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(name == "authority", None), critical=True)
        )
        # Python asks for these extensions from version 3.13 on.
        issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys["authority"].public_key())
        made = made.add_extension(issued_by, critical=False)
        own = x509.SubjectKeyIdentifier.from_public_key(keys[name].public_key())
        made = made.add_extension(own, critical=False)
        if name == "authority":
            signs = dict.fromkeys(
                ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                 "key_agreement", "encipher_only", "decipher_only"), False
            )  # fmt: skip
            usage = x509.KeyUsage(**signs, key_cert_sign=True, crl_sign=True)
            made = made.add_extension(usage, critical=True)
        if name == "server":
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            made = made.add_extension(names, critical=False)
        return made.sign(keys["authority"], hashes.SHA256())

    form = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(certified("authority").public_bytes(form))
    key = keys["server"].private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(key + certified("server").public_bytes(form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "authority.pem", context


def unused_port():
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
