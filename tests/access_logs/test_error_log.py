# ruff: noqa: E501 - lines stand as they are logged
import pandas as pd
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.access_logs.error_log import kind_of, read_error_log
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.window import parse_zone

HEAD = "2025/12/11 10:10:30 [error] 31#32: *7 "
TAIL = (
    ', client: 192.0.2.7, server: api.example.com, request: "GET /health?x=1 HTTP/1.1", '
    'upstream: "http://192.0.2.20:8017/health?x=1", host: "api.example.com"'
)


def laid(folder, text, name="error.log", **settings):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return RawFile(folder, name, **settings)


def test_a_line_is_taken_apart(tmp_path):
    message = "upstream timed out (110: Connection timed out) while reading response header from upstream"
    raw = laid(tmp_path, HEAD + message + TAIL + "\n", zone=parse_zone("Asia/Tokyo"))

    frame, _ = read_error_log(raw)

    assert {name: value for name, value in frame.iloc[0].items() if not pd.isna(value)} == {
        "file": "error.log",
        "line": 1,
        "time": pd.Timestamp("2025-12-11T01:10:30Z"),
        "level": "error",
        "pid": 31,
        "connection": 7,
        "kind": "upstream_timeout_header",
        "message": message,
        "client_addr": "192.0.2.7",
        "server": "api.example.com",
        "method": "GET",
        "path": "/health",
        "upstream": "http://192.0.2.20:8017/health?x=1",
        "upstream_addr": "192.0.2.20:8017",
        "host": "api.example.com",
    }


