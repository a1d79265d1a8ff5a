import contextlib
import csv
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from worlds.settings_file import write_settings

from watchme_analysis.cli.probe import probe as command
from watchme_analysis.errors import InputError
from watchme_analysis.evidence import prober
from watchme_analysis.evidence.curl_script import curl_lines
from watchme_analysis.evidence.prober import COLUMNS, append, check_url, fetch
from watchme_analysis.evidence.probes import read_probes
from watchme_analysis.files.evidence_file import RawFile

SCRIPT = Path(prober.__file__)


# What is written at once; how often what else is written, again and again.
PARTS = {
    "/drip-head": (b"HTTP/1.1 200 OK\r\nX-Slow: ", 0.05, b"."),
    "/again": (b"", 0.05, b"HTTP/1.1 100 Continue\r\n\r\n"),
    "/endless": (b"HTTP/1.1 200 OK\r\n\r\n", 0.001, bytes(100_000)),
    "/long": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", 0.001, bytes(100_000)),
    "/no-http": (b"\0\0\x12\n\x04",),
}


class Handler(BaseHTTPRequestHandler):
    """Answers as the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        if self.path == "/mute":
            self.server.released.wait(20)
            return
        if self.path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            while not self.server.released.wait(0.05):
                self.wfile.write(b".")
            return
        if self.path in PARTS:
            first, *parts = PARTS[self.path]
            self.wfile.write(first)
            while parts and not self.server.released.wait(parts[0]):
                self.wfile.write(parts[1])
            self.close_connection = True
            return
        if self.path in ("/chunks", "/chunks-cut"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\nabc\r\n" + (b"0\r\n\r\n" if self.path == "/chunks" else b"9\r\nab"))
            self.close_connection = True
            return
        if self.path == "/unsized":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(bytes(300_000))
            self.close_connection = True
            return
        self.send_response({"/ill": 503, "/moved": 302}.get(self.path, 200))
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "1000" if self.path == "/cut" else "2")
        self.end_headers()
        self.wfile.write(b"ok")
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A real HTTP server on loopback; ``seen`` holds the requests that it got."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.seen, served.released = [], threading.Event()
        served.daemon_threads = True
        # Callers leave in the middle of an answer.
        served.handle_error = lambda *_: None
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        served.url = f"http://127.0.0.1:{served.server_port}"
        yield served
        served.released.set()
        served.shutdown()
        thread.join()


@pytest.fixture
def deaf():
    """An address where connections are taken and TLS is never answered."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def table(path):
    return read_probes(RawFile(path.parent, path.name))[0]


def test_an_answer_has_its_status_and_the_times_of_its_steps(server):
    result = fetch(server.url + "/health?deep=1", 5, {"Host": "api.example.com"})
    assert result["status"] == 200
    assert result["error"] is None
    assert result["tls_s"] is None
    assert 0 < result["dns_s"] + result["connect_s"] <= result["ttfb_s"] <= result["seconds"]
    path, headers = server.seen[0]
    assert path == "/health?deep=1"
    assert headers["Host"] == "api.example.com"
    assert headers["Connection"] == "close"
    assert headers["User-Agent"].startswith("watchme-probe")


@pytest.mark.parametrize(("path", "status"), [("/ill", 503), ("/moved", 302)])
def test_a_bad_answer_is_an_answer_and_no_redirect_is_followed(server, path, status):
    result = fetch(server.url + path, 5, {})
    assert (result["status"], result["error"]) == (status, None)
    assert len(server.seen) == 1


def test_no_answer_in_time_is_a_timeout_that_names_the_step(server):
    result = fetch(server.url + "/mute", 0.3, {})
    assert result["status"] is None
    assert result["error"] == "timeout after 0.3 s, while waiting for the response"
    assert result["ttfb_s"] is None
    assert result["connect_s"] is not None


def test_the_time_limit_holds_for_an_answer_that_trickles(server):
    result = fetch(server.url + "/drip", 0.5, {})
    assert result["error"] == "timeout after 0.5 s, while reading the response"
    assert result["status"] == 200
    assert result["ttfb_s"] is not None


@pytest.mark.parametrize("path", ["/drip-head", "/again"])
def test_the_time_limit_holds_for_a_header_that_trickles(server, path):
    result = fetch(server.url + path, 0.5, {})
    assert result["error"].startswith("timeout after 0.5 s, while ")
    assert result["seconds"] < 1.5


