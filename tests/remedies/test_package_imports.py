"""What a module imports and defines, and when: read from its source without running it."""

from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.remedies.package_imports import Definition, Import, SourceError, When, read_module

CALL, CONDITION = When.CALL, When.CONDITION


def read(source, minor=12):
    return read_module(source.encode(), minor)


def when_imported(condition, minor=12):
    """Return whether an import under a condition runs: always, never, or under an unknown condition."""
    [*found] = read(f"if {condition}:\n    import a\n", minor).imports
    if not found:
        return "never"
    return "always" if found[0].when is When.IMPORT else "unknown"


def test_each_import_statement_with_its_line_and_its_time():
    source = """\
from __future__ import annotations
import a.b, c as d
from .. import e
from .f import g as h, i

def first():
    import j
    if x:
        import k

class C:
    import l
    async def m(self):
        import n

for x in y:
    import o
else:
    import p
while z:
    import q
with open(r):
    import s
match t:
    case 1:
        import u
"""
    assert read(source).imports == [
        Import("a.b", (), 0, 2),
        Import("c", (), 0, 2),
        Import("", ("e",), 2, 3),
        Import("f", ("g", "i"), 1, 4),
        Import("j", (), 0, 7, CALL),
        Import("k", (), 0, 9, CALL),  # a call is uncertain already
        Import("l", (), 0, 12),
        Import("n", (), 0, 14, CALL),
        Import("o", (), 0, 17),
        Import("p", (), 0, 19),
        Import("q", (), 0, 21),
        Import("s", (), 0, 23),
        Import("u", (), 0, 26, CONDITION),
    ]


def test_imports_whose_failure_is_caught():
    source = """\
try:
    import a
except KeyError:
    import b
except ImportError:
    import c
except Exception:
    import d
else:
    import e
finally:
    import f
with suppress(ImportError), other():
    import g
with contextlib.suppress(KeyError):
    import h
try:
    try:
        import i
    except:
        import j
except (ValueError, ModuleNotFoundError):
    import k
try:
    import l
except ImportError:
    log()
    raise
"""
    assert read(source).imports == [
        Import("a", (), 0, 2, tries=(0,)),
        Import("b", (), 0, 4, CONDITION),
        Import("c", (), 0, 6, after_failure=(0,)),
        Import("d", (), 0, 8, CONDITION),  # the first handler that catches it runs
        Import("e", (), 0, 10, after_success=(0,)),
        Import("f", (), 0, 12),
        Import("g", (), 0, 14, tries=(1,)),
        Import("h", (), 0, 16),
        Import("i", (), 0, 19, tries=(2, 3)),
        Import("j", (), 0, 21, tries=(2,), after_failure=(3,)),
        Import("k", (), 0, 23, after_failure=(2,)),
        Import("l", (), 0, 25),  # raised again
    ]


@together(
    ("condition", "runs"),
    [
        ("True", "always"), ("0", "never"), ("''", "never"), ("TYPE_CHECKING", "never"),
        ("typing.TYPE_CHECKING", "never"), ("not TYPE_CHECKING", "always"),
        ("not x", "unknown"), ("x", "unknown"),
        ("x or True", "always"), ("x or False", "unknown"),
        ("x and False", "never"), ("x and True", "unknown"),
        ("True and 1", "always"), ("False or 0", "never"),
        ("__name__ == '__main__'", "never"), ("__name__ != '__main__'", "always"),
        ("sys.version_info >= (3, 12)", "always"), ("version_info > (3, 12)", "always"),
        ("sys.version_info < (3, 12)", "never"), ("sys.version_info <= (3, 13)", "always"),
        ("sys.version_info[0] == 3", "always"), ("sys.version_info[1] == 12", "always"),
        ("sys.version_info[7] == 3", "unknown"), ("sys.version_info[-1] == 0", "unknown"),
        ("sys.version_info[:2] == (3, 12)", "always"), ("sys.version_info[:1] == (3, 12)", "never"),
        ("sys.version_info.major == 3", "always"), ("sys.version_info.minor == 12", "always"),
        ("sys.version_info.minor == 3", "never"),
        ("other.minor == 12", "unknown"), ("other[0] == 3", "unknown"),
        ("sys.platform == 'linux'", "always"), ("sys.platform == 'win32'", "never"),
        ("os.name == 'nt'", "never"), ("platform.system() == 'Linux'", "always"),
        ("platform.machine() == 'x'", "unknown"), ("system() == 'Linux'", "unknown"),
        ("sys.platform.startswith('linux')", "always"), ("sys.platform.startswith('win')", "never"),
        ("name.startswith('win')", "unknown"), ("3 .startswith('win')", "unknown"),
        ("sys.platform in ('linux', 'darwin')", "always"), ("sys.platform in ['win32']", "never"),
        ("sys.platform not in {'win32'}", "always"), ("sys.platform in (x, 'linux')", "unknown"),
        ("1 < 2 < 3", "unknown"), ("1 is 1", "unknown"), ("sys.version_info < 'x'", "unknown"),
        ("a.b.c == 'x'", "unknown"),
    ],
)  # fmt: skip
def test_conditions_that_are_the_same_in_every_invocation(condition, runs):
    assert when_imported(condition) == runs


