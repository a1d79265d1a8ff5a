# ruff: noqa: E501 - a configuration stands as nginx reads it
"""What a real nginx logs of each way to fail: its kind, and the request that it belongs to."""

import os
import socket
import struct
import subprocess
import threading
import time
from contextlib import suppress

import pytest
from worlds.nginx import NGINX, await_listening, free_port, temp_paths

from watchme_analysis.access_logs.access_log import read_access_log
from watchme_analysis.access_logs.error_log import read_error_log
from watchme_analysis.access_logs.error_requests import errors_with_requests
from watchme_analysis.files.evidence_file import RawFile

pytestmark = [pytest.mark.nginx, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]

FORMAT = (
    '$remote_addr [$time_local] "$request" $status $request_time "$upstream_response_time" "$upstream_addr" '
    '"$upstream_status" "$host"'
)
PART = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart"
# Path: kind, status sent. Each path is requested once, or as often as it takes.
EXPECTED = {
    "/silent": ("upstream_timeout_header", 504),
    "/stalls": ("upstream_timeout_body", 200),
    "/unread": ("upstream_timeout_send", 504),
    "/queued": ("upstream_timeout_connect", 504),
    "/refused": ("upstream_refused", 502),
    "/resets": ("upstream_reset", 502),
    "/closes": ("upstream_closed", 502),
    "/breaks": ("upstream_closed", 200),
    "/long": ("upstream_invalid", 502),
    "/socket": ("upstream_unreachable", 502),
    "/name": ("resolver", 502),
    "/large": ("request_too_large", 413),
    "/requests": ("limit_req", 503),
    "/connections": ("limit_conn", 503),
    "/left": ("client_closed", 499),
}


def _serve(open_things, answer):
    """Serve connections in threads, each by a function; return the port."""
    server = socket.create_server(("127.0.0.1", 0))
    open_things.append(server)

    def accept():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            open_things.append(connection)
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


def _after_request(data=b"", close=True, reset=False):
    def answer(connection):
        connection.recv(65536)
        connection.sendall(data)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if close:
            connection.close()

    return answer


def _full_queue(open_things):
    """Return the port of a socket that takes no more connections."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    open_things.append(server)
    for _ in range(4):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(server.getsockname())
        open_things.append(waiting)
    return server.getsockname()[1]


def _ask(port, path, body=b"", leave=False):
    head = f"POST {path} HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        try:
            client.sendall(head.encode() + body)
            if leave:
                time.sleep(0.2)
                return
            while client.recv(65536):
                pass
        except ConnectionError:
            pass


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A folder in which nginx has logged failures of all these kinds."""
    folder = tmp_path_factory.mktemp("failing")
    opened = []
    port, dead, other = free_port(), free_port(), free_port()
    silent = _serve(opened, _after_request(close=False))
    targets = {
        "silent": silent,
        "stalls": _serve(opened, _after_request(PART, close=False)),
        "unread": _serve(opened, lambda _: None),
        "queued": _full_queue(opened),
        "refused": dead,
        "resets": _serve(opened, _after_request(reset=True)),
        "closes": _serve(opened, _after_request()),
        "breaks": _serve(opened, _after_request(PART)),
        "long": _serve(opened, _after_request(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n")),
        "left": silent,
    }
    locations = "\n".join(
        f"location /{name} {{ proxy_pass http://127.0.0.1:{at}; }}" for name, at in targets.items()
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log info;\nevents {{}}\n"
        f"http {{ log_format timed '{FORMAT}'; access_log {folder}/access.log timed; {temp_paths(folder)}\n"
        "limit_req_zone $server_name zone=r:1m rate=1r/m; limit_conn_zone $server_name zone=c:1m;\n"
        "proxy_connect_timeout 300ms; proxy_read_timeout 300ms; proxy_send_timeout 300ms; client_max_body_size 100m;\n"
        f"upstream pool {{ server 127.0.0.1:{dead}; server 127.0.0.1:{other} backup; }}\n"
        f"server {{ listen 127.0.0.1:{port}; server_name api.example.com;\n{locations}\n"
        f"location /socket {{ proxy_pass http://unix:{folder}/none.sock:/; }}\n"
        "location /name { resolver 127.0.0.1:1; resolver_timeout 200ms; set $up none.example.com; proxy_pass http://$up; }\n"
        "location /large { client_max_body_size 1k; proxy_pass http://pool; }\n"
        "location /pool { proxy_pass http://pool; }\n"
        f"location /requests {{ limit_req zone=r; proxy_pass http://127.0.0.1:{targets['closes']}; }}\n"
        f"location /connections {{ limit_conn c 1; proxy_read_timeout 1s; proxy_pass http://127.0.0.1:{silent}; }} }} }}\n"
    )  # fmt: skip
    server = subprocess.Popen(
        [NGINX, "-c", f"{folder}/nginx.conf", "-p", str(folder)],
        stderr=subprocess.PIPE,
        env={**os.environ, "TZ": "UTC"},
    )
    try:
        await_listening(port, server)
        bodies = {"/unread": b"b" * 30_000_000, "/large": b"b" * 2_000}
        # Of both limits the first request is free.
        _ask(port, "/requests")
        waiting = threading.Thread(target=_ask, args=(port, "/connections"))
        waiting.start()
        time.sleep(0.2)
        for path in sorted(EXPECTED, key="/connections".__ne__):
            _ask(port, path, bodies.get(path, b""), leave=path == "/left")
        for _ in range(2):
            _ask(port, "/pool")
        waiting.join()
        time.sleep(0.3)
    finally:
        server.terminate()
        server.wait(10)
        for one in opened:
            with suppress(OSError):  # closing alone would leave a thread waiting for the next connection
                one.shutdown(socket.SHUT_RDWR)
            one.close()
    errors, errors_read = read_error_log(RawFile(folder, "error.log"))
    requests, requests_read = read_access_log(RawFile(folder, "access.log"))
    assert errors_read.rejected == requests_read.rejected == ()
    return errors_with_requests(errors, requests)


@pytest.mark.parametrize("path", EXPECTED)
def test_a_failure_is_of_its_kind_and_linked_to_its_request(failed, path):
    kind, status = EXPECTED[path]
    lines = failed[(failed["path"] == path) & (failed["kind"] == kind)]

    assert len(lines) == 1
    assert lines["link"].tolist() == ["alone"]
    assert lines["status"].tolist() == [status]


def test_an_upstream_is_left_out_after_a_failure_and_then_none_is_left(failed):
    lines = failed[failed["path"] == "/pool"]

    kinds = lines["kind"].value_counts().to_dict()
    assert kinds == {"upstream_refused": 2, "upstream_disabled": 2, "no_live_upstream": 1}
    assert set(lines["status"]) == {502}


def test_nothing_is_of_no_kind(failed):
    grave = failed[~failed["level"].isin(["info", "notice"])]
    assert grave.loc[grave["kind"] == "other", "message"].tolist() == []