@pytest.mark.parametrize("path", ["/endless", "/long"])
def test_of_an_answer_without_end_the_beginning_is_read(server, path):
    result = fetch(server.url + path, 20, {})
    assert (result["status"], result["error"]) == (200, None)
    assert result["seconds"] < 10


def test_what_is_no_http_is_said_in_one_line_of_text(server):
    result = fetch(server.url + "/no-http", 5, {})
    assert result["status"] is None
    assert result["error"].isprintable()


@pytest.mark.parametrize("path", ["/cut", "/chunks-cut"])
def test_an_answer_that_ends_early_is_incomplete(server, path):
    assert fetch(server.url + path, 5, {})["error"] == "incomplete: the response ended early"


@pytest.mark.parametrize("path", ["/chunks", "/unsized"])
def test_an_answer_without_a_length_is_read_to_its_end(server, path):
    result = fetch(server.url + path, 5, {})
    assert (result["status"], result["error"]) == (200, None)


def test_a_port_where_nobody_listens_is_refused():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        result = fetch(f"http://127.0.0.1:{port}/", 5, {})
    assert result["error"] == "refused, while connecting"
    assert (result["status"], result["connect_s"]) == (None, None)


def test_a_name_that_does_not_exist_fails_while_looking_it_up():
    result = fetch("http://no-such-host.invalid/", 5, {})
    assert result["error"].endswith("while looking up the name")
    assert (result["status"], result["dns_s"]) == (None, None)


def test_the_time_limit_holds_for_a_resolver_that_does_not_answer(monkeypatch):
    stop = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stop.wait(20))
    result = fetch("http://example.com/", 0.3, {})
    stop.set()
    assert result["error"] == "timeout after 0.3 s, while looking up the name"
    assert result["dns_s"] is None
    assert result["seconds"] < 2


@pytest.mark.parametrize("state", ["silent", "refusing"])
def test_the_next_address_of_a_name_is_tried(server, monkeypatch, state):
    """A full backlog takes no connection and refuses none, as an address without a route does."""
    with socket.socket() as dead, contextlib.ExitStack() as open_sockets:
        dead.bind(("127.0.0.1", 0))
        if state == "silent":
            dead.listen(0)
            for _ in range(3):
                filler = open_sockets.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(dead.getsockname())
        ports = (dead.getsockname()[1], server.server_port)
        entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
        result = fetch("http://example.com/health", 10, {})
        assert (result["status"], result["error"]) == (200, None)
        assert result["seconds"] < 5
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries[:1])
        error = fetch("http://example.com/health", 0.4, {})["error"]
    expected = {"silent": "timeout after 0.4 s, while connecting", "refusing": "refused, while connecting"}
    assert error == expected[state]


def test_a_path_is_sent_as_it_is_written(server):
    for path in ("/a/../b//c", "/%2e%2E/x?q=%20#part", "?q=1"):
        assert fetch(server.url + path, 5, {})["status"] == 200
    assert [path for path, _ in server.seen] == ["/a/../b//c", "/%2e%2E/x?q=%20", "/?q=1"]


def test_a_user_in_the_url_is_sent_as_the_authorization(server):
    url = server.url.replace("://", "://me:p%40ss@") + "/health"
    for headers in ({}, {"authorization": "Bearer x"}):
        assert fetch(url, 5, headers)["status"] == 200
    sent = [headers.get("Authorization") or headers.get("authorization") for _, headers in server.seen]
    assert sent == ["Basic bWU6cEBzcw==", "Bearer x"]


@pytest.mark.parametrize(
    ("url", "suggestion"),
    [
        ("http://例え.jp:81/ä?q=ö", "http://xn--r8jz45g.jp:81/%C3%A4?q=%C3%B6"),
        ("http://a/b c", "http://a/b%20c"),
        ("http://me:pä@a/", None),
    ],
)
def test_a_url_that_is_no_ascii_is_refused_with_its_ascii_form(url, suggestion):
    with pytest.raises(ValueError, match="write it in ASCII") as refused:
        check_url(url)
    assert suggestion is None or str(refused.value).endswith(f"such as {suggestion}.")
    if suggestion is not None:
        assert check_url(suggestion) == suggestion


