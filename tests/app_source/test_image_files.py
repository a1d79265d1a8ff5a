"""Stages of a Dockerfile, the files of its image, and the server that a script starts."""

from pathlib import Path

import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.app_source.image_files import (
    Copy,
    Image,
    Instruction,
    Stage,
    build_stages,
    images_of,
    logical_lines,
    reason_of_command,
)
from watchme_analysis.app_source.started_application import (
    application_file,
    default_fastapi_file,
    script_of,
    server_of_script,
)
from watchme_analysis.text.message import message_of
from watchme_analysis.text.render import error_message


def test_lines_that_continue_are_one():
    text = "RUN a \\\n  b\\\nc\nCMD d\\"
    assert list(logical_lines(text)) == [(1, 3, "RUN a  b c"), (4, 1, "CMD d\\")]
    assert list(logical_lines("")) == []


def test_every_instruction_of_a_stage():
    text = """\
# a comment
FROM --platform=linux/amd64 python:3.12 AS base
WORKDIR /srv
WORKDIR app
ENV A=1 B="two words"
ENV C three  words
ENV D=/data
WORKDIR ${D}/$A
copy --chown=app main.py lib.py ./
COPY --from=other --chown=x ["a b.py", "c.py"]
ADD one.py two.py
COPY --link ["x y.py", "z.py"]
COPY alone
RUN <<EOF
CMD not this
WORKDIR /elsewhere
EOF
COPY <<"END" target.py
FROM neither
END
ENTRYPOINT ["python"]
CMD ["-m", "main"]
EXPOSE 80
"""
    (stage,) = build_stages(text)
    environment = {"A": "1", "B": '"two words"', "C": "three  words", "D": "/data"}
    assert stage == Stage(
        "python:3.12",
        "base",
        "/data/1",
        environment,
        [
            Copy(("main.py", "lib.py"), "/data/1", True, None),
            Copy(("a b.py",), "/data/1/c.py", False, "other"),
            Copy(("one.py",), "/data/1/two.py", False, None),
            Copy(("x y.py",), "/data/1/z.py", False, None),
            Copy(("<<END",), "/data/1/target.py", False, None),
        ],
        Instruction(22, '["-m", "main"]'),
        Instruction(21, '["python"]'),
    )
    assert stage.started() == [Instruction(22, '["python", "-m", "main"]')]


def test_a_stage_begins_with_what_the_stage_below_has():
    text = "FROM a AS One\nWORKDIR /x\nENV A=1\nCOPY f /f\nCMD run\nFROM one\nENV B=2\nENTRYPOINT start\n"
    text += "FROM 1\nCMD other\nFROM unknown as three\nFROM\n"
    first, second, third, fourth, fifth = build_stages(text)
    copy = Copy(("f",), "/f", False, None)
    command = Instruction(5, "run")
    assert first == Stage("a", "One", "/x", {"A": "1"}, [copy], command)
    # An entry point of its own loses the command of the stage below.
    start = Instruction(8, "start")
    assert second == Stage("one", "1", "/x", {"A": "1", "B": "2"}, [copy], None, start, command)
    assert third.command == Instruction(10, "other")
    assert (third.name, third.entrypoint, third.inherited_command) == ("2", start, None)
    assert fourth == Stage("unknown", "three")
    assert fifth == Stage("", "4")
    assert first.environment == {"A": "1"}, "not shared with the stage above"


@together(
    ("entrypoint", "command", "started"),
    [
        (None, None, []),
        (None, "run", ["run"]),
        ('["a"]', None, ['["a"]']),
        ('["a"]', '["b"]', ['["a", "b"]']),
        ('["a"]', "run", ['["a"]', "run"]),
        ("start", '["b"]', ["start"]),
    ],
)
def test_what_an_image_starts(entrypoint, command, started):
    stage = Stage("", "0")
    stage.entrypoint = None if entrypoint is None else Instruction(1, entrypoint)
    stage.command = None if command is None else Instruction(2, command)
    assert [each.text for each in stage.started()] == started


def test_instructions_that_can_not_be_read():
    rejected = []
    stages = build_stages("WORKDIR /x\nFRAM a\nCOPY 'a b\nCOPY [\"a\n\n#x\n", rejected)
    assert stages == [Stage("", "0", "/x")], "instructions before the first stage"
    assert [(line, text) for line, _, text in rejected] == [(2, "FRAM a"), (3, "COPY 'a b"), (4, 'COPY ["a')]
    reasons = [next(iter(messages_in(message_of(reason)))) for _, reason, _ in rejected[:2]]
    assert reasons == ["reject-no-instruction", "reject-shell-quote"]


def test_reasons_of_commands():
    def named(error):
        return messages_in(message_of(reason_of_command(error)))

    assert named(ValueError("No escaped character")) == {"reject-shell-escape": {}}
    assert named(ValueError("other")) == {"reject-shell": {"error": "other"}}
    own = ValueError(error_message("error-sql-empty"))
    assert list(named(own)) == ["error-sql-empty"]


