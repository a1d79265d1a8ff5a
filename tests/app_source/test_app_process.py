import gzip
import json

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.app_source.start_command import (
    SOURCES,
    parse_app_processes,
    parse_command,
    parse_dockerfile,
)
from watchme_analysis.case.importer import import_folder
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import message_of


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


SCRIPT = """\
#!/bin/bash
# don't run uvicorn main:app here
if ! pgrep -f uvicorn main:app >/dev/null; then
  log starting uvicorn main:app
fi
cat > x.service <<EOF
ExecStart=/usr/bin/env uvicorn other:app --port 9000
uvicorn third:app
EOF
echo "To start by hand:
  uvicorn docs:app --workers 3
"
systemctl restart uvicorn
uv pip install uvicorn fastapi
apt-get install -y gunicorn
curl -d "uvicorn x:y" localhost
uvicorn --version
case "$1" in
  *) echo "it's uvicorn" ;;
esac
COMMAND
"""


@together(
    "command",
    [
        "exec uvicorn main:app",
        "then exec uvicorn main:app",
        "uv run uvicorn main:app",
        "poetry run -- uvicorn main:app",
        "python -m uvicorn main:app",
        "A=1 nohup uvicorn main:app &",
        "tini -- uvicorn main:app",
        "./wait-for-it.sh db:5432 -- uvicorn main:app",
        "gosu app uvicorn main:app",
        "sudo -u www /opt/venv/bin/uvicorn main:app",
        "docker run image uvicorn main:app",
        "bash -c 'cd /app\nexec uvicorn main:app'",
    ],
)
def test_a_script_starts_what_it_runs_and_not_what_it_mentions(command):
    frame, _ = parse_app_processes(SCRIPT.replace("COMMAND", command), "start.sh")
    assert frame["app"].tolist() == ["main:app"], command


def test_ordinary_scripts_are_left_and_no_errors(tmp_path):
    ordinary = '#!/bin/sh\necho "it\'s done"\n'
    names = ("deploy.sh", "start-db.sh", "api/docker-entrypoint.sh", "Makefile", "db.service")
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(ordinary)
    (tmp_path / "in" / "start.sh").write_text(SCRIPT.replace("COMMAND", "exec uvicorn main:app"))
    report = import_folder(tmp_path / "in", tmp_path / "case")
    inputs = {entry["file"]: entry for entry in report.case.manifest["inputs"]}
    assert not any(entry.get("unread") for entry in inputs.values()), inputs
    assert {name for name, entry in inputs.items() if entry.get("reason")} == set(names)
    assert report.case.table("rejected_lines").empty


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


