"""A start command, a Dockerfile or a script names the file that runs, under whatever name it lies here."""

import textwrap

import pytest

from watchme_analysis.app_source.start_command import parse_app_processes, parse_dockerfile


def folder(path, files):
    for name, text in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text))


def image(path, text, name="Dockerfile"):
    frame, retrieval = parse_dockerfile(textwrap.dedent(text), name, path)
    assert not retrieval.rejected
    shown = frame[["app", "port", "application_file"]].astype("object")
    return list(shown.where(shown.notna(), None).itertuples(index=False, name=None))


APP = "from fastapi import FastAPI\napp = FastAPI()\n"


@pytest.mark.parametrize(
    ("copies", "app", "found"),
    [
        ("COPY main_db.py main.py", "main:app", "svc/main_db.py"),
        ("COPY main_db.py ./main.py\nCOPY main.py old.py", "main:app", "svc/main_db.py"),
        # A later copy replaces the file of an earlier one.
        ("COPY . .\nCOPY main_db.py main.py", "main:app", "svc/main_db.py"),
        ("COPY main_db.py main.py\nCOPY . .", "main:app", "svc/main.py"),
        ("COPY --chown=app:app main.py main_db.py /app/", "main:app", "svc/main.py"),
        ('COPY ["main.py", "/app/"]', "main:app", "svc/main.py"),
        ("COPY *.py ./", "main:app", "svc/main.py"),
        ("COPY pkg /app/pkg", "pkg.server:app", "svc/pkg/server.py"),
        ("COPY ./pkg/ .", "server:app", "svc/pkg/server.py"),
        ("COPY pkg lib/pkg\nENV PYTHONPATH=/app/lib", "pkg.server:app", "svc/pkg/server.py"),
        ("COPY main.py /elsewhere/", "main:app", None),
        ("ADD main.py main.py", "main:app", "svc/main.py"),
    ],
)
def test_copy_names_the_file_that_the_server_imports(tmp_path, copies, app, found):
    folder(tmp_path, dict.fromkeys(["svc/main.py", "svc/main_db.py", "svc/pkg/server.py"], APP))
    text = f'FROM python:3.12\nWORKDIR /app\n{copies}\nCMD ["uvicorn", "{app}", "--port", "8017"]\n'
    assert image(tmp_path, text, "svc/Dockerfile.prod") == [(app, 8017, found)]


def test_only_the_last_stage_is_the_image(tmp_path):
    folder(tmp_path, {"a.py": APP, "b.py": APP})
    text = """
    FROM python AS base
    WORKDIR /code
    COPY a.py main.py
    CMD ["uvicorn", "main:app"]
    FROM base AS other
    COPY b.py main.py
    CMD ["uvicorn", "main:app", "--port", "1"]
    FROM python
    WORKDIR /srv
    COPY --from=base /code/main.py /srv/server.py
    COPY --from=ghcr.io/someone/tool /tool /bin/tool
    """
    assert image(tmp_path, text + '    CMD ["uvicorn", "server:app"]') == [("server:app", None, "a.py")]
    assert image(tmp_path, text) == []
    assert image(tmp_path, text + "    FROM other") == [("main:app", 1, "b.py")]
    # An entry point ends the command of the base image.
    assert image(tmp_path, text + '    FROM other\n    ENTRYPOINT ["sh"]') == []


def test_entry_point_and_command_are_one_command(tmp_path):
    folder(tmp_path, {"main.py": APP})
    copied = "FROM python\nCOPY main.py .\nENV PORT=8013\n"
    whole = 'ENTRYPOINT ["uvicorn", "main:app"]\nCMD ["--port", "8018"]\n'
    assert image(tmp_path, copied + whole) == [("main:app", 8018, "main.py")]
    assert image(tmp_path, copied + "CMD uvicorn main:app --port $PORT\n") == [("main:app", 8013, "main.py")]
    assert image(tmp_path, copied + "ENTRYPOINT tini -- nginx\nCMD uvicorn main:app\n") == []


@pytest.mark.parametrize(
    ("run", "app", "port"),
    [
        ("port = 8013\nuvicorn.run(app, host='0.0.0.0', port=port)", "main:app", 8013),
        ("uvicorn.run('main:app', port=int(os.getenv('PORT', '9')))", "main:app", 8017),
        ("uvicorn.run(app, port=int(os.environ.get('OTHER', 9)))", "main:app", 9),
        ("uvicorn.run(app, port=settings.port)", "main:app", None),
        ("uvicorn.Server(uvicorn.Config(app, port=7)).run()", "main:app", 7),
    ],
)
def test_a_script_that_runs_uvicorn_names_application_and_port(tmp_path, run, app, port):
    folder(tmp_path, {"main.py": f"import os, uvicorn\n{APP}{run}\n"})
    text = 'FROM python\nENV PORT=8017\nCOPY . .\nCMD ["python", "-u", "main.py"]\n'
    assert image(tmp_path, text) == [(app, port, "main.py")]


def test_a_script_that_starts_no_server_is_no_process(tmp_path):
    folder(tmp_path, {"main.py": "print('uvicorn.run(app)')\n"})
    assert image(tmp_path, "FROM python\nCOPY . .\nCMD python main.py\n") == []


def test_an_imported_application_is_that_of_the_module_that_creates_it(tmp_path):
    files = {
        "main.py": "from pkg import application as app\nimport uvicorn\nuvicorn.run(app)\n",
        "pkg/__init__.py": "from .server import app as application\n",
        "pkg/server.py": APP,
        "factory.py": "from pkg.server import app\ndef create():\n    return app\n",
    }
    folder(tmp_path, files)
    rest = "FROM python\nCOPY . .\nCMD "
    assert image(tmp_path, rest + "python main.py\n")[0][2] == "pkg/server.py"
    assert image(tmp_path, rest + "uvicorn pkg:application\n")[0][2] == "pkg/server.py"
    assert image(tmp_path, rest + "uvicorn --factory factory:create\n")[0][2] == "factory.py"


def test_beside_start_commands_a_file_may_carry_the_name_of_its_service(tmp_path):
    folder(tmp_path, {"app.py": APP, "app-emotion.py": APP})
    text = "# behavior, 192.0.2.11\nuvicorn app:app\n# emotion, 192.0.2.12\nuvicorn app:app\npython app.py\n"
    frame, retrieval = parse_app_processes(text, "uvicorn_command.txt", tmp_path)
    assert list(frame["application_file"]) == ["app.py", "app-emotion.py"]
    assert [one.line for one in retrieval.rejected] == [5]


def test_fastapi_run_without_a_file_starts_the_first_of_its_default_files(tmp_path):
    folder(tmp_path, {"app/main.py": APP})
    (row,) = image(tmp_path, 'FROM python\nCOPY . .\nCMD ["fastapi", "run", "--workers", "4"]\n')
    assert row[2] == "app/main.py"
