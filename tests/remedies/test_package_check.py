"""Packages built in a folder or zip, each with one defect; sentences are compared by id and values."""

import io
import itertools
import struct
import zipfile

import pytest
from worlds.messages import messages_in

from watchme_analysis.errors import InputError
from watchme_analysis.remedies.package_check import Function, check_package
from watchme_analysis.text.message import CodePlace

HANDLER = "def lambda_handler(event, context):\n    return 1\n"
RUNTIMES = ("python3.11", "python3.12", "python3.13")


def elf(machine):
    """Return the head of a 64-bit ELF file: 62 is x86_64, 183 is arm64."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(44)


def folder(path, files):
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        (path / name).chmod(0o644)  # whatever the umask
    return path


@pytest.fixture
def check(tmp_path):
    """Return a function that checks files; the handler's module is completed by a handler."""

    numbers = itertools.count()

    def checked(files, layers=(), **function):
        own = tmp_path / f"{next(numbers)}"
        own.mkdir()
        package = folder(own / "package", files)
        package.mkdir(exist_ok=True)
        above = [folder(own / f"layer{number}", each) for number, each in enumerate(layers)]
        return check_package(package, above, Function(**function))

    return checked


def ids(texts):
    return [each.id for each in texts]


def found(check):
    """Return the id of each problem with its module, or the first other value."""
    return {each.id: messages_in(each)[each.id] for each in check.problems}


def places(check):
    """Return file and line of each problem that has a place."""
    shown = [each.values["place"] for each in check.problems if "place" in each.values]
    return [(each.file, each.line) for each in shown if isinstance(each, CodePlace)]


def test_a_module_that_was_left_out_of_the_package_is_named_with_its_line(check):
    """Each invocation of such a function fails at import, and every message ends in the DLQ."""
    source = "import json\nimport os\n\nimport boto3\nimport requests\n\n\n" + HANDLER
    result = check({"lambda_function.py": source})
    (problem,) = result.problems
    assert problem.id == "deploy-missing-import"
    assert problem.values["module"].text == "requests"
    assert problem.values["runtime"].name == "python3.12"
    assert problem.values["when"].key == "import" and problem.values["layers"].key == "none"
    assert places(result) == [("lambda_function.py", 5)]
    assert result.verdict.id == "deploy-problems" and result.verdict.values["count"].number == 1


@pytest.mark.parametrize("site", ["python", "python/lib/python3.12/site-packages"])
def test_layers_bring_modules(check, site):
    files = {"lambda_function.py": "import requests.models\n" + HANDLER}
    layer = {f"{site}/requests/__init__.py": "", f"{site}/requests/models.py": "import idna"}
    assert found(check(files, [layer]))["deploy-missing-import"]["module"] == "idna"
    assert check(files, [layer, {"python/idna.py": ""}]).problems == ()


def test_imports_are_followed_through_the_modules_of_the_package(check):
    files = {
        "app/main.py": "from .work import parse\nfrom . import settings\ndef handler(event, context): ...\n",
        "app/work.py": "import app.tools.codec\ndef parse(): ...\n",
        "app/tools/codec.py": "import json\nimport msgpack\nimport app.main\n",
        "app/settings.py": "",
    }
    result = check(files, handler="app/main.handler")
    assert found(result)["deploy-missing-import"]["module"] == "msgpack"
    assert places(result) == [("app/tools/codec.py", 2)]
    files["app/tools/codec.py"] = ""
    assert check(files, handler="app.main.handler").problems == ()


