import json

from worlds.together import together

from watchme_analysis.app_source.start_command import (
    parse_app_processes,
    parse_command,
)
from watchme_analysis.case.importer import recognise
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
        ("gunicorn --preload a:b", {"app": "a:b"}),
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


def read_pieces(folder, name):
    raw = RawFile(folder, name)
    source, _ = recognise(raw, None)
    return list(source.read(raw))


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
