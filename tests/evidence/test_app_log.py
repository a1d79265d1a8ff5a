# ruff: noqa: E501 - lines stand as they are logged
import pandas as pd
import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.evidence.app_log import lifecycle_state, read_app_log, read_known_lines
from watchme_analysis.files.evidence_file import RawFile

TIME = pd.Timestamp("2025-12-11T01:10:30.471Z")


def read(folder, text, name="app.log"):
    (folder / name).write_bytes(text.encode())
    return read_app_log(RawFile(folder, name))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "2025-12-11 01:10:30,471 INFO [19151] uvicorn.error: Started server process [19151]",
            {"level": "INFO", "pid": 19151, "logger": "uvicorn.error", "kind": "lifecycle"},
        ),
        (
            "2025-12-11 01:10:30,471 - service.jobs - WARNING - slow: 3 s",
            {"level": "WARNING", "logger": "service.jobs", "message": "slow: 3 s", "kind": "application"},
        ),
        (
            "2025-12-11 01:10:30.471 | ERROR    | service.jobs - it failed",
            {"level": "ERROR", "logger": "service.jobs", "message": "it failed", "kind": "error"},
        ),
        (
            "[2025-12-11 01:10:30,471] [INFO] [17] service: done",
            {"level": "INFO", "pid": 17, "logger": "service", "message": "done"},
        ),
        (
            "2025-12-11T10:10:30.471+09:00 INFO service: 処理を開始しました",
            {"level": "INFO", "logger": "service", "message": "処理を開始しました"},
        ),
        (
            '{"timestamp":"2025-12-11T01:10:30.471Z","level":"error","logger":"service","message":"no","exc_info":"T"}',
            {"level": "ERROR", "logger": "service", "message": "no\nT", "kind": "error"},
        ),
        (
            '{"time":"2025-12-11T01:10:30.471Z","level":"debug","error":"no route","message":"502","code":7}',
            {"level": "DEBUG", "message": "502: no route", "extra": '{"code": 7}'},
        ),
        (
            '{"time":"2025-12-11T01:10:30.471Z","err":{"message":"no route","code":7},"msg":"it failed"}',
            {"message": "it failed: no route", "extra": '{"err": {"code": 7, "message": "no route"}}'},
        ),
        (
            '{"log":"INFO:     Application startup complete.\\n","stream":"stderr","time":"2025-12-11T01:10:30.471000001Z"}',
            {"level": "INFO", "kind": "lifecycle", "message": "Application startup complete."},
        ),
        (
            '{"log":"2025-12-11 01:10:30,471 INFO began","stream":"stderr","time":"2025-12-11T01:10:31.5Z"}',
            {"level": "INFO", "message": "began"},
        ),
        (
            "2025-12-11T01:10:30.471000001Z INFO:     Shutting down",
            {"level": "INFO", "kind": "lifecycle", "message": "Shutting down"},
        ),
        (
            "2025-12-11 01:10:30,471 INFO     uvicorn.error Started server process [19151]",
            {"level": "INFO", "logger": "uvicorn.error", "kind": "lifecycle"},
        ),
        ("2025-12-11 01:10:30,471 plain words: here", {"message": "plain words: here"}),
        # zap
        (
            '2025-12-11T01:10:30.471Z\tERROR\tserver/orders.go:42\tit failed\t{"code": 7}',
            {
                "level": "ERROR",
                "logger": "server/orders.go:42",
                "message": 'it failed\t{"code": 7}',
                "kind": "error",
            },
        ),
        # tracing
        (
            '{"timestamp":"2025-12-11T01:10:30.471Z","level":"ERROR","fields":{"message":"no","error":"lost"},"target":"shop::db"}',
            {"level": "ERROR", "logger": "shop::db", "message": "no: lost", "kind": "error"},
        ),
        # pino
        (
            '{"level":50,"time":1765415430471,"pid":17,"hostname":"web","msg":"no"}',
            {"level": "ERROR", "pid": 17, "message": "no", "kind": "error"},
        ),
        # Spring Boot, with and without the name of the application
        (
            "2025-12-11T01:10:30.471Z ERROR 1 --- [nio-8080-exec-3] o.a.c.[.[/].[dispatcherServlet]   : it failed",
            {"level": "ERROR", "pid": 1, "logger": "o.a.c.[.[/].[dispatcherServlet]", "message": "it failed"},
        ),
        (
            "2025-12-11T01:10:30.471Z  WARN 17 --- [shop] [           main] com.example.Shop : slow",
            {"level": "WARN", "pid": 17, "logger": "com.example.Shop", "message": "slow"},
        ),
        # logback
        (
            "2025-12-11 01:10:30.471 [http-nio-8080-exec-3] ERROR com.example.Shop - it failed",
            {"level": "ERROR", "logger": "com.example.Shop", "message": "it failed"},
        ),
        # Monolog
        (
            "[2025-12-11T01:10:30.471+00:00] production.ERROR: it failed",
            {"level": "ERROR", "message": "it failed", "kind": "error"},
        ),
        # Apache, whose code stays in the message
        (
            "[Thu Dec 11 01:10:30.471000 2025] [proxy:error] [pid 17:tid 1398] [client 192.0.2.7:48] AH00898: it failed",
            {
                "level": "ERROR",
                "pid": 17,
                "message": "[client 192.0.2.7:48] AH00898: it failed",
                "kind": "error",
            },
        ),
        (
            "[Thu Dec 11 01:10:30.471000 2025] [error] (111)Connection refused: proxy: it failed",
            {"level": "ERROR", "message": "(111)Connection refused: proxy: it failed"},
        ),
        # The MONITOR of Redis
        ('1765415430.471000 [0 192.0.2.7:48] "GET" "a"', {"message": '[0 192.0.2.7:48] "GET" "a"'}),
    ],
)
def test_shapes_of_records(tmp_path, line, expected):
    frame, retrieval = read(tmp_path, line + "\n")

    assert frame["time"].tolist() == [TIME]
    assert {name: frame.at[0, name] for name in expected} == expected
    assert (retrieval.rows, retrieval.lines) == (1, 1)


