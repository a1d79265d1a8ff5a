import os
import signal
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
from watchme_analysis.evidence.prober import fetch
from watchme_analysis.evidence.probes import read_probes
from watchme_analysis.files.evidence_file import RawFile

SCRIPT = Path(prober.__file__)


# What is written at once; how often what else is written, again and again.
PARTS = {
    "/drip-head": (b"HTTP/1.1 200 OK\r\nX-Slow: ", 0.05, b"."),
    "/again": (b"", 0.05, b"HTTP/1.1 100 Continue\r\n\r\n"),
    "/long": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", 0.001, bytes(100_000)),
}


class Handler(BaseHTTPRequestHandler):
    """Answers as the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        if self.path == "/mute":
            self.server.released.wait(20)
            return
        if self.path in PARTS:
            first, every_s, part = PARTS[self.path]
            self.wfile.write(first)
            while not self.server.released.wait(every_s):
                self.wfile.write(part)
            self.close_connection = True
            return
        self.send_response(503 if self.path == "/ill" else 200)
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


def test_no_answer_in_time_is_a_timeout_that_names_the_step(server):
    result = fetch(server.url + "/mute", 0.3, {})
    assert result["status"] is None
    assert result["error"] == "timeout after 0.3 s, while waiting for the response"
    assert result["ttfb_s"] is None
    assert result["connect_s"] is not None


@pytest.mark.parametrize("path", ["/drip-head", "/again"])
def test_the_time_limit_holds_for_a_header_that_trickles(server, path):
    result = fetch(server.url + path, 0.5, {})
    assert result["error"].startswith("timeout after 0.5 s, while ")
    assert result["seconds"] < 1.5


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


def test_curl_lines_hold_the_host_alone_and_refuse_to_run_without_other_headers(server, tmp_path):
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