def test_tls_that_is_never_answered_times_out_in_the_handshake(deaf):
    result = fetch(f"https://127.0.0.1:{deaf}/", 0.3, {})
    assert result["error"] == "timeout after 0.3 s, while shaking hands over TLS"
    assert result["tls_s"] is None


@pytest.fixture
def tls_server(server, tmp_path):
    """The server behind a certificate that nobody knows."""
    pair = tmp_path / "pair.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]
    done = subprocess.run(
        [*make, "-keyout", str(pair), "-out", str(tmp_path / "c.pem")], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", pair)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return f"https://127.0.0.1:{server.server_port}/health"


def test_an_unknown_certificate_is_an_error_unless_any_is_accepted(tls_server):
    refused = fetch(tls_server, 5, {})
    assert refused["status"] is None
    assert "certificate" in refused["error"].lower()
    accepted = fetch(tls_server, 5, {}, insecure=True)
    assert accepted["status"] == 200
    assert accepted["tls_s"] > 0


@pytest.mark.slow
def test_the_curl_lines_of_the_command_keep_its_options(tls_server, tmp_path):
    if not any((Path(folder) / "curl").exists() for folder in os.environ["PATH"].split(":")):
        pytest.skip("curl is not installed")
    output = tmp_path / "of the edge.csv"
    words = ["--curl", "--every", "1s", "--to", str(output), tls_server]
    for options in ([], ["--insecure"]):
        lines = (
            CliRunner().invoke(command, [*words, *options]).stdout.replace("while :; do", "for once in 1; do")
        )
        subprocess.run(["sh", "-c", lines], cwd=tmp_path, check=True, timeout=20)
    assert list(table(output)["status"].fillna(0)) == [0, 200]
    assert CliRunner().invoke(command, [*words, "--for", "10s"]).exit_code == 2


def test_the_command_writes_what_the_reader_of_probes_reads(server, tmp_path):
    output = tmp_path / "probes.csv"
    arguments = [server.url + "/health", "--host", server.url + "/ill", "--inside", server.url + "/mute"]
    options = ["--timeout", "0.4s", "--for", "0.1s", "--to", str(output)]
    result = CliRunner().invoke(command, [*arguments, *options])
    assert result.exit_code == 0
    assert f"3 probes written to {output}" in result.output
    frame = table(output).sort_values("vantage").reset_index(drop=True)
    assert list(frame["vantage"]) == ["host", "inside", "outside"]
    assert list(frame["path"]) == ["/ill", "/mute", "/health"]
    assert list(frame["status"].fillna(0)) == [503, 0, 200]
    assert frame["error"].fillna("")[1].startswith("timeout")
    assert frame["time"].notna().all()
    assert frame["ttfb_s"].notna().tolist() == [True, False, True]


@pytest.mark.parametrize(("option", "vantage"), [("--inside", "inside"), ("--host", "host")])
def test_an_option_without_a_url_says_where_all_are_probed_from(server, tmp_path, option, vantage):
    output = tmp_path / "probes.csv"
    words = [server.url + "/health", option, "--for", "0.1s", "--quiet", "--to", str(output)]
    assert CliRunner().invoke(command, words).exit_code == 0
    assert list(table(output)["vantage"]) == [vantage]


SYSTEM = """[systems.orders]
api = "https://api.example.com/v1"
health = "/ready"
port = 8017
[systems.bare]
queue = "bare"
"""


@pytest.mark.parametrize(
    ("options", "vantage", "url"),
    [
        ([], "outside", "https://api.example.com/ready"),
        (["--host"], "host", "http://127.0.0.1:8017/ready"),
        (["--inside"], "inside", "http://127.0.0.1:8017/ready"),
        (["https://example.com/"], "outside", "https://example.com/"),
    ],
)
def test_a_system_states_what_is_probed(tmp_path, monkeypatch, options, vantage, url):
    write_settings(tmp_path, SYSTEM)
    monkeypatch.chdir(tmp_path)
    lines = CliRunner().invoke(command, ["--system", "orders", "--curl", *options], catch_exceptions=False)
    assert vantage in lines.stdout
    assert url in lines.stdout
    for words in (["--system", "bare"], ["--system", "bare", "--host"], []):
        assert isinstance(CliRunner().invoke(command, words).exception, InputError)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["http://a", "--inside", "--host"],
        ["--host"],
        ["example.com"],
        ["ftp://example.com"],
        ["http://a", "--every", "0.1s"],
        ["http://a:99999/"],
    ],
)
def test_what_can_not_be_probed_is_said(arguments, tmp_path):
    result = CliRunner().invoke(command, [*arguments, "--to", str(tmp_path / "p.csv")])
    assert isinstance(result.exception, InputError)
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--every", "soon"],
        ["--header", "hunter2"],
        ["--header", "X-Key: hunter2\r\nX-More: 1"],
        ["--header", "X Key: hunter2"],
        ["--header", "X-Key: hunter2…"],
        ["--header", "@hunter1"],
    ],
)
def test_malformed_options_are_usage_errors_that_repeat_no_secret(arguments, tmp_path):
    result = CliRunner().invoke(command, ["http://127.0.0.1/", "--to", str(tmp_path / "p.csv"), *arguments])
    assert result.exit_code == 2
    assert "hunter2" not in result.output