def test_exception_of_java_belongs_to_the_line_before_it(tmp_path):
    """logback's default has the time of the day alone."""
    first = "01:10:30.471 [main] ERROR com.example.Shop - it failed"
    trace = "java.lang.IllegalStateException: no\n\tat com.example.Shop.get(Shop.java:41)"
    frame, _ = read(tmp_path, f"{first}\n{trace}\n")
    assert frame[["level", "logger", "message"]].to_numpy().tolist() == [
        ["ERROR", "com.example.Shop", f"it failed\n{trace}"]
    ]


@pytest.mark.parametrize(
    "line",
    [
        '2025-12-11 01:10:30,471 INFO [17] 192.0.2.7:48 - "GET /health?x=1 HTTP/1.1" 200 OK',
        'INFO:     192.0.2.7:48 - "GET /health?x=1 HTTP/1.1" 200 OK',
        '\x1b[32mINFO\x1b[0m:     192.0.2.7:48 - "\x1b[1mGET /health?x=1 HTTP/1.1\x1b[0m" \x1b[32m200 OK\x1b[0m',
        'app-1  | INFO:     192.0.2.7:48 - "GET /health?x=1 HTTP/1.1" 200 OK',
        '2025-12-11 01:10:30,471 INFO     uvicorn.access 192.0.2.7:48 - "GET /health HTTP/1.1" 200',
        '2025-12-11 01:10:30,471 - uvicorn.access - INFO - 192.0.2.7:48 - "GET /health HTTP/1.1" 200',
        '[2025-12-11 01:10:30,471] INFO in httptools_impl: 192.0.2.7:48 - "GET /health HTTP/1.1" 200',
        '2025-12-11 01:10:30.471 | INFO     | uvicorn.h11:send:476 - 192.0.2.7:48 - "GET /health HTTP/1.1" 200',
        '{"levelname":"INFO","name":"uvicorn.access","message":"192.0.2.7:48 - \\"GET /health HTTP/1.1\\" 200"}',
    ],
)
def test_access_records_are_taken_apart(tmp_path, line):
    frame, _ = read(tmp_path, line + "\n")

    found = frame.loc[0, ["kind", "client_addr", "client_port", "method", "path", "status", "level"]].tolist()
    assert found == ["access", "192.0.2.7", 48, "GET", "/health", 200, "INFO"]


