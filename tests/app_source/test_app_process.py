import json

import pandas as pd
import pytest
from worlds.together import together

from watchme_analysis.app_source.start_command import (
    SOURCES,
    parse_app_processes,
    parse_command,
    parse_dockerfile,
)
from watchme_analysis.files.evidence_file import RawFile


@together(
    ("command", "expected"),
    [
        ("uvicorn main:app", {"app": "main:app"}),
        ("uvicorn main:app --port=8017 --host 0.0.0.0", {"port": 8017, "host": "0.0.0.0"}),
        ("/opt/venv/bin/python3.11 -m uvicorn main:app --workers 2", {"workers": 2, "app": "main:app"}),
        ("ulimit -n 512 && exec uvicorn --reload main:app", {"open_files_limit": 512, "app": "main:app"}),
        ("ulimit -Hn 512; uvicorn main:app", {"app": "main:app", "open_files_limit": None}),
        ("uvicorn a:b --limit-concurrency 40 --backlog 64", {"limit_concurrency": 40, "backlog": 64}),
        ("uvicorn a:b --timeout-keep-alive 15", {"timeout_keep_alive_s": 15.0}),
        (
            "gunicorn -k uvicorn.workers.UvicornWorker -w 4 -b 0.0.0.0:8000 a:b",
            {"workers": 4, "port": 8000, "app": "a:b"},
        ),
        ("gunicorn --bind [::]:8000 a:b", {"host": "::", "port": 8000}),
        ("gunicorn -b unix:/run/api.sock a:b", {"port": None, "app": "a:b"}),
        ("WEB_CONCURRENCY=3 uvicorn a:b", {"workers": 3}),
        ("UVICORN_LIMIT_CONCURRENCY=9 uvicorn a:b", {"limit_concurrency": 9}),
        ("SERVICE_NAME=emotion uvicorn a:b", {"service": "emotion"}),
        ("fastapi run main.py --workers 2", {"app": "main.py", "workers": 2}),
        ('CMD ["uvicorn", "main:app", "--port", "8018"]', {"app": "main:app", "port": 8018}),
        ('["sh", "-c", "ulimit -n 99 && uvicorn main:app"]', {"app": "main:app", "open_files_limit": 99}),
        ("poetry run uvicorn main:app", {"app": "main:app"}),
        ("uv run --extra cpu python -m uvicorn main:app --port 81", {"app": "main:app", "port": 81}),
        ("exec tini -- gosu app uvicorn main:app --workers 3", {"app": "main:app", "workers": 3}),
        ("opentelemetry-instrument gunicorn -w 2 main:app", {"app": "main:app", "workers": 2}),
        ('/bin/sh -c "migrate && uvicorn main:app --port 82"', {"app": "main:app", "port": 82}),
        ("uvicorn a:b --port ${PORT:-83} --workers $WORKERS", {"port": 83, "workers": None, "app": "a:b"}),
        ("export PORT=84 && PORT=85 uvicorn a:b --port $PORT", {"port": 85}),
        ("export PORT=84 && uvicorn a:b --port ${PORT:-83}", {"port": 84}),
        (
            "hypercorn a:b -w 2 -b 0.0.0.0:86 --backlog 200 --keep-alive 10",
            {"workers": 2, "port": 86, "backlog": 200, "timeout_keep_alive_s": 10.0},
        ),
        ("hypercorn a:b", {"backlog": 100, "timeout_keep_alive_s": None}),
        ("gunicorn a:b", {"backlog": None, "timeout_keep_alive_s": 2.0}),
        (
            "granian --interface asgi a:b --port 87 --workers 2 --backpressure 64",
            {"app": "a:b", "port": 87, "workers": 2, "limit_concurrency": 64},
        ),
    ],
)
def test_commands(command, expected):
    found = parse_command(command)
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    "command", ["nginx -g 'daemon off;'", "echo uvicorn", "A=b pip install uvicorn", "", "ulimit -n 5"]
)
def test_other_commands_are_none(command):
    assert parse_command(command) is None


def read_pieces(folder, name):
    raw = RawFile(folder, name)
    (source,) = (source for source in SOURCES if any(raw.path.match(pattern) for pattern in source.patterns))
    return source.read(raw)


def assert_accounted(retrieval):
    parts = (retrieval.rows, len(retrieval.rejected), retrieval.blank_lines, retrieval.joined_lines)
    assert retrieval.lines == sum(parts)


def test_a_comment_names_service_and_address_of_the_command_after_it():
    frame, retrieval = parse_app_processes(
        "# behavior, 192.0.2.11\nuvicorn a:b --port 1\n\n"
        "# emotion (192.0.2.12:8000)\nuvicorn a:b --port 2\nuvicorn a:b\n"
    )
    assert list(frame["service"].fillna("-")) == ["behavior", "emotion", "-"]
    assert list(frame["addr"].fillna("-")) == ["192.0.2.11", "192.0.2.12:8000", "-"]
    assert list(frame["line"]) == [2, 5, 6]
    assert pd.isna(frame["workers"]).all()
    assert_accounted(retrieval)


def test_continued_lines_are_one_command_and_odd_lines_are_rejected():
    frame, retrieval = parse_app_processes(
        "NAME=x A='b c' \\\n  uvicorn a:b \\\n  --workers 2\n"
        "node server.js\nuvicorn 'a:b\nuvicorn a:b --port many\n"
    )
    assert list(frame["workers"]) == [2]
    assert json.loads(frame["environment"][0]) == {"A": "b c", "NAME": "x"}
    assert [piece.line for piece in retrieval.rejected] == [4, 5, 6]
    assert "--port wants a number" in retrieval.rejected[2].reason
    assert_accounted(retrieval)


def test_of_a_script_only_the_line_that_starts_the_server_counts(tmp_path):
    text = "#!/bin/sh\nset -e\nmigrate head\nexec uvicorn main:app --port 8017\n"
    (tmp_path / "docker-entrypoint.sh").write_text(text)
    (piece,) = read_pieces(tmp_path, "docker-entrypoint.sh")
    assert list(piece.frame["port"]) == [8017]
    assert not piece.retrieval.rejected


def test_secrets_among_the_variables_are_masked():
    frame, _ = parse_app_processes("API_KEY='a b' NAME=x uvicorn main:app\n")
    assert list(frame["command"]) == ["API_KEY=*** NAME=x uvicorn main:app"]
    assert json.loads(frame["environment"][0]) == {"API_KEY": "***", "NAME": "x"}


def test_a_dockerfile_says_how_the_image_is_started():
    frame, retrieval = parse_dockerfile(
        "FROM python:3.11-slim\nENV WEB_CONCURRENCY=2 DB_PASSWORD=hunter2\n"
        "RUN pip install uvicorn\nCMD echo built\n"
        'CMD ["uvicorn", "main:app", \\\n  "--port", "8017"]\n'
    )
    assert list(frame["port"]) == [8017]
    assert list(frame["line"]) == [5]
    assert json.loads(frame["environment"][0]) == {"DB_PASSWORD": "***", "WEB_CONCURRENCY": "2"}
    assert not retrieval.rejected
    assert parse_dockerfile("FROM nginx\nCMD nginx\n")[0].empty