@together(
    ("command", "found"),
    [
        ("uvicorn a:b", {"app": "a:b", "environment": "{}"}),
        (
            "N=1 uvicorn --host=h -p 1 --port 2 --uds /s --fd 3 --workers 4 --backlog 5 "
            "--limit-concurrency 6 --timeout-keep-alive 7.5 --app-dir src a:b c:d",
            {
                "app": "a:b",
                "host": "h",
                "port": 2,
                "workers": 4,
                "backlog": 5,
                "limit_concurrency": 6,
                "timeout_keep_alive_s": 7.5,
                "app_dir": "src",
                "environment": '{"N": "1"}',
            },
        ),
        (
            "gunicorn --worker-connections 8 --keep-alive 9 --bind :80 --workers 2 --preload a:b",
            {
                "app": "a:b",
                "host": None,
                "port": 80,
                "workers": 2,
                "limit_concurrency": 8,
                "timeout_keep_alive_s": 9.0,
                "environment": "{}",
            },
        ),
        (
            "gunicorn -b localhost a:b",
            {"app": "a:b", "host": "localhost", "timeout_keep_alive_s": 2.0, "environment": "{}"},
        ),
        (
            "granian a:b --host h",
            {"app": "a:b", "host": "h", "backlog": 1024, "environment": "{}"},
        ),
        (
            "UVICORN_PORT=5 UVICORN_APP_DIR=x SERVICE_NAME= fastapi dev main.py --workers 2",
            {
                "app": "main.py",
                "port": 5,
                "workers": 2,
                "environment": '{"SERVICE_NAME": "", "UVICORN_APP_DIR": "x", "UVICORN_PORT": "5"}',
            },
        ),
        (
            "UVICORN_PORT=5 uvicorn a:b --port 6",
            {"app": "a:b", "port": 6, "environment": '{"UVICORN_PORT": "5"}'},
        ),
        (
            "UVICORN_PORT=5 gunicorn a:b",
            {"app": "a:b", "timeout_keep_alive_s": 2.0, "environment": '{"UVICORN_PORT": "5"}'},
        ),
        ("WEB_CONCURRENCY=x uvicorn a:b", {"app": "a:b", "environment": '{"WEB_CONCURRENCY": "x"}'}),
        (
            "WEB_CONCURRENCY=3 uvicorn a:b --workers 1",
            {"app": "a:b", "workers": 1, "environment": '{"WEB_CONCURRENCY": "3"}'},
        ),
        ("uvicorn a:b --port $P --host ${H:-x}", {"app": "a:b", "host": "x", "environment": "{}"}),
        ("entrypoint uvicorn a:b", {"app": "a:b", "environment": "{}"}),
        ("/bin/bash -ec 'uvicorn a:b' x", {"app": "a:b", "environment": "{}"}),
        ("A=1; B=2 true | uvicorn a:b", {"app": "a:b", "environment": '{"A": "1", "B": "2"}'}),
        ("ulimit -n many && uvicorn a:b", {"app": "a:b", "environment": "{}"}),
        ("uvicorn --port", {"environment": "{}"}),
        ("fastapi build main.py", None),
    ],
)
def test_every_setting_of_a_command(command, found):
    try:
        parsed = parse_command(command)
        assert parsed is None or parsed.pop("server") in command.replace("fastapi", "uvicorn")
        assert parsed == found
    except ValueError as error:
        assert command == "uvicorn --port"
        assert messages_in(error.args[0]) == {"value-option-number": {"option": "--port", "value": "''"}}


def plain(frame):
    found = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{name: value for name, value in row.items() if value is not None} for row in found]


APP = "from fastapi import FastAPI\napp = FastAPI()\n"