def test_tracebacks_are_joined_and_prints_are_not(tmp_path):
    text = (
        "printed before\n"
        "2025-12-11 01:10:30,471 INFO [17] service: begin\n"
        "printed\n"
        "2025-12-11 01:10:31,000 ERROR [17] uvicorn.error: Exception in ASGI application\n"
        "Traceback (most recent call last):\n"
        '  File "app.py", line 1, in f\n'
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "ValueError: no\n"
        "2025-12-11 01:10:32,000 INFO [17] service: end\n"
    )

    frame, retrieval = read(tmp_path, text)

    assert frame["line"].tolist() == [1, 2, 3, 4, 10]
    assert frame["kind"].tolist() == ["application", "application", "application", "error", "application"]
    assert frame.at[3, "message"].endswith("another exception occurred:\nValueError: no")
    assert frame["time"].isna().tolist() == [True, False, True, False, False]
    assert (retrieval.lines, retrieval.joined_lines, retrieval.blank_lines) == (10, 4, 1)


def plain(frame):
    """Return the columns of each row that have a value."""
    found = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{name: value for name, value in row.items() if value is not None} for row in found]


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("Dec 11 01:10:30 host python[29]: it failed", pd.NaT),
        ("<14>Dec 11 01:10:30 host python[29]: it failed", pd.NaT),
        ("2025-12-11T01:10:30.471+0000 host python[29]: it failed", TIME),
        ("2025-12-11T01:10:30.471000000Z it failed", TIME),
    ],
)
def test_prefixes_of_syslog_and_containers_are_no_part_of_a_message(tmp_path, line, time):
    frame, _ = read(tmp_path, line + "\n")
    assert frame["message"].tolist() == ["it failed"]
    assert frame["time"].iloc[0] is time or frame["time"].iloc[0] == time


@pytest.mark.parametrize(
    ("name", "service"),
    [("worker.log", "worker"), ("app-worker.log", "worker"), ("nginx-error.log", ""), ("production.log", "")],
)
def test_file_named_after_its_lines_names_no_service(tmp_path, name, service):
    rows, _ = read(tmp_path, "2026-03-04 05:06:07 ERROR no connection\n", name)
    assert list(rows["service"]) == [service]


def test_of_other_text_only_lines_of_known_programs_are_rows(tmp_path):
    text = (
        "what we saw:\nDec 11 01:10:30 host kernel: Out of memory: Killed process 8 (x)\n  total-vm:1kB\n\n"
    )
    case = import_folder(written(tmp_path, "host.txt", text), tmp_path / "case").case
    assert case.table("app_log")["message"].tolist() == [
        "Out of memory: Killed process 8 (x)\n  total-vm:1kB"
    ]
    (rejected,) = case.table("rejected_lines")["line"]
    assert rejected == 1


def written(folder, name, text):
    evidence = folder / "evidence"
    evidence.mkdir()
    (evidence / name).write_text(text)
    return evidence


@pytest.mark.parametrize("reader", [read_app_log, read_known_lines])
def test_journal_of_a_crashing_service_has_a_record_for_each_crash(tmp_path, reader):
    lines = [
        "{time} host python[812]: Traceback (most recent call last):",
        '{time} host python[812]:   File "/app/worker.py", line 4, in <module>',
        "{time} host python[812]: ModuleNotFoundError: No module named 'requests'",
        "{time} host systemd[1]: worker.service: Failed with result 'exit-code'.",
    ]
    times = ("2025-12-11T01:10:30.471000+0000", "2025-12-11T01:15:30.471000+0000")
    text = "".join(f"{line.format(time=time)}\n" for time in times for line in lines)
    (tmp_path / "journal.txt").write_text(text)
    frame, _ = reader(RawFile(tmp_path, "journal.txt"))
    assert [message.splitlines()[-1].split(":")[0] for message in frame["message"]] == [
        "ModuleNotFoundError", "worker.service"
    ] * 2  # fmt: skip
    assert frame["time"].nunique() == 2


def test_a_lifecycle_message_says_whether_the_process_starts_or_stops():
    starts = ("Started server process [7]", "Application startup complete.", "Booting worker with pid: 9")
    stops = ("Shutting down", "Waiting for application shutdown.", "Finished server process [7]")
    assert {lifecycle_state(text) for text in starts} == {"starts"}
    assert {lifecycle_state(text) for text in stops} == {"stops"}
