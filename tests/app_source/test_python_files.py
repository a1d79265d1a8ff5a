"""Which files are read as an application's source, how often, and what becomes of those that can't be."""

import ast

import pytest

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.app_source.source_files import parse_source, source_files
from watchme_analysis.files.evidence_file import RawFile

APP = (
    "import time\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.get('/x')\ndef x():\n    time.sleep(1)\n"
)


def write(folder, **texts):
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def retrieval(folder, name):
    return read_app_source(RawFile(folder, name))[0][2]


NEWER = """
type Number = int
type Pair[T] = tuple[T, T]
class Store[
    K, V: (int, str)
](dict[K, V]):
    async def get[S: list[int]](self, key: K) -> S:
        rows[0] = 1
    type Inner = int
try: ...
except OSError, ValueError:
    type = 3
"""


def test_what_later_versions_of_python_write_is_read_where_it_stands():
    tree, rejected = parse_source(NEWER.encode(), "new.py")
    assert rejected is None
    lines = {
        node.name: node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.AsyncFunctionDef)
    }
    assert lines == {"Store": 4, "get": 7}
    assert "rows[0] = 1" in ast.unparse(tree)


BAD = {
    "python 2": b"print 'x'\n",
    "syntax": b"def broken(:\n",
    "nul": b"x = 1\0\n",
    "latin": b"x = '\xe9'\n",
    "template": b"from x.{{ version }} import y\n",
    "nested": b"x = " + b"-" * 20_000 + b"1\n",
    "chain": b"x = a" + b".b()" * 20_000 + b"\n",
    "coding": b"# -*- coding: nonsense -*-\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_is_said_and_costs_the_others_nothing(tmp_path, name):
    write(tmp_path, app=APP)
    (tmp_path / "bad.py").write_bytes(BAD[name])
    assert retrieval(tmp_path, "app.py").rows == 1
    bad = retrieval(tmp_path, "bad.py")
    assert ["can't read it" in piece.reason for piece in bad.rejected] == [True]
    assert bad.truncated


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        # As deep as the parser of every version takes it.
        "def f():\n    return query" + ".filter(1)" * 400 + "\n",
        "@decorate" + ".with_(1)" * 400 + "\ndef f(): ...\n",
        "if a: ...\n" + "elif a == 1: import json\n" * 90,
        "x = " + "1 + " * 400 + "1\n",
        "app.include_router(" + "a" + ".b()" * 400 + ", prefix=" + "'/p' + " * 400 + "'/q')\n",
        "x: " + "A[" * 90 + "int" + "]" * 90 + " = None\n",
    ],
)
def test_deep_expressions_do_not_stop_the_reading(tmp_path, text):
    write(tmp_path, app=APP, deep=text)
    assert retrieval(tmp_path, "app.py").rows == 1


def test_folders_of_other_peoples_code_are_no_source(tmp_path):
    write(tmp_path, app="", node_modules__x="", site__venv="", lib__site_packages="")
    (tmp_path / "lib/site-packages").mkdir()
    (tmp_path / "lib/site-packages/y.py").write_text("")
    assert set(source_files(tmp_path)) == {"app.py", "lib/site_packages.py", "site/venv.py"}
