"""Names, types and bindings of Python source, as the other modules of this package use them."""

import ast
import sys
from pathlib import PurePosixPath

import pytest
from worlds.together import together

from watchme_analysis.app_source.names import Project
from watchme_analysis.app_source.source_files import (
    is_source,
    nearest,
    older_fstrings,
    parse_source,
    read_files,
    source_files,
)
from watchme_analysis.app_source.syntax import (
    base_name,
    bind,
    bindings_of,
    is_abstract,
    is_setter,
    keywords_of,
    last_name,
    own_nodes,
    parameters_of,
    plain_type,
    source_text,
    yielded_type,
)


def expression(text):
    return ast.parse(text, mode="eval").body


def written(node):
    return None if node is None else ast.unparse(node)


@together(
    ("annotation", "kind"),
    [
        ("Client", "Client"),
        ("a.Client", "a.Client"),
        ("Annotated[Client, 5]", "Client"),
        ("typing.Optional[Client]", "Client"),
        ("Optional['Client']", "Client"),
        ("Client | None", "Client"),
        ("a.Session[int]", "a.Session"),
        ("list[Client]", None),
        ("collections.abc.Sequence[Client]", None),
        ("'Client | None'", "Client"),
        ("'no (type'", None),
        ("Optional[()]", None),
        ("Annotated[Optional[Client], 5]", "Client"),
        ("5", "5"),
    ],
)
def test_the_type_of_an_annotation(annotation, kind):
    assert written(plain_type(expression(annotation))) == kind


def test_no_annotation_has_no_type():
    assert plain_type(None) is None


@together(
    ("annotation", "kind"),
    [
        ("Generator[Client, None, None]", "Client"),
        ("typing.AsyncIterator[Client]", "Client"),
        ("Iterable[()]", "()"),
        ("list[Client]", "list[Client]"),
        ("Client", "Client"),
    ],
)
def test_the_type_that_a_generator_yields(annotation, kind):
    assert written(yielded_type(expression(annotation))) == kind


@together(
    ("text", "bound"),
    [
        ("a = f()", {"a": "f()"}),
        ("a = b = f()", {"a": "f()", "b": "f()"}),
        ("a.b = f()", {}),
        ("a, (b, c) = f(), (g(), 5)", {"a": "f()", "b": "g()", "c": "5"}),
        ("a, b = f()", {"a": "f()[0]", "b": "f()[1]"}),
        ("[a, b] = f(), g(), h()", {"a": "(f(), g(), h())[0]", "b": "(f(), g(), h())[1]"}),
        ("a: Client", {"a": "Client()"}),
        ("a: Client | None = None", {"a": "Client()"}),
        ("a: Client = f()", {"a": "f()"}),
        ("a: list[Client]", {}),
        ("a: list[Client] = None", {"a": "None"}),
        ("(a := f())", {"a": "f()"}),
        ("with f() as a, g(): pass", {"a": "f()"}),
        # The first binding other than a constant counts.
        ("a = None\na = f()\na = g()", {"a": "f()"}),
        ("a = f()\na = None", {"a": "f()"}),
    ],
)
def test_names_and_what_is_bound_to_them(text, bound):
    found = bindings_of(own_nodes(ast.parse(text).body))
    assert {name: written(value) for name, value in found.items()} == bound


def test_a_constant_is_replaced_and_another_value_is_not():
    bound = {"a": ast.Constant(value=1)}
    for value in (expression("f()"), expression("g()")):
        bind(bound, "a", value)
        bind(bound, "b", value)
    assert {name: written(value) for name, value in bound.items()} == {"a": "f()", "b": "f()"}


def test_names_of_expressions():
    texts = ("a", "a.b.c", "f(x).y()", "x[0]")
    assert [last_name(expression(text)) for text in texts] == ["a", "c", "y()", "x[0]"]
    assert [base_name(expression(text)) for text in ("a.Base[int]", "Base")] == ["Base", "Base"]
    deep = expression("a")
    for _ in range(5000):
        deep = ast.UnaryOp(op=ast.Not(), operand=deep)
    assert source_text(deep) == ""
    call = expression("f(1, a=2, **more)")
    assert {name: written(value) for name, value in keywords_of(call).items()} == {"a": "2", None: "more"}


def project(**files):
    return Project({f"{name}.py": ast.parse(text) for name, text in files.items()})


def test_parameters_with_their_defaults():
    function = project(m="def f(a, /, b, c=1, *args, d, e=2, **more): ...").functions["m.f"]
    found = [(argument.arg, written(default)) for argument, default in parameters_of(function)]
    assert found == [("a", None), ("b", None), ("c", "1"), ("d", None), ("e", "2")]
    assert (function.is_async, function.is_generator, function.decorators) == (False, False, [])


def test_nodes_of_a_function_are_its_own():
    text = """
async def f():
    def inner():
        g()
    class Inner:
        h()
    return [lambda: i(), j(k())]
    yield 1
"""
    function = project(m=text).functions["m.f"]
    kinds = [type(node).__name__ for node in function.nodes]
    assert kinds == ["Return", "Call", "Call", "Yield"]
    assert (function.is_async, function.is_generator) == (True, True)