def test_every_column_of_a_file_of_commands(tmp_path):
    for name in ("d/main.py", "d/main-billing.py", "d/lib/pkg.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(APP)
    (tmp_path / "d/serve.py").write_text("import uvicorn\nfrom main import app\nuvicorn.run(app, port=7)\n")
    text = (
        "# billing 192.0.2.7\n"
        "$ uvicorn main:app\n"
        "uvicorn main:app\n"
        "PYTHONPATH=lib uvicorn pkg:app\n"
        "uvicorn --app-dir lib pkg:app\n"
        "fastapi run\n"
        "python serve.py\n"
        "python gone.py\n"
    )
    frame, how = parse_app_processes(text, "d/uvicorn.txt", tmp_path)
    base = {"file": "d/uvicorn.txt", "environment": "{}", "server": "uvicorn"}
    main = {"app": "main:app", "application_file": "d/main.py"}
    pkg = {"app": "pkg:app", "application_file": "d/lib/pkg.py"}
    assert plain(frame) == [
        base
        | {
            "line": 2,
            "command": "uvicorn main:app",
            "app": "main:app",
            "service": "billing",
            "addr": "192.0.2.7",
            "application_file": "d/main-billing.py",
        },
        base | main | {"line": 3, "command": "uvicorn main:app"},
        base
        | pkg
        | {"line": 4, "command": "PYTHONPATH=lib uvicorn pkg:app", "environment": '{"PYTHONPATH": "lib"}'},
        base | pkg | {"line": 5, "command": "uvicorn --app-dir lib pkg:app"},
        base | {"line": 6, "command": "fastapi run", "application_file": "d/main.py"},
        base
        | {
            "line": 7,
            "command": "python serve.py",
            "app": "serve:app",
            "port": 7,
            "application_file": "d/main.py",
        },
    ]
    (rejected,) = how.rejected
    assert (rejected.line, rejected.text) == (8, "python gone.py")
    assert messages_in(message_of(rejected.reason)) == {"reject-no-server": {}}
    assert (how.source, how.origin, how.lines, how.blank_lines, how.joined_lines) == (
        "app_process",
        "d/uvicorn.txt",
        8,
        0,
        1,
    )


def test_a_file_is_named_like_its_service_and_may_be_damaged(tmp_path):
    (tmp_path / "uvicorn_command-billing.txt.gz").write_bytes(
        gzip.compress(b"uvicorn a:b\n# other\nuvicorn c:d\n" + bytes(range(256)))[:-12]
    )
    (source,) = (source for source in SOURCES if source.name == "app_process")
    (piece,) = source.read(RawFile(tmp_path, "uvicorn_command-billing.txt.gz"))
    assert piece.frame["service"].tolist() == ["billing", "other"]
    assert "note-of-file" in messages_in(message_of(piece.retrieval.notes[-1]))
    recognized = []
    for data in (b"", b" \n", b"run hypercorn x\n", b"make\n"):
        (tmp_path / "start.sh").write_bytes(data)
        recognized.append(source.looks_like(RawFile(tmp_path, "start.sh")))
    assert recognized == [True, True, True, False]


@together(
    ("text", "row"),
    [
        (
            'FROM a AS b\nENV A=1\nENTRYPOINT ["uvicorn", "main:app"]\nCMD ["--port", "5"]\n',
            {
                "line": 4,
                "command": '["uvicorn", "main:app", "--port", "5"]',
                "app": "main:app",
                "port": 5,
                "environment": '{"A": "1"}',
            },
        ),
        (
            "FROM a\nCMD uvicorn main:app\n",
            {"line": 2, "command": "uvicorn main:app", "app": "main:app", "environment": "{}"},
        ),
        (
            'FROM a\nENTRYPOINT ["run.sh"]\nCMD uvicorn a:b\n',
            {"line": 3, "command": "uvicorn a:b", "app": "a:b", "environment": "{}"},
        ),
    ],
)
def test_the_row_of_a_dockerfile(text, row):
    frame, how = parse_dockerfile(text)
    assert plain(frame) == [{"file": "Dockerfile", "server": "uvicorn"} | row]
    assert (how.source, how.rows, how.lines, how.notes, how.rejected) == ("app_process", 1, None, (), ())


def test_what_of_a_dockerfile_can_not_be_read():
    frame, how = parse_dockerfile("FROM a\nFRAM b\nCMD uvicorn 'a\n")
    assert frame.empty
    assert [(each.line, each.text) for each in how.rejected] == [(2, "FRAM b"), (3, "uvicorn 'a")]
    assert how.notes == ()
    for text in ("", "FROM a\nRUN x\n"):
        frame, how = parse_dockerfile(text)
        assert (len(frame), how.rejected) == (0, ())
        assert messages_in(message_of(how.notes[0])) == {"note-no-start-command": {"file": "Dockerfile"}}


def test_the_nearest_build_context_that_has_the_application_counts(tmp_path):
    (tmp_path / "svc/docker").mkdir(parents=True)
    (tmp_path / "svc/main.py").write_text(APP)
    text = 'FROM a\nWORKDIR /app\nCOPY . .\nCMD ["uvicorn", "main:app"]\n'
    frame, _ = parse_dockerfile(text, "svc/docker/Dockerfile", tmp_path)
    assert frame["application_file"].tolist() == ["svc/main.py"]
    frame, _ = parse_dockerfile(text.replace("main:app", "other:app"), "svc/docker/Dockerfile", tmp_path)
    assert frame["application_file"].isna().tolist() == [True]
