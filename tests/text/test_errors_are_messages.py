"""No error and no line of the command line is plain English: both languages have a message for it."""

import ast
import re
from functools import cache
from pathlib import Path

import watchme_analysis

PACKAGE = Path(watchme_analysis.__file__).parent
# Errors that only a programmer meets stay in English. The reason stands beside the module.
FOR_PROGRAMMERS = {
    "access_logs/formats/known_formats.py": "a known format of the package is malformed",
    "storage/journal.py": "a journal opened for reading is written to",
    "inference/signals.py": "a signal is declared wrongly",
    "report/stored_notebooks.py": "tool of this repository, not of the package's users",
    "text/catalogue.py": "a message is missing or malformed, so that no message can say it",
    "text/message.py": "a value of a message has no type",
}
# Errors of click that carry a sentence of their own.
OF_CLICK = {"UsageError", "BadParameter", "ClickException", "fail"}
# Functions that print a text as it is.
PRINTING = {"echo", "show_status", "announce"}
CLASS = re.compile(r"^class (\w+)\(([^)]*)\)", re.MULTILINE)
# Functions and errors whose text becomes the reason of a rejected line or file.
REASONS = {"reject", "truncate", "Rejected", "ValueError"}
READERS = ("access_logs/", "app_source/", "aws_shapes/", "evidence/", "files/", "nginx_conf/")
# Two words one after the other are a phrase; a command to paste is none.
PHRASE = re.compile(r"[A-Za-z']{2,} [a-z']{2,}")


@cache
def sources():
    """Return the text of each module by its path within the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def errors():
    """Return the names of WatchmeError and all classes that derive from it."""
    bases = dict(pair for text in sources().values() for pair in CLASS.findall(text))
    found = {"WatchmeError"}
    while more := {name for name, of in bases.items() if found & {*re.findall(r"\w+", of)}} - found:
        found |= more
    return found


def name_of(call):
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


@cache
def calls():
    """Return module, line, function and text of each call that is given a literal text to say."""
    names = errors() | OF_CLICK | PRINTING
    # Parsing all modules takes seconds, and few have such a call.
    candidate = re.compile(rf"\b({'|'.join(names)})\(\s*[rf(]*[\"']")
    return [
        (module, node.lineno, name_of(node), text)
        for module, source in sources().items()
        if candidate.search(source)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and node.args and name_of(node) in names
        if (text := literal_of(node.args[0])) is not None
    ]


def literal_of(node):
    """Return the constant parts of a text that is written where it is used; None for other expressions."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp):
        parts = [literal_of(node.left), literal_of(node.right)]
        return None if parts == [None, None] else "".join(part or "{}" for part in parts)
    if isinstance(node, ast.IfExp):
        return literal_of(node.body) or literal_of(node.orelse)
    return None


def literals(names):
    """Return the calls of functions with these names."""
    return [(module, line, text) for module, line, name, text in calls() if name in names]


def test_every_error_for_people_is_a_message():
    assert {"InputError", "OwnedElsewhereError"} <= errors()
    plain = [
        (module, line, text)
        for module, line, text in literals(errors() | OF_CLICK)
        if module not in FOR_PROGRAMMERS
    ]
    assert plain == []


def test_every_exception_is_still_needed():
    assert {module for module, _, _ in literals(errors())} >= FOR_PROGRAMMERS.keys()


def test_commands_print_no_plain_english():
    plain = [
        (module, line, text)
        for module, line, text in literals(PRINTING)
        if PHRASE.search(text) and "watchme " not in text
    ]
    assert plain == []


def test_reasons_of_rejected_lines_and_files_are_messages():
    candidate = re.compile(rf"\b({'|'.join(REASONS)})\(")
    plain = [
        (module, node.lineno, text)
        for module, source in sources().items()
        if module.startswith(READERS) and module not in FOR_PROGRAMMERS and candidate.search(source)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and name_of(node) in REASONS
        for text in map(literal_of, node.args)
        if text is not None and PHRASE.search(text)
    ]
    assert plain == []