def test_methods_and_the_attributes_that_they_set():
    text = """
class A:
    size = 5
    def __init__(self, x):
        self.a = None
        self.b: Client = make()
        self.c: Client
        other.d = 1
        self.e.f = 2
    @classmethod
    def set(cls):
        cls.a = make()
        self.g, self.h = 1, 2
    @property
    def p(self): ...
    @p.setter
    def p(self, value): self.i = value
    @abc.abstractmethod
    def q(self): ...
"""
    found = project(m=text)
    (owner,) = found.classes.values()
    own = {
        name: [(written(value), method.name) for value, method in values]
        for name, values in owner.own.items()
    }
    assert own == {
        "a": [("None", "A.__init__"), ("make()", "A.set")],
        "b": [("make()", "A.__init__")],
        "i": [("value", "A.p")],
    }
    assert {name: written(values[0][0]) for name, values in owner.declared.items()} == {"c": "Client()"}
    assert sorted(owner.methods) == ["__init__", "p", "q", "set"]
    assert not is_setter(owner.methods["p"])
    assert [is_abstract(owner.methods[name]) for name in ("p", "q")] == [False, True]


def test_a_name_that_is_declared_global_is_bound_in_the_module():
    found = project(m="client = None\ndef f():\n    global client, other\n    client = make()\n")
    assert written(found.modules["m"].bindings["client"]) == "make()"
    assert "other" not in found.modules["m"].bindings


@together(
    ("path", "known"),
    [
        ("app.py", True),
        ("a/b/app.py", True),
        ("tests/app.py", False),
        ("a/.venv/app.py", False),
        (".a/app.py", False),
        ("a/.app.py", False),
        ("test_app.py", False),
        ("conftest.py", False),
        ("a/test.py", True),
        ("migrations/x.py", False),
    ],
)
def test_files_of_an_application_by_name(path, known):

    assert is_source(PurePosixPath(path)) is known


def test_source_files_of_a_folder(tmp_path):
    names = ("b.py", "a/c.py.gz", "a/test_d.py", "tests/e.py", ".git/f.py", "g.txt")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * len(name))
    (tmp_path / "dir.py").mkdir()
    (tmp_path / "out.py").symlink_to("/etc/hostname")
    found = source_files(tmp_path)
    assert list(found) == ["a/c.py.gz", "b.py"]
    status = (tmp_path / "b.py").stat()
    assert found["b.py"] == (4, status.st_mtime_ns)
    texts, problems = read_files(tmp_path, ["b.py", "gone.py"])
    assert texts == {"b.py": b"xxxx"}
    assert list(problems) == ["gone.py"]
    assert (problems["gone.py"].file, problems["gone.py"].line) == ("gone.py", 0)


@pytest.mark.parametrize(
    ("max_bytes", "names"),
    [
        (1000, {"web.py", "a/helper.py", "a/deep/__init__.py", "other.py", "last.py"}),
        (63, {"web.py", "a/helper.py", "a/deep/__init__.py"}),
        (62, {"web.py", "a/helper.py"}),
        (0, set()),
    ],
)
def test_files_near_the_web_application_are_read_first(max_bytes, names):
    texts = {
        "last.py": b"pass" * 20,
        "other.py": b"pass" * 20,
        "a/deep/__init__.py": b"x" * 10,
        "a/helper.py": b"from .. import (deep, x)",
        "web.py": b"import fastapi, a.helper as h",
    }
    assert [len(text) for text in texts.values()] == [80, 80, 10, 24, 29]
    assert nearest(texts, max_bytes) == names


@together(
    ("source", "calls"),
    [
        ("f()\n", ["f"]),
        ("type X[T] = list[T]\ng()\n", ["g"]),
        ("def f[T: (int, str)](x): h(x)\n", ["h"]),
        ("class A[\n  T,\n](Base):\n    x = h()\n", ["h"]),
        ("try:\n    f()\nexcept A, b.B:\n    g()\n", ["f", "g"]),
        ('x = f"{a["b"]}"\ng()\n', ["g"]),
    ],
)
def test_source_of_newer_versions_of_python(source, calls):
    tree, rejected = parse_source(source.encode(), "a.py")
    assert rejected is None
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [ast.unparse(node.func) for node in found] == calls
    # Every call stays on its line.
    lines = source.splitlines()
    assert all(f"{ast.unparse(node.func)}(" in lines[node.lineno - 1] for node in found)


def test_source_that_can_not_be_parsed():
    tree, rejected = parse_source(b"a = 1\nb = = 2\n", "a.py")
    assert (tree, rejected.file, rejected.line, rejected.text) == (None, "a.py", 2, "b = = 2")
    long = parse_source(b"b = = " + b"2" * 3000, "a.py")[1]
    assert len(long.text) == 2000
    tree, rejected = parse_source(b"a = 1\0", "a.py")
    assert (tree, rejected.line, rejected.text) == (None, 0, "")
    tree, rejected = parse_source(b"-" * 100_000 + b"1", "a.py")
    assert (tree, rejected.line, rejected.text) == (None, 0, "")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.12 reads them itself")
@together(
    ("source", "older"),
    [
        ("x = f'{a}'", "x = f'{a}'"),  # every version reads it
        ("x = f'{a['b']}' + 'c'", "x = \"\" + 'c'"),
        ("x = rf'''{a['b']}\n{c['''d''']}'''\ny", 'x = """\n"""\ny'),
        ("# f'{a['b']}'\nx = 1", "# f'{a['b']}'\nx = 1"),
        ("x = 'a\\'f' + f'{b['c']}'", "x = 'a\\'f' + \"\""),
        ("x = f'{{' + f'{a['}']}'", "x = f'{{' + \"\""),
        ("x = f'{a", 'x = ""'),  # a string that is not closed
        ("x = b'{' + f'{a!r:{b['c']}}'", "x = b'{' + \"\""),
    ],
)
def test_formatted_strings_that_older_versions_do_not_read(source, older):
    assert older_fstrings(source.encode()).decode() == older