@pytest.mark.parametrize("way", ["command", "script"])
def test_headers_are_sent_and_written_nowhere(server, tmp_path, way):
    (tmp_path / "secret.txt").write_text("Authorization: Bearer hunter2\n\nX-Other: hunter2\n")
    headers = ["--header", "Host: api.example.com", "--header", f"@{tmp_path / 'secret.txt'}"]
    words = [server.url + "/health", server.url + "/cut", *headers, "--to", str(tmp_path / "probes.csv")]
    if way == "command":
        said = CliRunner().invoke(command, [*words, "--for", "0.1s"])
    else:
        (tmp_path / "probe.py").write_text(SCRIPT.read_text())
        script = [sys.executable, "-I", "-S", str(tmp_path / "probe.py"), *words, "--for", "0.1"]
        said = subprocess.run(script, check=False, capture_output=True, text=True, timeout=20)
    assert "2 probes written" in (said.output if way == "command" else said.stderr)
    assert len(server.seen) == 2
    for _, sent in server.seen:
        assert (sent["Host"], sent["Authorization"], sent["X-Other"]) == (
            "api.example.com",
            "Bearer hunter2",
            "hunter2",
        )
    shown = said.output if way == "command" else said.stdout + said.stderr
    assert "hunter2" not in (tmp_path / "probes.csv").read_text() + shown


def test_the_curl_lines_hold_no_header_but_the_host_and_refuse_to_run_without_the_others(server, tmp_path):
    headers = ["Host: api.example.com", "X-Api-Key: hunter2"]
    lines = curl_lines([("host", server.url + "/health")], 1, 0.5, headers)
    assert "hunter2" not in lines
    if not any((Path(folder) / "curl").exists() for folder in os.environ["PATH"].split(":")):
        pytest.skip("curl is not installed")
    once = lines.replace("while :; do", "for once in 1; do")

    def ran(**given):
        environment = {**os.environ, **given}
        return subprocess.run(["sh", "-c", once], check=False, cwd=tmp_path, env=environment, timeout=20)

    assert ran().returncode != 0
    assert ran(X_API_KEY="hunter2").returncode == 0
    (_, sent) = server.seen[-1]
    assert (len(server.seen), sent["Host"], sent["X-Api-Key"]) == (1, "api.example.com", "hunter2")


def test_rows_are_appended_under_the_header_that_is_there(tmp_path):
    path = tmp_path / "probes.csv"
    row = {
        "timestamp": "2025-12-11T01:00:00Z",
        "vantage": "host",
        "path": "/a,b",
        "seconds": 0.25,
        "status": None,
    }
    path.write_text("timestamp,vantage,path,status,seconds,error\n1,host,/x,200")
    append(str(path), [row])
    lines = list(csv.reader(path.read_text().splitlines()))
    assert lines[1:] == [
        ["1", "host", "/x", "200"],
        ["2025-12-11T01:00:00Z", "host", "/a,b", "", "0.2500", ""],
    ]
    path.unlink()
    append(str(path), [row])
    assert path.read_text().startswith(",".join(COLUMNS) + "\n")
    path.write_text("name,value\n")
    with pytest.raises(ValueError, match="something else"):
        append(str(path), [row])