def test_both_branches_of_a_condition():
    source = "if TYPE_CHECKING:\n    import a\nelif x:\n    import b\nelse:\n    import c\n"
    assert [(each.module, each.when) for each in read(source).imports] == [("b", CONDITION), ("c", CONDITION)]
    assert when_imported("sys.version_info >= (3, 12)", 11) == "never"


def test_names_at_the_top_level():
    source = """\
import a.b, c as d
from e import f as g, h
@decorated
def i(x, /, y, z=1, *, w): ...
async def j(*args): ...
class k: ...
l: int = (m := 1)
n, (o, *p) = q
for r in s: t = 1
with open(u) as v: ...
match w:
    case {"x": x1, **x2} | [x3, *x4]: ...
if x:
    def y(one, two): ...
try:
    z = 1
except E as error:
    handled = 1
def outer():
    inner = 1
"""
    names = read(source).names
    assert names.pop("i") == Definition(4, True, False, False, 2, 3)
    assert names.pop("j") == Definition(5, True, True, True, 0, None)
    assert names.pop("y") == Definition(14, True, False, True, 2, 2)
    assert names.pop("outer") == Definition(19, True, False, True, 0, 0)
    assert names == {
        name: Definition(line)
        for line, found in {
            1: "a d", 2: "g h", 6: "k", 7: "l m", 8: "n o p", 9: "r t", 10: "v", 11: "x1 x3 x4", 16: "z",
            18: "handled",
        }.items()
        for name in found.split()
    }  # fmt: skip


def test_arguments_that_a_function_takes():
    two = Definition(1, required=1, accepted=2)
    assert [two.takes(number) for number in range(4)] == [False, True, True, False]
    assert Definition(1, required=3).takes(2) is False
    assert Definition(1, required=3).takes(9) is True


def test_names_that_a_module_may_hide():
    for source in (
        "globals()['x'] = 1", "def __getattr__(name): ...", "__path__ = []", "sys.modules[__name__] = x",
        "exec('x = 1')",
    ):  # fmt: skip
        assert read(source).hides_names, source
    for source in ("x = 1", "other.modules[__name__] = x", "'globals'"):
        assert not read(source).hides_names, source
    # A name that a function declares as global is one of the module; its own definition is kept.
    found = read("def f():\n    global a, b\n    a = globals\nb = 1\n")
    assert (found.names["a"], found.names["b"]) == (Definition(2), Definition(4))


def test_changes_of_the_path():
    source = """\
sys.path.insert(0, "vendor")
sys.path += ["a", "b", 3]
sys.path = sys.path + [FOLDER]
print(other.path, path.x)
if x:
    sys.path.append("c")
def f():
    sys.path.append("d")
"""
    assert read(source).path_changes == [(1, ("vendor",)), (2, ("a", "b")), (3, ()), (6, ("c",))]


def test_source_that_can_not_be_parsed():
    error = read("x = 1\ndef f(:\n")
    assert (error.line, error.is_certain) == (2, True)
    assert error.reason
    bare = read("try:\n    pass\nexcept A, B:\n    pass\n")
    assert isinstance(bare, SourceError)
    zero = read_module(b"x = '\x00'", 12)
    assert (zero.line, zero.is_certain, bool(zero.reason)) == (1, True, True)
    nested = read("x = " + "not " * 100_000 + "1\n")
    assert (nested.line, nested.is_certain) == (1, False)
    assert messages_in(nested.reason) == {"package-nested": {}}
    # Grammar that an older version does not have.
    assert isinstance(read("match x:\n    case 1: ...\n", 9), SourceError)
