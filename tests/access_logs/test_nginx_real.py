# ruff: noqa: E501 - formats stand as nginx reads them
"""What a real nginx writes of ordinary and hostile requests, read back field by field.

Each request comes from a connection of its own, whose port tells its line in every log.
"""

import base64
import json
import os
import socket
import subprocess
import time
from contextlib import ExitStack
from typing import NamedTuple

import pandas as pd
import pytest
from worlds.nginx import NGINX, await_listening, free_port, temp_paths

from watchme_analysis.access_logs.access_log import read_access_log
from watchme_analysis.access_logs.engine.engine import ENGINES
from watchme_analysis.access_logs.scan import read_access_logs
from watchme_analysis.files.evidence_file import RawFile

pytestmark = [pytest.mark.nginx, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]

FORMATS = {
    "quoted": (
        "'$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" ' "
        "'\"$http_user_agent\" $msec $remote_port $request_id $request_length $request_time \"$upstream_connect_time\" ' "
        "'\"$upstream_header_time\" \"$upstream_response_time\" \"$upstream_addr\" \"$upstream_status\" ' "
        "'\"$http_x_forwarded_for\" \"$host\"'"
    ),
    "json": (
        "escape=json '{\"time\":\"$time_iso8601\",\"msec\":\"$msec\",\"port\":\"$remote_port\",\"addr\":\"$remote_addr\",' "
        "'\"user\":\"$remote_user\",\"request\":\"$request\",\"status\":$status,\"bytes\":$body_bytes_sent,' "
        "'\"length\":$request_length,\"rt\":$request_time,\"uct\":\"$upstream_connect_time\",' "
        "'\"uht\":\"$upstream_header_time\",\"urt\":\"$upstream_response_time\",\"ua\":\"$upstream_addr\",' "
        "'\"us\":\"$upstream_status\",\"agent\":\"$http_user_agent\",\"referer\":\"$http_referer\",' "
        "'\"xff\":\"$http_x_forwarded_for\",\"host\":\"$host\"}'"
    ),
    "bare": (
        "'$msec $remote_port $status rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time "
        "urt=$upstream_response_time ua=$upstream_addr us=$upstream_status \"$request\" $http_user_agent'"
    ),
    "parts": "'$msec $remote_port $request_method $request_uri $server_protocol $status $content_length $host'",
    "unescaped": "escape=none '$time_iso8601|$remote_port|\"$request\"|$status|\"$http_user_agent\"|$upstream_status'",
}  # fmt: skip
AGENTS = [
    b"plain/1.0",
    b'quo"te "" "',
    b"back\\slash\\",
    b"\\x22 \\u0041 \\n",
    b"tab\there",
    "日本 é".encode(),
    b"\xff\xfe\xed\xa0\x80",
    b"-",
    b" - [x] - ",
    b"x" * 2000,
    b"",
]
TARGETS = [
    b"/",
    b"/ok?x=1&y=%22",
    b"/ok?",
    b'/quo"te',
    b"/back\\slash?\\",
    "/日本?é".encode(),
    b"/pool/a",
    b"/refused?x",
    b"//",
    b"/slow?a?b",
]
# Of these nginx makes no request, or none it can name.
HOSTILE = {
    "TLS": (b"\x16\x03\x01\x00\xee\x01\x00\x00\xea\x03\x03\x7f\r\n\r\n", 400),
    "NUL": (b"\x00\x00\x00\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "lower case": (b"get / http/1.1\r\n\r\n", 400),
    "no host": (b"GET /nohost HTTP/1.1\r\n\r\n", 400),
    "a version of its own": (b"GET /nine HTTP/9.1\r\nHost: a\r\n\r\n", 505),
    "HTTP/0.9": (b"GET /old\r\n", 200),
    "absolute": (b"GET http://api.example.com/abs?q HTTP/1.0\r\n\r\n", 200),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
    "two spaces": (b"GET  /two HTTP/1.0\r\n\r\n", 200),
    "space behind": (b"GET /behind HTTP/1.0 \r\n\r\n", 200),
    "no length": (b"POST /none HTTP/1.0\r\nContent-Length: none\r\n\r\n", 400),
    "space inside": (b"GET /a b HTTP/1.0\r\n\r\n", 400),
    "too long": (b"GET /" + b"l" * 40_000 + b" HTTP/1.0\r\n\r\n", 414),
    "quotation marks": (b'""""""\r\n\r\n', 400),
    "half a request": (b"GET /half HTTP/1.1\r\nHo", 408),
    "empty lines": (b"\r\n\r\n\r\n", 408),
}


class Sent(NamedTuple):
    """A request: its bytes, and what of it should be read back."""

    data: bytes
    target: bytes = b""
    agent: bytes = b""
    user: bytes = b""
    referer: bytes = b""
    forwarded: bytes = b""
    name: str = ""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder in which nginx has logged, and what was sent, by the port of the client."""
    folder = tmp_path_factory.mktemp("nginx")
    port, dead, alive = (free_port() for _ in range(3))
    logs = "\n".join(f"access_log {folder}/access-{name}.log {name};" for name in FORMATS)
    formats = "\n".join(f"log_format {name} {text};" for name, text in FORMATS.items())
    with ExitStack() as open_things:
        silent = open_things.enter_context(socket.create_server(("127.0.0.1", 0)))
        (folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log info;\n"
            f"events {{}}\nhttp {{\n{formats}\n{logs}\n{temp_paths(folder)}\nclient_header_timeout 300ms;\n"
            f"upstream pool {{ server 127.0.0.1:{dead} max_fails=0; server 127.0.0.1:{alive} backup; }}\n"
            f"server {{ listen 127.0.0.1:{alive}; access_log off; location / {{ return 200 fine; }} }}\n"
            f"server {{ listen 127.0.0.1:{port};\n"
            f"location / {{ return 200 hello; }}\n"
            f"location /pool/ {{ proxy_pass http://pool; }}\n"
            f"location /slow {{ proxy_read_timeout 100ms; proxy_pass http://127.0.0.1:{silent.getsockname()[1]}; }}\n"
            f"location /gone {{ proxy_pass http://127.0.0.1:{silent.getsockname()[1]}; }}\n"
            f"location /refused {{ proxy_pass http://127.0.0.1:{dead}; }} }}\n}}\n"
        )
        server = subprocess.Popen(
            [NGINX, "-c", f"{folder}/nginx.conf", "-p", str(folder)],
            stderr=subprocess.PIPE,
            env={**os.environ, "TZ": "UTC"},  # its error log states no zone, and is read as UTC
        )
        try:
            await_listening(port, server)
            sent = _send_all(port)
            _await_lines(folder / "access-bare.log", len(sent))
        finally:
            server.terminate()
            server.wait(10)
    return folder, sent


def _await_lines(path, count):
    for _ in range(200):
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} has {path.read_bytes().count(bytes([10]))} lines, not {count}")


def _send_all(port):
    sent = {}

    def start(one):
        client = open_things.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        sent[client.getsockname()[1]] = one
        client.sendall(one.data)
        return client

    # Several at a time: some are answered only when nginx gives up on them.
    with ExitStack() as open_things:
        clients = [start(one) for one in _ordinary()]
        clients += [start(Sent(data, name=name)) for name, (data, _) in HOSTILE.items()]
        gone = start(_request(b"/gone", b"leaves", name="gone"))
        time.sleep(0.3)
        gone.close()
        for client in clients:
            while client.recv(65536):
                pass
    return sent


def _ordinary():
    for target in TARGETS:
        for agent in AGENTS:
            yield _request(target, agent)
    yield _request(b"/ok", b"-", user=b"ann b", referer=b'http://a/"?\\', forwarded="192.0.2.1, 日".encode())


def _request(target, agent, user=b"", referer=b"", forwarded=b"", name=""):
    headers = [b"Host: api.example.com", b"Connection: close", b"User-Agent: " + agent]
    if user:
        headers.append(b"Authorization: Basic " + base64.b64encode(user + b":secret"))
    headers += [b"Referer: " + referer] if referer else []
    headers += [b"X-Forwarded-For: " + forwarded] if forwarded else []
    data = b"GET " + target + b" HTTP/1.1\r\n" + b"\r\n".join(headers) + b"\r\n\r\n"
    return Sent(data, target, agent.strip(b" "), user, referer, forwarded, name)


def _escaped(data):
    return "".join(chr(one) if 32 <= one <= 126 and one not in b'"\\' else f"\\x{one:02X}" for one in data)


def _shown(data):
    return data.decode("utf-8", "backslashreplace")


def _read(folder, name):
    frame, retrieval = read_access_log(RawFile(folder, f"access-{name}.log"))
    assert retrieval.rejected == ()
    assert retrieval.notes == (f"log_format {name}",)
    return frame


def _by_port(frame):
    ports = frame["extra"].map(lambda text: int(json.loads(text)["remote_port"]))
    return frame.set_index(ports)


def _null(value, plain):
    return None if value in (b"", b"-") else plain(value)


@pytest.mark.parametrize("name", ["quoted", "json", "decoded"])
def test_every_field_is_what_was_sent(served, name):
    folder, sent = served
    if name == "decoded":
        frame, _ = read_access_logs([folder / "access-quoted.log"], decode_escapes=True)
    else:
        frame = _read(folder, name)
    plain = _escaped if name == "quoted" else _shown
    rows = _by_port(frame)
    now = pd.Timestamp.now("UTC")

    assert sorted(rows.index) == sorted(sent)
    for port, one in sent.items():
        row = {column: None if pd.isna(value) else value for column, value in rows.loc[port].items()}
        assert row["client_addr"] == "127.0.0.1"
        assert now - pd.Timedelta("10min") < row["time"] <= now
        if not one.target:
            continue
        path, mark, query = plain(one.target).partition("?")
        if name != "quoted" or not mark:
            assert (row["path"], row["query"] or "") == (path, query)
        assert (row["method"], row["protocol"], row["request"]) == ("GET", "HTTP/1.1", None)
        assert row["user_agent"] == _null(one.agent, plain)
        assert row["remote_user"] == _null(one.user, plain)
        assert row["referer"] == _null(one.referer, plain)
        forwarded = json.loads(rows.at[port, "extra"]).get("http_x_forwarded_for")
        assert forwarded == _null(one.forwarded, plain)
        assert row["host"] == "api.example.com"
        assert row["request_length_bytes"] == len(one.data)
        if one.target[:2] in (b"/o", b"//", b"/q", b"/b") or one.target == b"/":
            assert (row["status"], row["body_bytes"], row["upstream_tries"]) == (200, len("hello"), 0)


@pytest.mark.parametrize("name", ["quoted", "json"])
def test_hostile_requests_are_rows_with_their_status(served, name):
    folder, sent = served
    rows = _by_port(_read(folder, name))
    found = {one.name: rows.loc[port] for port, one in sent.items() if one.name in HOSTILE}

    assert {key: row["status"] for key, row in found.items()} == {
        key: status for key, (_, status) in HOSTILE.items()
    }
    plain = _escaped if name == "quoted" else _shown
    for key in ("TLS", "NUL", "quotation marks", "lower case"):
        row, (data, _) = found[key], HOSTILE[key]
        assert pd.isna(row["method"]) and pd.isna(row["path"])
        assert row["request"] == plain(data.partition(b"\r")[0])
    split = {key: (row["method"], row["path"], row["query"], row["protocol"]) for key, row in found.items()}
    assert split["absolute"] == ("GET", "/abs", "q", "HTTP/1.0") or pd.isna(split["absolute"][2])
    assert split["absolute"][:2] == ("GET", "/abs")
    assert split["HTTP/0.9"][:2] == ("GET", "/old")
    assert pd.isna(split["HTTP/0.9"][3])
    assert split["a version of its own"][1:4:2] == ("/nine", "HTTP/9.1")
    assert split["asterisk"][:2] == ("OPTIONS", "*")
    assert split["too long"][0] == "GET" or pd.isna(split["too long"][0])
    # nginx knows no request line of what never had one.
    for column in ("method", "path", "request"):
        assert pd.isna(found["empty lines"][column])


@pytest.mark.parametrize("name", ["quoted", "json", "bare"])
def test_tries_times_and_statuses_are_those_of_the_upstreams(served, name):
    folder, sent = served
    rows = _by_port(_read(folder, name))

    def of(target):
        return rows.loc[[port for port, one in sent.items() if one.target == target]]

    # Of two servers one is dead; nginx asks it first more often than not.
    pool = of(b"/pool/a")
    assert 2 in set(pool["upstream_tries"]) <= {1, 2}
    assert set(pool["upstream_status"]) == set(pool["status"]) == {200}
    for _, row in pool[pool["upstream_tries"] == 2].iterrows():
        logged = json.loads(row["upstream_raw"])
        assert logged["upstream_status"] == "502, 200"
        assert logged["upstream_addr"].split(", ")[1] == row["upstream_addr"]
        times = [float(one) for one in logged["upstream_response_time"].split(", ")]
        assert row["upstream_response_time_s"] == pytest.approx(sum(times))
    refused = of(b"/refused?x")
    assert set(refused["status"]) == set(refused["upstream_status"]) == {502}
    assert set(refused["upstream_tries"]) == {1}
    assert refused["upstream_header_time_s"].isna().all()
    slow = of(b"/slow?a?b")
    assert set(slow["status"]) == set(slow["upstream_status"]) == {504}
    assert slow["upstream_response_time_s"].between(0.09, 5).all()
    assert (slow["request_time_s"] >= slow["upstream_response_time_s"] - 0.002).all()
    (gone,) = [port for port, one in sent.items() if one.name == "gone"]
    assert rows.at[gone, "status"] == 499
    assert rows.at[gone, "request_time_s"] >= 0.2
    assert set(of(b"/")["upstream_tries"]) == {0}
    assert rows["request_time_s"].notna().all()


@pytest.mark.parametrize("name", FORMATS)
def test_every_engine_reads_the_same(served, name):
    path = served[0] / f"access-{name}.log"

    exact, *others = (read_access_logs([path], engine=one)[0] for one in reversed(ENGINES[1:]))

    for frame in others:
        pd.testing.assert_frame_equal(frame, exact)