def test_an_import_in_a_function_fails_when_it_is_called(check):
    result = check({"lambda_function.py": "def lambda_handler(event, context):\n    import yaml\n"})
    assert found(result)["deploy-missing-import"]["when"] == "call"
    # What is missing at import comes first.
    both = "def late():\n    import yaml\n\nimport requests\n" + HANDLER
    kinds = [each.values["when"].key for each in check({"lambda_function.py": both}).problems]
    assert sorted(kinds) == ["call", "import"]


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import yaml\nexcept ImportError:\n    yaml = None\n",
        "try:\n    import yaml\nexcept (KeyError, ModuleNotFoundError):\n    import json as yaml\n",
        "from contextlib import suppress\nwith suppress(ImportError):\n    import yaml\n",
    ],
)
def test_an_import_whose_failure_is_caught_is_a_note(check, source):
    result = check({"lambda_function.py": source + HANDLER})
    assert (ids(result.problems), ids(result.notes)) == ([], ["deploy-optional-import"])


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("try:\n    import yaml\nexcept ImportError:\n    raise\n", ["yaml"]),
        ("try:\n    import yaml\nexcept KeyError:\n    pass\n", ["yaml"]),
        ("try:\n    import yaml\nexcept ImportError:\n    import ruamel\n", ["ruamel"]),
        ("try:\n    import json\nexcept ImportError:\n    import simplejson as json\n", []),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\nelse:\n    import yaml\n",
            ["yaml"],
        ),
        ("import sys\nif sys.version_info >= (3, 12):\n    import a\nelse:\n    import b\n", ["a"]),
        (
            "import sys\nif sys.version_info[:2] < (3, 12):\n    import a\nelif not False:\n    import b\n",
            ["b"],
        ),
        ("import sys\nif sys.platform == 'win32':\n    import a\n", []),
        ("import os\nif os.name == 'posix' and True:\n    import a\n", ["a"]),
        ("if __name__ == '__main__':\n    import a\n", []),
        ("class Settings:\n    import a\n", ["a"]),
    ],
)
def test_only_the_imports_that_run_in_lambda_count(check, source, modules):
    result = check({"lambda_function.py": source + HANDLER})
    assert [each.values["module"].text for each in result.problems] == modules


def test_an_import_under_an_unknown_condition_is_a_note(check):
    result = check(
        {"lambda_function.py": "import os\nif os.environ.get('DEBUG'):\n    import debugpy\n" + HANDLER}
    )
    assert (ids(result.problems), ids(result.notes)) == ([], ["deploy-missing-import"])
    assert result.notes[0].values["when"].key == "condition"


def test_functions_of_installed_libraries_may_import_what_is_missing(check):
    files = {
        "lambda_function.py": "import library\n" + HANDLER,
        "library/__init__.py": "def plot():\n    import matplotlib\n",
    }
    assert ids(check(files).problems) == ["deploy-missing-import"]
    record = "library/__init__.py,sha256=x,1\nlibrary-1.0.dist-info/RECORD,,\n"
    assert check(files | {"library-1.0.dist-info/RECORD": record}).problems == ()


def test_modules_of_other_python_versions_are_missing(check):
    files = {"lambda_function.py": "import distutils.version\nimport cgi\n" + HANDLER}
    modules = {
        runtime: [each.values["module"].text for each in check(files, runtime=runtime).problems]
        for runtime in RUNTIMES
    }
    assert modules == {"python3.11": [], "python3.12": ["distutils"], "python3.13": ["distutils", "cgi"]}
    assert set(ids(check(files, runtime="python3.13").problems)) == {"deploy-removed-import"}


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"other.py": HANDLER}, "deploy-no-handler-module"),
        ({"function/lambda_function.py": HANDLER}, "deploy-handler-in-folder"),
        ({"lambda_function.py": "def handle(event, context): ...\n"}, "deploy-no-handler-function"),
        (
            {"lambda_function.py": "class A:\n    def lambda_handler(event, context): ...\n"},
            "deploy-no-handler-function",
        ),
        ({"lambda_function.py": "async def lambda_handler(event, context): ...\n"}, "deploy-async-handler"),
        ({"lambda_function.py": "def lambda_handler(event): ...\n"}, "deploy-handler-arguments"),
        ({"lambda_function.py": "def lambda_handler(a, b, c): ...\n"}, "deploy-handler-arguments"),
        ({"lambda_function.py": "from . import tools\n" + HANDLER, "tools.py": ""}, "deploy-relative-import"),
        ({"lambda_function.py": "import Tools\n" + HANDLER, "tools.py": ""}, "deploy-import-case"),
        (
            {"lambda_function.py": "from tools import x\n" + HANDLER, "tools.py": "y = 1"},
            "deploy-missing-name",
        ),
        ({"lambda_function.py": "def f(:\n" + HANDLER}, "deploy-syntax"),
        ({"lambda_function.py": "import tools\n" + HANDLER, "tools.py": "print 1\n"}, "deploy-syntax"),
        ({"lambda_function.py": "try:\n    pass\nexcept A, e:\n    pass\n" + HANDLER}, "deploy-syntax"),
    ],
)
def test_a_handler_that_lambda_cannot_call_is_a_problem(check, files, problem):
    assert ids(check(files).problems) == [problem]