@together(
    ("message", "kind"),
    [
        ("upstream timed out (110: Connection timed out) while connecting to upstream", "upstream_timeout_connect"),
        ("upstream timed out (110: Connection timed out) while reading upstream", "upstream_timeout_body"),
        ("upstream timed out (110: Connection timed out) while sending request to upstream", "upstream_timeout_send"),
        ("connect() failed (111: Connection refused) while connecting to upstream", "upstream_refused"),
        ("connect() failed (113: No route to host) while connecting to upstream", "upstream_unreachable"),
        ("connect() to 192.0.2.20:80 failed (101: Network is unreachable) while connecting to upstream", "upstream_unreachable"),
        ("connect() to 192.0.2.20:80 failed (99: Cannot assign requested address) while connecting to upstream", "upstream_unreachable"),
        ("recv() failed (104: Connection reset by peer) while reading response header from upstream", "upstream_reset"),
        ("writev() failed (32: Broken pipe) while sending request to upstream", "upstream_reset"),
        ("upstream prematurely closed connection while reading response header from upstream", "upstream_closed"),
        ("no live upstreams while connecting to upstream", "no_live_upstream"),
        ('limiting requests, excess: 5.120 by zone "perip"', "limit_req"),
        ('delaying request, excess: 0.120, by zone "perip"', "limit_req"),
        ('limiting connections by zone "perip"', "limit_conn"),
        ("an upstream response is buffered to a temporary file /var/cache/nginx/1 while reading upstream", "buffering_to_disk"),
        ("a client request body is buffered to a temporary file /var/cache/nginx/2", "buffering_to_disk"),
        ("client closed connection while waiting for request", "client_closed"),
        ("epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream", "client_closed"),
        ("client timed out (110: Connection timed out) while waiting for request", "client_closed"),
        ("accept4() failed (24: Too many open files)", "open_files"),
        ("connect() to unix:/run/app.sock failed (2: No such file or directory) while connecting to upstream", "upstream_unreachable"),
        ("connect() to unix:/run/app.sock failed (13: Permission denied) while connecting to upstream", "upstream_unreachable"),
        ("connect() to unix:/run/app.sock failed (11: Resource temporarily unavailable) while connecting to upstream", "upstream_queue_full"),
        ("socket() failed (24: Too many open files) while connecting to upstream", "open_files"),
        ("512 worker_connections are not enough while connecting to upstream", "worker_connections"),
        ("SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking", "tls"),
        ("peer closed connection in SSL handshake while SSL handshaking", "tls"),
        ("api.internal could not be resolved (3: Host not found)", "resolver"),
        ("signal 1 (SIGHUP) received from 12, reconfiguring", "reload"),
        ("start worker process 32", "startup"),
        ("upstream timed out (110: Connection timed out) while SSL handshaking to upstream", "upstream_timeout_connect"),
        ("upstream timed out (110: Connection timed out) while proxying upgraded connection", "upstream_timeout_body"),
        ("upstream timed out (60: Operation timed out) while sending to client", "upstream_timeout_body"),
        ("upstream server temporarily disabled while connecting to upstream", "upstream_disabled"),
        ("upstream sent too big header while reading response header from upstream", "upstream_invalid"),
        ("upstream sent no valid HTTP/1.0 header while reading response header from upstream", "upstream_invalid"),
        ('upstream sent more data than specified in "Content-Length" header while reading upstream', "upstream_invalid"),
        ("upstream prematurely sent response while sending request to upstream", "upstream_invalid"),
        ("upstream prematurely closed FastCGI stdout while reading response header from upstream", "upstream_closed"),
        ("peer closed connection in SSL handshake (104: Connection reset by peer) while SSL handshaking to upstream", "upstream_reset"),
        ("upstream SSL certificate verify error: (20:unable to get local issuer certificate) while SSL handshaking to upstream", "tls"),
        ("SSL_read() failed (SSL: error:0A000126:SSL routines::unexpected eof while reading) while reading client request headers", "tls"),
        ("SSL_write() failed (32: Broken pipe) while sending to client", "client_closed"),
        ('cannot load certificate "/etc/x.pem": BIO_new_file() failed (SSL: error:80000002)', "tls"),
        ("limiting requests, dry run, excess: 0.5 by zone", "limit_req"),
        ('limiting connections, dry run, by zone "perip"', "limit_conn"),
        ('pwritev() "/var/cache/nginx/proxy_temp/1" failed (28: No space left on device) while reading upstream', "disk_full"),
        ("client intended to send too large body: 10485761 bytes", "request_too_large"),
        ("client sent too long URI while reading client request line", "request_too_large"),
        ("client sent invalid method while reading client request line", "client_invalid"),
        ("client sent plain HTTP request to HTTPS port while reading client request headers", "tls"),
        ("client 192.0.2.7 closed keepalive connection", "client_closed"),
        ("client canceled stream 7 while processing HTTP/2 connection", "client_closed"),
        ("recv() failed (104: Connection reset by peer) while waiting for request", "client_closed"),
        ("recv() failed (104: Connection reset by peer) while keepalive", "client_closed"),
        ("recv() failed (111: Connection refused) while resolving, resolver: 192.0.2.53:53", "resolver"),
        ('host not found in upstream "api.internal" in /etc/nginx/nginx.conf:7', "resolver"),
        ("no resolver defined to resolve api.internal", "resolver"),
        ("the new socket has number 1024, but only 1024 files are available", "open_files"),
        ("4096 worker_connections exceed open file resource limit: 1024", "open_files"),
        ("512 worker_connections are not enough, reusing connections", "worker_connections"),
        ("worker process 31 exited on signal 11 (core dumped)", "worker_crash"),
        ("worker process 31 exited with fatal code 2 and cannot be respawned", "worker_crash"),
        ("cache loader process 31 exited with code 0", "shutdown"),
        ("bind() to 0.0.0.0:80 failed (98: Address already in use)", "startup"),
        ('unknown directive "proxy_passs" in /etc/nginx/nginx.conf:12', "configuration"),
        ("signal 10 (SIGUSR1) received from 1, reopening logs", "reload"),
        ("sendmsg() failed (32: Broken pipe)", "other"),
        ("gracefully shutting down", "shutdown"),
        ('open() "/usr/share/nginx/html/favicon.ico" failed (2: No such file or directory)', "missing_file"),
        ("access forbidden by rule", "denied"),
    ],
)  # fmt: skip
def test_the_kind_follows_the_message(message, kind):
    assert kind_of(message, None) == kind