def test_a_target_that_hangs_is_never_probed_twice_at_once():
    running, most, lock, stop = [0], [0], threading.Lock(), threading.Event()

    def ask(url):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        stop.wait(0.25)
        with lock:
            running[0] -= 1
        return {}

    rows = []
    prober.run([("host", "http://a/")], 0.1, 1.0, ask, rows.append, stop)
    assert most == [1]
    assert 2 <= len(rows) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_script_needs_python_alone_and_ends_cleanly(server, tmp_path, how):
    script = tmp_path / "probe.py"
    script.write_text(SCRIPT.read_text())
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(script), server.url + "/health", "--every", "1"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    output = tmp_path / "probes.csv"
    for _ in range(500):
        if output.exists() and len(output.read_text().splitlines()) > 1:
            break
        time.sleep(0.02)
    process.send_signal(how)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "probes written to probes.csv" in said
    frame = table(output)
    assert set(frame["status"]) == {200}
    assert set(frame["vantage"]) == {"inside"}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_probing_goes_on_when_nobody_reads_what_it_says(server, tmp_path):
    script = [sys.executable, str(SCRIPT), server.url + "/health", "--every", "1", "--for", "2.5"]
    with Path("/dev/full").open("w") as nowhere:
        done = subprocess.run(script, cwd=tmp_path, stderr=nowhere, timeout=20, check=False)
    assert done.returncode == 0
    assert len(table(tmp_path / "probes.csv")) == 3


@pytest.mark.slow
def test_the_curl_lines_write_the_same_table(server, tmp_path):
    if not any((Path(folder) / "curl").exists() for folder in os.environ["PATH"].split(":")):
        pytest.skip("curl is not installed")
    targets = [("inside", server.url + path) for path in ("/health", "/long")]
    targets.append(("host", server.url + "/mute"))
    lines = curl_lines(targets, 1, 0.3).replace("while :; do", "for once in 1; do")
    subprocess.run(["sh", "-c", lines], cwd=tmp_path, check=True, timeout=20)
    frame = table(tmp_path / "probes.csv")
    assert list(frame["vantage"]) == ["inside", "inside", "host"]
    assert list(frame["status"].fillna(0)) == [200, 200, 0]
    assert list(frame["error"].fillna("")) == ["", "", "curl error 28"]
    assert frame["connect_s"].notna().all()
    assert pd.notna(frame["ttfb_s"][0])
    assert (frame["duration_s"] >= frame["ttfb_s"].fillna(0)).all()


def test_the_curl_lines_write_whole_lines_below_one_that_was_cut(server, tmp_path):
    if not any((Path(folder) / "curl").exists() for folder in os.environ["PATH"].split(":")):
        pytest.skip("curl is not installed")
    cut = ",".join(COLUMNS) + "\n2025-12-11T01:00:00Z,host,/health,"
    (tmp_path / "probes.csv").write_text(cut)
    lines = curl_lines([("host", server.url + "/mute")], 1, 30)
    running = subprocess.Popen(["sh", "-c", lines], cwd=tmp_path, start_new_session=True)
    try:
        until = time.monotonic() + 10
        while not server.seen and time.monotonic() < until:
            time.sleep(0.02)
        assert server.seen
        begun = (tmp_path / "probes.csv").read_text()
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert begun == cut + "\n"


