# ruff: noqa: E501 - formats stand as nginx reads them
"""What a real nginx writes of hostile requests, read back field by field."""

import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime

import pandas as pd
import pytest

from watchme_analysis.sources.nginx import read_access_log
from watchme_analysis.sources.nginx_errors import read_error_log
from watchme_analysis.sources.raw import RawFile

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

FORMATS = {
    "quoted": (
        "'$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" ' "
        "'\"$http_user_agent\" $msec $request_id $request_time \"$upstream_response_time\" \"$upstream_addr\" ' "
        "'\"$upstream_status\" \"$http_x_mark\"'"
    ),
    "json": (
        "escape=json '{\"time\":\"$time_iso8601\",\"msec\":\"$msec\",\"request\":\"$request\",\"status\":$status,' "
        "'\"bytes\":$body_bytes_sent,\"rt\":$request_time,\"urt\":\"$upstream_response_time\",' "
        "'\"ua\":\"$upstream_addr\",\"us\":\"$upstream_status\",\"agent\":\"$http_user_agent\",' "
        "'\"mark\":\"$http_x_mark\"}'"
    ),
    "bare": "'$msec $remote_addr $status rt=$request_time urt=$upstream_response_time ua=$upstream_addr us=$upstream_status \"$request\" $http_x_mark'",
}  # fmt: skip
AGENTS = [
    b"plain/1.0",
    b'quo"te',
    b"back\\slash",
    b"tab\there",
    "日本".encode(),
    b"\xff\xfe",
    b"-",
    b" - [x] - ",
]
TARGETS = [
    b"/",
    b"/ok?x=1&y=%22",
    b'/quo"te',
    b"/back\\slash",
    "/日本".encode(),
    b"/pool/a",
    b"/refused",
    b"//",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder in which nginx has logged, and what was sent, by the mark of each request."""
    folder = tmp_path_factory.mktemp("nginx")
    port, dead, alive = (_free_port() for _ in range(3))
    logs = "\n".join(f"access_log {folder}/access-{name}.log {name};" for name in FORMATS)
    formats = "\n".join(f"log_format {name} {text};" for name, text in FORMATS.items())
    scratch = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log info;\n"
        f"events {{}}\nhttp {{\n{formats}\n{logs}\n{scratch}\n"
        f"upstream pool {{ server 127.0.0.1:{dead} max_fails=0; server 127.0.0.1:{alive} backup; }}\n"
        f"server {{ listen 127.0.0.1:{alive}; access_log off; location / {{ return 200 fine; }} }}\n"
        f"server {{ listen 127.0.0.1:{port};\n"
        f"location / {{ return 200 hello; }}\n"
        f"location /pool/ {{ proxy_pass http://pool; }}\n"
        f"location /refused {{ proxy_pass http://127.0.0.1:{dead}; }} }}\n}}\n"
    )
    server = subprocess.Popen(
        [NGINX, "-c", f"{folder}/nginx.conf", "-p", str(folder)], stderr=subprocess.PIPE
    )
    try:
        _await(port, server)
        sent = _send_all(port)
        _await_lines(folder / "access-bare.log", len(sent) + 1)
    finally:
        server.terminate()
        server.wait(10)
    return folder, sent


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _await(port, server):
    for _ in range(200):
        assert server.poll() is None, server.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not listen")


def _await_lines(path, count):
    for _ in range(200):
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} has {path.read_bytes().count(bytes([10]))} lines, not {count}")


def _exchange(port, data):
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(data)
        while client.recv(65536):
            pass


def _send_all(port):
    sent = {}
    for target in TARGETS:
        for agent in AGENTS:
            mark = f"m{len(sent)}"
            head = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: %s\r\nX-Mark: %s\r\n\r\n"
            _exchange(port, head % (target, agent, mark.encode()))
            sent[mark] = (target, agent.strip())
    # A TLS handshake to a port that speaks plain HTTP.
    _exchange(port, b"\x16\x03\x01\x00\x05hello\r\n\r\n")
    return sent


def _escaped(data):
    return "".join(chr(one) if 32 <= one <= 126 and one not in b'"\\' else f"\\x{one:02X}" for one in data)


def _read(folder, name):
    frame, retrieval = read_access_log(RawFile(folder, f"access-{name}.log"))
    assert retrieval.rejected == ()
    assert retrieval.lines == retrieval.rows == len(TARGETS) * len(AGENTS) + 1
    assert retrieval.notes == (f"log_format {name}",)
    return frame


@pytest.mark.parametrize("name", ["quoted", "json"])
def test_every_field_is_what_was_sent(served, name):
    folder, sent = served
    frame = _read(folder, name)
    marks = frame["extra"].dropna().map(lambda text: pd.io.json.ujson_loads(text)["http_x_mark"])
    plain = (lambda data: data.decode("utf-8", "backslashreplace")) if name == "json" else _escaped

    assert sorted(marks) == sorted(sent)
    for at, mark in marks.items():
        target, agent = sent[mark]
        path, _, query = plain(target).partition("?")
        assert frame.at[at, "method"] == "GET"
        assert frame.at[at, "path"] == path
        assert (frame.at[at, "query"] if query else "") == query
        if agent == b"-":
            assert pd.isna(frame.at[at, "user_agent"])
        else:
            assert frame.at[at, "user_agent"] == plain(agent)


def test_garbage_is_a_row(served):
    frame = _read(served[0], "quoted")

    (garbage,) = frame.index[frame["method"].isna()]
    assert frame.at[garbage, "status"] == 400
    assert frame.at[garbage, "request"].startswith("\\x16\\x03\\x01")


@pytest.mark.parametrize("name", FORMATS)
def test_tries_times_and_statuses_are_those_of_the_upstreams(served, name):
    frame = _read(served[0], name)
    now = pd.Timestamp(datetime.now(UTC))

    assert frame["time"].between(now - pd.Timedelta("10min"), now).all()
    pool = frame[frame["path"] == "/pool/a"]
    # Of two servers one is dead; nginx asks it first more often than not.
    assert 2 in set(pool["upstream_tries"]) <= {1, 2}
    assert set(pool["upstream_status"]) == set(pool["status"]) == {200}
    assert (
        pool.loc[pool["upstream_tries"] == 2, "upstream_raw"]
        .str.contains('"upstream_status": "502, 200"')
        .all()
    )
    refused = frame[frame["path"] == "/refused"]
    assert set(refused["status"]) == set(refused["upstream_status"]) == {502}
    assert set(refused["upstream_tries"]) == {1}
    assert set(frame[frame["path"] == "/"]["upstream_tries"]) == {0}
    assert frame["request_time_s"].notna().all()


def test_its_error_log_is_read(served):
    frame, retrieval = read_error_log(RawFile(served[0], "error.log"))

    assert retrieval.rejected == ()
    refused = frame[frame["kind"] == "upstream_refused"]
    assert set(refused["path"]) == {"/pool/a", "/refused"}
    assert refused["upstream_addr"].str.startswith("127.0.0.1:").all()