def test_what_clients_send_does_not_shift_the_fields(tmp_path):
    hostile = TAIL.replace("/health?x=1 HTTP", '/a", upstream: "b", host: "c HTTP', 1)
    raw = laid(
        tmp_path, HEAD + "connect() failed (111: Connection refused) while connecting to upstream" + hostile
    )

    frame, _ = read_error_log(raw)

    assert frame["client_addr"].tolist() == ["192.0.2.7"]
    assert frame["kind"].tolist() == ["upstream_refused"]


def test_lines_without_a_head_continue_the_one_before(tmp_path):
    text = "lost\n" + HEAD + "a message\n  of two lines\n\n" + HEAD + "another\n"

    frame, retrieval = read_error_log(laid(tmp_path, text))

    assert frame["message"].tolist() == ["a message\n  of two lines", "another"]
    assert frame["line"].tolist() == [2, 5]
    assert (retrieval.lines, retrieval.rows, retrieval.joined_lines, retrieval.blank_lines) == (5, 2, 1, 1)
    assert [one.text for one in retrieval.rejected] == ["lost"]


def rejections(found):
    return [(one.line, [*messages_in(one.reason.message)], one.text) for one in found.rejected]


def test_every_line_is_a_record_joined_blank_or_rejected(tmp_path):
    lines = [
        "a line before any record",
        HEAD + "first" + TAIL,
        "a further line",
        "",
        "2025/12/11 10:10:30 [cut",
        '192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET / HTTP/1.1" 200 5 "-" "-"',
        '192.0.2.7 - [192.0.2.7] - - [11/Dec/2025:10:10:30 +0900] "GET / HTTP/1.1" 200 5 "-" "-"',
        "2025/13/11 10:10:30 [error] 31#32: no month",
        "below it",
        "2025/12/11 10:10:31 [notice] 31#32: second",
    ]
    frame, found = read_error_log(laid(tmp_path, "\n".join(lines) + "\n", "error-web.log"))
    assert frame["line"].tolist() == [2, 10]
    assert frame["message"].tolist() == ["first\na further line", "second"]
    assert frame["service"].tolist() == ["web"] * 2
    assert [*map(pd.isna, frame["connection"])] == [False, True]
    assert rejections(found) == [
        (1, ["reject-error-head"], lines[0]),
        (5, ["reject-error-like"], lines[4]),
        (6, ["reject-other-program"], lines[5]),
        (7, ["reject-other-program"], lines[6]),
        (8, ["reject-invalid-time"], lines[7]),
        (9, ["reject-invalid-time"], lines[8]),
    ]
    assert (found.lines, found.blank_lines, found.joined_lines, found.rows) == (10, 1, 1, 2)


def test_a_zone_is_that_of_the_access_logs_beside_if_they_agree(tmp_path):
    def zone_of(*zones, zone="UTC"):
        for path in tmp_path.iterdir():
            path.unlink()
        for at, offset in enumerate(zones):
            name = ("access.log", "web-access.log", "access.log.1")[at]
            (tmp_path / name).write_text(f"[11/Dec/2025:10:10:30 {offset}]\n" if offset else "none\n")
        settings = {"zone_is_assumed": True}
        raw = laid(tmp_path, HEAD + "first" + TAIL + "\n", zone=parse_zone(zone), settings=settings)
        frame, found = read_error_log(raw)
        said = [messages_in(one.message)["note-zone-beside"] for one in found.notes]
        return frame["time"][0].hour, [(one["zone"], one["file"]) for one in said]

    assert zone_of("+0900", "+0900", None) == (1, [("UTC+09:00", "access.log")])
    assert zone_of("+0900", "+0100") == (10, [])
    assert zone_of() == (10, [])
    # It would be assumed anyway.
    assert zone_of("+0000") == (10, [])
    assert zone_of("+0000", zone="Asia/Tokyo") == (10, [("UTC", "access.log")])
    raw = laid(tmp_path, HEAD + "first" + TAIL + "\n", zone=parse_zone("Asia/Tokyo"))
    assert read_error_log(raw)[0]["time"][0].hour == 1, "a zone that is stated counts"