def test_the_program_probes_each_url_and_says_how_many_rows_it_wrote(tmp_path, monkeypatch, capsys):
    asked, runs = [], []

    def run(targets, every, for_s, ask, writer, stop):
        runs.append((targets, every, for_s))
        for vantage, url in targets:
            writer(prober.probe(vantage, url, ask))

    monkeypatch.setattr(prober, "run", run)
    monkeypatch.setattr(prober, "stop_on_signals", threading.Event)
    monkeypatch.setattr(prober, "fetch", lambda *given: asked.append(given) or (204, None, 0.25, {}))
    monkeypatch.setattr(prober, "probe", lambda vantage, url, ask: ask(url) and row_of(vantage, url))
    monkeypatch.chdir(tmp_path)
    urls = ["http://127.0.0.1:8017/health", "http://127.0.0.1:8017/jobs"]
    prober.main([*urls, "--vantage", "outside", "--every", "5", "--for", "60", "--header", "X-Test: 1"])
    assert runs == [([("outside", url) for url in urls], 5.0, 60.0)]
    assert asked == [(url, 30.0, {"X-Test": "1"}, False) for url in urls]
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "2 probes written to probes.csv"
    assert said[0] == "2026-03-02T04:00:00Z outside /health 204 in 0.250 s"
    prober.main([urls[0], "--insecure", "--timeout", "2", "--to", "other.csv"])
    assert runs[-1] == ([("inside", urls[0])], 10.0, None)
    assert asked[-1] == (urls[0], 2.0, {}, True)
    assert "1 probes written to other.csv" in capsys.readouterr().err

    for wrong in (["--every", "0.5"], ["--timeout", "0"], ["--header", "@/nonexistent"], ["--vantage", "x"]):
        with pytest.raises(SystemExit):
            prober.main([urls[0], *wrong])
    with pytest.raises(SystemExit):
        prober.main(["ftp://127.0.0.1/"])
    prober.main([urls[0], "--every", "1"])


def row_of(vantage, url):
    row = dict.fromkeys(COLUMNS, "")
    seen = {"vantage": vantage, "path": "/" + url.rpartition("/")[2], "status": 204, "seconds": 0.25}
    return row | seen | {"timestamp": "2026-03-02T04:00:00Z"}


def test_a_row_that_cannot_be_written_is_counted_and_reported(tmp_path, capsys):
    writer = prober.Writer(str(tmp_path / "probes.csv"))
    writer(row_of("inside", "http://127.0.0.1/health"))
    writer.path = str(tmp_path / "missing" / "probes.csv")
    writer(row_of("inside", "http://127.0.0.1/health") | {"error": "timed out"})
    first, second = capsys.readouterr().err.splitlines()
    assert "NOT WRITTEN" not in first and first.endswith("204 in 0.250 s")
    assert "timed out - NOT WRITTEN: " in second
    assert (writer.rows, writer.lost) == (1, 1)
    assert (
        writer.summary().startswith("1 probes written to ") and "1 could not be written" in writer.summary()
    )
    quiet = prober.Writer(str(tmp_path / "probes.csv"), quiet=True)
    quiet(row_of("inside", "http://127.0.0.1/health"))
    assert (quiet.rows, capsys.readouterr().err) == (1, "")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TimeoutError(), "timeout after 2.5 s, while connecting"),
        (ConnectionRefusedError(), "refused, while connecting"),
        (http.client.IncompleteRead(b""), "incomplete: the response ended early"),
        (http.client.BadStatusLine("x"), "the response is not HTTP/1, while connecting"),
        (OSError(113, "No route to host"), "No route to host, while connecting"),
        (ValueError("a\x07b" + "c" * 300), "a?b" + "c" * 197 + ", while connecting"),
        (ValueError(), "ValueError, while connecting"),
    ],
)
def test_the_error_of_a_probe_names_its_step(error, text):
    assert prober.error_text("connecting", error, 2.5) == text


@pytest.mark.parametrize(
    ("url", "kind", "example"),
    [
        ("http://a b/", "ascii", None),
        (
            "http://münchen.example.com/ü?ä=1#x",
            "ascii-example",
            "http://xn--mnchen-3ya.example.com/%C3%BC?%C3%A4=1",
        ),
        ("http://münchen.example.com:8080/", "ascii-example", "http://xn--mnchen-3ya.example.com:8080/"),
        ("http://u:p@münchen.example.com/", "ascii", None),
        ("ftp://example.com", "url", None),
        ("http://", "url", None),
        ("http://example.com:0/", "url", None),
        ("http://example.com:99999/", "url", None),
    ],
)
def test_urls_that_cannot_be_probed(url, kind, example):
    with pytest.raises(prober.InvalidInputError) as raised:
        check_url(url)
    assert (raised.value.kind, raised.value.values["url"]) == (kind, repr(url))
    assert (raised.value.values.get("example") or None) == example
    assert check_url("https://example.com:1/x") == "https://example.com:1/x"