@pytest.mark.parametrize(
    "source",
    [
        "def lambda_handler(*args): ...\n",
        "def lambda_handler(event, context, debug=False): ...\n",
        "class App:\n    pass\nlambda_handler = App()\n",
        "from tools import lambda_handler\n",
        "from tools import *\n",
        "import functools\n@functools.cache\ndef lambda_handler(event): ...\n",
        "if True:\n    def lambda_handler(event, context): ...\n",
    ],
)
def test_a_handler_may_be_defined_in_other_ways(check, source):
    assert check({"lambda_function.py": source, "tools.py": HANDLER}).problems == ()


def test_newer_grammar_is_read_by_an_older_python(check):
    source = "type Key = str\ndef first[T](items: list[T]) -> T: ...\nx = f'{\"a\" + f'{1}'}'\nimport yaml\n"
    assert places(check({"lambda_function.py": source + HANDLER}))[-1] == ("lambda_function.py", 4)


def test_a_folder_that_the_code_adds_to_the_path_is_searched(check):
    source = "import sys\nsys.path.insert(0, 'vendor')\nimport yaml\n" + HANDLER
    assert check({"lambda_function.py": source, "vendor/yaml.py": ""}).problems == ()
    unknown = check({"lambda_function.py": source.replace("'vendor'", "FOLDER")})
    assert (ids(unknown.problems), ids(unknown.notes)) == (["deploy-missing-import"], ["deploy-path-change"])


NATIVE = "fast.cpython-{version}-{machine}-linux-gnu.so"


@pytest.mark.parametrize(
    ("name", "data", "built"),
    [
        (NATIVE.format(version=312, machine="x86_64"), elf(62), None),
        (NATIVE.format(version=311, machine="x86_64"), elf(62), "Python 3.11"),
        (NATIVE.format(version=312, machine="aarch64"), elf(183), "arm64"),
        ("fast.cpython-312-x86_64-linux-musl.so", elf(62), "x86_64-linux-musl"),
        ("fast.cpython-312-darwin.so", b"\xcf\xfa\xed\xfe" + bytes(60), "macOS"),
        ("fast.cp312-win_amd64.pyd", b"MZ" + bytes(60), "Windows"),
        ("fast.abi3.so", elf(62), None),
        ("fast.abi3.so", elf(183), "arm64"),
        ("fast.so", elf(40), "arm"),
    ],
)
def test_native_modules_are_compared_with_architecture_and_version(check, name, data, built):
    files = {"lambda_function.py": "from library import fast\n" + HANDLER, "library/__init__.py": ""}
    result = check(files | {f"library/{name}": data})
    assert [each.values["built"].name for each in result.problems] == ([built] if built else [])
    assert set(ids(result.problems)) <= {"deploy-native"}