@pytest.fixture
def folder(tmp_path):
    for name in ("main.py", "svc/main.py", "svc/pkg/a.py", "svc/x.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("copies", "path", "found"),
    [
        ("COPY main.py app.py", "app.py", "svc/main.py"),
        ("COPY main.py app.py", "main.py", None),
        ("COPY main.py /app.py", "app.py", None),  # beside the working directory
        ("COPY /main.py .", "/w/main.py", "svc/main.py"),
        ("COPY pkg .", "a.py", "svc/pkg/a.py"),
        ("COPY pkg .", "pkg/a.py", None),
        ("COPY pk? x/", "x/pkg", None),  # a folder
        ("COPY *.txt x/", "x/x.txt", "svc/x.txt"),
        ("COPY *.py x/", "x/x.txt", None),
        ("COPY . .", "pkg/a.py", "svc/pkg/a.py"),
        ("COPY main.py x/", "x", None),
        ("COPY main.py /w", "/w", "svc/main.py"),
        ("COPY --from=0 /y/main.py .", "main.py", "main"),
        ("COPY --from=missing /y/main.py .", "main.py", None),
        ("COPY --from=missing main.py .", "main.py", None),
        ("COPY --from=last main.py .", "main.py", None),  # itself
        ("COPY main.py app.py\nCOPY pkg/a.py app.py", "app.py", "svc/pkg/a.py"),
        ("COPY gone.py main.py app.py\nCOPY gone.py app.py", "app.py", None),
    ],
)
def test_the_file_at_a_path_of_the_image(folder, copies, path, found):
    text = f"FROM a\nCOPY pkg/a.py /y/main.py\nFROM b AS last\nWORKDIR /w\n{copies}\n"
    image = Image(folder, "svc", tuple(build_stages(text)))
    assert image.file(path) == ("svc/pkg/a.py" if found == "main" else found)


def test_folders_that_may_be_the_build_context():
    stages = [Stage("", "0")]
    found = [image.context for image in images_of(Path("/c"), "a/b/c/d/Dockerfile", stages)]
    assert found == ["a/b/c/d", "a/b/c", "a/b", "a"]
    assert [image.context for image in images_of(Path("/c"), "a/Dockerfile", stages)] == ["a", ""]
    assert [image.context for image in images_of(Path("/c"), "Dockerfile", stages)] == [""]


@together(
    ("command", "script"),
    [
        ("python main.py --port 5", "main.py"),
        ("/usr/bin/python3.12 -u -W ignore -X dev app/main.py", "app/main.py"),
        ("python -m app.main", "app/main.py"),
        ("python -u -m app", "app.py"),
        ("env A=1 pypy3 main.py", "main.py"),
        ("python -m", None),
        ("python -c pass", None),
        ("python", None),
        ("python main", None),
        ("pythonic main.py", None),
        ("uvicorn main:app", None),
    ],
)
def test_the_script_of_a_command(command, script):
    assert script_of(command.split()) == script


SCRIPT = """
import os, uvicorn
PORT = int(os.getenv("PORT", "8013"))
HOST = os.environ.get("HOST") or "0.0.0.0"
NONE = None
if __name__ == "__main__":
    {call}
"""


@pytest.mark.parametrize(
    ("call", "environment", "found"),
    [
        (
            "uvicorn.run('main:app', port=PORT, host=HOST)",
            {},
            {"app": "main:app", "host": "0.0.0.0", "port": 8013},
        ),
        (
            "uvicorn.run(api.app, port=PORT, host=HOST)",
            {"PORT": "9", "HOST": "h"},
            {"app": "serve:app", "host": "h", "port": 9},
        ),
        (
            "uvicorn.Config(app=app, workers='2', limit_concurrency=3, backlog=str(4), timeout_keep_alive=5)",
            {},
            {
                "app": "serve:app",
                "workers": 2,
                "limit_concurrency": 3,
                "backlog": 4,
                "timeout_keep_alive_s": 5,
            },
        ),
        ("uvicorn.run(port=NONE or 7, host=unknown(), workers=-1)", {}, {"port": 7}),
        (
            "uvicorn.run('a:b', port=int(x), workers=os.getenv(f()), backlog=os.getenv('N'))",
            {},
            {"app": "a:b"},
        ),
        ("other.run('a:b')", {}, None),
    ],
)
def test_the_server_that_a_script_starts(tmp_path, call, environment, found):
    (tmp_path / "serve.py").write_text(SCRIPT.replace("{call}", call))
    assert server_of_script(tmp_path, "serve.py", environment) == found
    assert server_of_script(tmp_path, "gone.py", environment) is None


@pytest.mark.parametrize(
    ("files", "app", "found"),
    [
        ({"main.py": "app = 1"}, "main:app", "main.py"),
        ({"main.py": "from server import app"}, "main:app", "main.py"),  # which lies nowhere
        ({"main.py": "from a.server import app", "a/server.py": ""}, "main:app", "a/server.py"),
        ({"a/main.py": "from .b import x as app", "a/b/__init__.py": ""}, "a.main:app", "a/b/__init__.py"),
        ({"a/b/main.py": "from ..c import app", "a/c.py": ""}, "a.b.main:app.x", "a/c.py"),
        ({"a/main.py": "from .c import app", "c.py": ""}, "a.main:app", "a/main.py"),
        ({"a/main.py": "from c import app", "c.py": ""}, "a.main:app", "c.py"),
        ({"a/main.py": "from c import other", "c.py": ""}, "a.main:app", "a/main.py"),
        ({"src/main.py": "app = 1"}, "main:app", "src/main.py"),
        ({"a/__init__.py": "app = 1"}, "a", "a/__init__.py"),
        ({"a/main.py": "app = 1"}, "a/main.py", "a/main.py"),
        ({"main.py": "x = ("}, "main:app", "main.py"),
        ({}, "main:app", None),
    ],
)
def test_the_file_that_binds_the_application(tmp_path, files, app, found):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def find(name):
        return name if (tmp_path / name).is_file() else None

    assert application_file(tmp_path, app, find) == found


def test_imports_are_followed_six_times(tmp_path):
    for number in range(8):
        (tmp_path / f"m{number}.py").write_text(f"from .m{number + 1} import app")
    assert application_file(tmp_path, "m0:app", lambda name: name) == "m6.py"


def test_files_that_fastapi_run_tries():
    tried = []
    assert default_fastapi_file(tried.append) is None
    assert tried == ["main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py"]
    assert default_fastapi_file(lambda name: name if name == "api.py" else None) == "api.py"