def test_headers_of_options_and_files(tmp_path):
    file = tmp_path / "headers"
    file.write_text("A: 1\n\nB:2\n")
    found = prober.read_headers(["Host: example.com", f"@{file}", "C:", "D: a:b\t"])
    assert found == {"Host": "example.com", "A": "1", "B": "2", "C": "", "D": "a:b"}
    for number, wrong in enumerate(["no colon", ": x", "a b: x", "A: x\ny", "A: é"], 1):
        good = ["A: 1"] * (number - 1)
        with pytest.raises(prober.InvalidInputError) as raised:
            prober.read_headers([*good, wrong])
        assert (raised.value.kind, raised.value.values) == ("header", {"place": f"--header number {number}"})
    file.write_text("A: 1\nwrong\n")
    with pytest.raises(prober.InvalidInputError) as raised:
        prober.read_headers([f"@{file}"])
    assert raised.value.values == {"place": str(file)}


def test_a_probe_states_when_where_and_what():
    before = pd.Timestamp.now("UTC").floor("ms")
    row = prober.probe("host", "http://example.com?x=1", lambda url: {"status": len(url)})
    stamp = row.pop("timestamp")
    assert row == {"vantage": "host", "path": "/", "status": 22}
    assert stamp.endswith("Z") and before <= pd.Timestamp(stamp) <= pd.Timestamp.now("UTC")


def test_the_times_at_which_targets_are_probed(monkeypatch):
    """Every 10 s from the start, also after a probe of 3 s; the last before the end."""
    now, waits, rows = [0.0], [], []

    class Stop:
        def is_set(self):
            return False

        def wait(self, seconds):
            waits.append(seconds)
            now[0] += seconds

    def ask(url):
        now[0] += 3.0
        return {"url": url}

    monkeypatch.setattr(prober.time, "monotonic", lambda: now[0])
    prober.run([("host", "http://a/x")], 10.0, 30.0, ask, rows.append, Stop())
    assert waits == [7.0, 7.0]
    assert [row["url"] for row in rows] == ["http://a/x"] * 3


def test_the_whole_script_of_curl():
    text = curl_lines(
        [("host", "http://a/%x?y"), ("outside", "http://b")], 10, 2.5, ["Host: h", "X-Key: s", "@file"],
        output="my file.csv", insecure=True,
    )  # fmt: skip
    columns = "timestamp,vantage,path,status,seconds,error,dns_s,connect_s,tls_s,ttfb_s"
    wanted = (
        "'%{http_code},%{time_total},%{exitcode},%{time_namelookup},%{time_connect},%{time_appconnect},"
        "%{time_starttransfer}'"
    )
    awk = (
        '\'{print $1, $2, ($3 > 0 && $3 != 63 ? "curl error " $3 : ""), $4, ($5 > 0 ? $5 - $4 : ""), '
        '($6 > 0 ? $6 - $5 : ""), ($7 > 0 ? $7 : "")}\''
    )
    options = "-H 'Host: h' -H \"X-Key: $X_KEY\" -H @file -k "

    def line(prefix, url):
        return (
            f"  printf '%s%s\\n' \"$(date -u {prefix})\" \"$(curl -s -o /dev/null --noproxy '*' "
            f"--max-time 2.5 --max-filesize 1000000 -w {wanted} {options}{url} "
            f"| awk -F, -v OFS=, {awk})\" >> 'my file.csv'"
        )

    assert text.splitlines() == [
        ': "${X_KEY:?set it to the value of the header X-Key}"',
        f"[ -s 'my file.csv' ] || echo {columns} >> 'my file.csv'",
        "[ -z \"$(tail -c 1 'my file.csv')\" ] || echo >> 'my file.csv'",
        "while :; do",
        line("+%Y-%m-%dT%H:%M:%SZ,host,/%%x,", "'http://a/%x?y'"),
        line("+%Y-%m-%dT%H:%M:%SZ,outside,/,", "http://b"),
        "  sleep 10",
        "done",
    ]
    plain = curl_lines([("host", "http://a/")], 1, 1)
    assert "-k" not in plain and plain.count("probes.csv") == 5


@pytest.mark.parametrize("wrong", [["--every", "0.9"], ["--timeout", "0"], ["--header", "x"], ["--to", "/"]])
def test_options_that_the_program_refuses(wrong, capsys):
    with pytest.raises(SystemExit) as raised:
        prober.main(["http://127.0.0.1:1/", "--for", "0.1", *wrong])
    assert raised.value.code == 2
    assert "error:" in capsys.readouterr().err