def zipped(path, entries):
    """Write a zip from (name or ZipInfo, content) pairs."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries:
            info = name
            if isinstance(name, str):
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o644 << 16
                info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
    return path


def with_mode(name, mode, system=3):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = system, mode << 16 | 0x20
    return info


def test_a_zip_is_read_like_a_folder(tmp_path):
    path = zipped(tmp_path / "f.zip", [("lambda_function.py", "import yaml\n" + HANDLER), ("yaml/a.py", "")])
    assert check_package(path).problems == ()


@pytest.mark.parametrize(("mode", "system", "count"), [(0, 3, 1), (0o600, 3, 1), (0o644, 3, 0), (0, 0, 0)])
def test_files_that_only_their_owner_can_read_are_named(tmp_path, mode, system, count):
    path = zipped(tmp_path / "f.zip", [(with_mode("lambda_function.py", mode, system), HANDLER)])
    assert ids(check_package(path).problems) == ["deploy-permissions"] * count


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_lead_out_of_the_package_are_listed_and_nothing_is_written(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    names = ["../escape.py", "/tmp/escape.py", "C:/escape.py", "a\\escape.py", "twice.py", "twice.py"]
    entries = [("lambda_function.py", HANDLER), *((name, "") for name in names)]
    result = check_package(zipped(inner / "f.zip", entries))
    kinds = {each.values["kind"].key: each.values["count"].number for each in result.problems}
    assert kinds == {"outside": 3, "backslashes": 1, "duplicates": 1}
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "f.zip"]


@pytest.mark.slow
def test_a_bomb_is_counted_by_what_it_states_and_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "f.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("lambda_function.py", "import bomb\n" + HANDLER)
        with archive.open("bomb.py", "w") as stream:
            for _ in range(264):
                stream.write(bytes(1 << 20))
    result = check_package(tmp_path / "f.zip")
    assert "deploy-unzipped-size" in ids(result.problems)
    assert "deploy-unparsed" in ids(result.notes)


def test_reading_ends_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_UNPACKED_MIB", "1")
    entries = [
        ("lambda_function.py", "import a, b\n" + HANDLER),
        ("a.py", "#" * 700_000),
        ("b.py", "#" * 700_000),
    ]
    with pytest.raises(InputError, match="unpacked_mib"):
        check_package(zipped(tmp_path / "f.zip", entries))


@pytest.mark.parametrize("damage", [b"", b"no zip", b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_zip_is_bad_input(tmp_path, damage):
    (tmp_path / "f.zip").write_bytes(damage)
    with pytest.raises(InputError, match="zip"):
        check_package(tmp_path / "f.zip")


def test_a_damaged_or_encrypted_module_is_a_problem(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(with_mode("lambda_function.py", 0o644), HANDLER)
    data = stream.getvalue()
    (tmp_path / "f.zip").write_bytes(data.replace(b"return 1", b"return 2", 1))
    assert ids(check_package(tmp_path / "f.zip").problems) == ["deploy-unreadable"]
    # The end of the zip states a later beginning of the directory, so that files begin before the zip.
    at = data.index(b"PK\x05\x06") + 16
    (offset,) = struct.unpack_from("<I", data, at)
    (tmp_path / "f.zip").write_bytes(data[:at] + struct.pack("<I", offset + 1000) + data[at + 4 :])
    assert ids(check_package(tmp_path / "f.zip").problems) == ["deploy-unreadable"]
    at = data.index(b"PK\x01\x02") + 8
    (tmp_path / "f.zip").write_bytes(data[:at] + b"\x01" + data[at + 1 :])
    assert ids(check_package(tmp_path / "f.zip").problems) == ["deploy-unreadable"]


def test_a_directory_of_a_zip_that_is_too_large_is_not_read(tmp_path):
    size = 17 << 20
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, size, 0, 0)
    (tmp_path / "f.zip").write_bytes(bytes(size) + end)
    with pytest.raises(InputError, match="directory is larger"):
        check_package(tmp_path / "f.zip")


def test_deeply_nested_source_does_not_end_the_check(check):
    deep = "x = " + "(" * 5000 + ")" * 5000 + "\n"
    chain = "if a:\n    pass\n" + "elif a:\n    pass\n" * 2000
    for source in (deep, chain, "x = " + "not " * 5000 + "1\n", "if " + "not " * 900 + "x:\n    pass\n"):
        check({"lambda_function.py": source + HANDLER})


@pytest.mark.slow
def test_modules_that_import_each_other_and_long_chains_are_followed(check):
    files = {f"m{number}.py": f"import m{number + 1}\n" for number in range(400)}
    files |= {"lambda_function.py": "import m0\n" + HANDLER, "m400.py": "import m0\nimport yaml\n"}
    result = check(files)
    assert places(result) == [("m400.py", 2)] and result.modules == 402


def test_modules_are_found_as_python_finds_them(check):
    def missing(source, **files):
        named = {name.replace("__", "/") + ".py": text for name, text in files.items()}
        result = check({"lambda_function.py": source + HANDLER, **named})
        return [each.values["module"].text for each in result.problems]

    # A package is found before a module of the same name, and a folder without __init__ after it.
    assert missing("import a.b\n", a="", a__b="") == ["a.b"]
    assert missing("import n.m\n", n__m="") == []
    assert missing("from n import m, absent\n", n__m="") == ["n.absent"]
    assert missing("import p.q.r\n", p__q="") == ["p.q.r"]
    assert missing("from p.q import *\n", p__q="x = 1") == []
    # A module that makes its submodules itself, and one of the standard library.
    assert missing("import s.t\n", s="import sys\nsys.modules['s.t'] = 1") == []
    assert missing("import os.absent, json.decoder\n") == []
