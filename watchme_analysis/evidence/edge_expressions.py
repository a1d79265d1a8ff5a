"""Expressions of an edge's rules, in Cloudflare's language, evaluated for a request.

Follows https://developers.cloudflare.com/ruleset-engine/rules-language/. Fields that a log does not have (a
bot score, a named list, a cookie) are unknown. The result is True or False where the known fields decide,
else None with the names of the fields that would decide.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from watchme_analysis import safe_regex
from watchme_analysis.text.message import Message, message
from watchme_analysis.text.render import error_message

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<raw>r(?P<marks>\#*)"(?P<rawtext>.*?)"(?P=marks))
    | "(?P<text>(?:[^"\\]|\\.)*)"
    | (?P<range>[0-9a-fA-F.:]*[0-9a-fA-F:]\.\.[0-9a-fA-F.:]+)
    | (?P<address>[0-9a-fA-F]*:[0-9a-fA-F:.]+(?:/\d+)? | \d+\.\d+\.\d+\.\d+(?:/\d+)?)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<list>\$[\w.]+)
    | (?P<name>[A-Za-z_][\w.]*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||\^\^|[<>~!(){}\[\]*,])
    )""",
    re.X | re.S,
)
_WORDS = {"&&": "and", "||": "or", "^^": "xor", "!": "not", "==": "eq", "!=": "ne", "~": "matches"}
_WORDS |= {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt,
    "ge": operator.ge, "contains": lambda a, b: b in a,
    "matches": lambda a, b: safe_regex.compiled(b).search(a) is not None,
    "wildcard": lambda a, b: wildcard(b, a, ignore_case=True),
    "strict wildcard": lambda a, b: wildcard(b, a, ignore_case=False),
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "lower": str.lower,
    "upper": str.upper,
    "len": len,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "url_decode": unquote,
    "concat": lambda *parts: "".join(map(str, parts)),
    "to_string": str,
}


class UnreadableError(ValueError):
    """An expression is invalid; the message names the part and its position."""


@dataclass(frozen=True)
class Answer:
    """The result of an expression for a request."""

    holds: bool | None  # None if the result depends on unknown values
    unknown: frozenset[str] = frozenset()  # fields, lists and functions on which the result depends


@dataclass(frozen=True)
class _Value:
    """A value, or the names of the fields on which an unknown value depends."""

    value: Any = None
    unknown: frozenset[str] = frozenset()


_Ask = Callable[[Mapping[str, Any]], _Value]


def wildcard(pattern: str, text: str, *, ignore_case: bool) -> bool:
    r"""Return True when a text matches a pattern with ``*`` as a wildcard and ``\*`` for an asterisk."""
    literals = [""]
    for part in re.split(r"(\\[*\\]|\*)", pattern):
        if part == "*":
            literals.append("")
        else:
            literals[-1] += part[1:] if part in (r"\*", r"\\") else part
    if ignore_case:
        literals, text = [literal.lower() for literal in literals], text.lower()
    first, *between = literals
    if not between:
        return text == first
    # The earliest place of each literal leaves the most room for the others, so nothing is tried twice.
    last, at = between.pop(), len(first)
    for literal in between:
        at = text.find(literal, at) + len(literal)
        if at < len(literal):
            return False
    return text.startswith(first) and text.endswith(last) and at <= len(text) - len(last)


def compiled(expression: str) -> Callable[[Mapping[str, Any]], Answer]:
    """Return a function that evaluates an expression for the fields of a request (``http.request.uri.path``).

    A missing field is unknown. UnreadableError if the text, such as ``(http.host eq "a.example.com" and
    starts_with(http.request.uri.path, "/api"))``, is not an expression that this module supports.
    """
    reader = _Reader(_tokens(expression))
    ask = reader.any_of()
    if reader.at < len(reader.tokens):
        raise UnreadableError(error_message("expression-behind", found=repr(reader.tokens[reader.at][1])))

    def answer(fields: Mapping[str, Any]) -> Answer:
        found = ask(fields)
        return Answer(None, found.unknown) if found.unknown else Answer(bool(found.value))

    return answer


def _tokens(text: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    at, text = 0, text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise UnreadableError(
                error_message("expression-unreadable", found=repr(text[at : at + 20].strip()))
            )
        at = token.end()
        if token["raw"]:
            found.append(("text", token["rawtext"]))
        elif token["text"] is not None:
            found.append(("text", _unescaped(token["text"])))
        elif token["sign"] or token["name"]:
            word = _WORDS.get(token["sign"] or token["name"], token["sign"] or token["name"])
            found.append(("word", word))
        else:
            kind = next(kind for kind in ("range", "address", "number", "list") if token[kind])
            found.append((kind, token[kind]))
    return found


def _unescaped(text: str) -> str:
    r"""Return a quoted text without its escapes; other backslashes (``\.``, ``\*``) stay."""
    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|([\"\\]))", lambda m: chr(int(m[1], 16)) if m[1] else m[2], text)


class _Reader:
    """Parser of tokens with the precedence of operators: not, and, xor, or."""

    def __init__(self, tokens: list[tuple[str, Any]]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> tuple[str, Any]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def _token_text(self) -> str | Message:
        """Return the next token as an error names it."""
        kind, value = self.peek()
        return message("expression-end") if kind == "end" else repr(value)

    def take(self, *words: str) -> bool:
        """Return True after consuming the next token if it is one of the words, else False."""
        if self.peek()[0] == "word" and self.peek()[1] in words:
            self.at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise UnreadableError(
                error_message("expression-expected", found=self._token_text(), expected=repr(word))
            )

    def any_of(self) -> _Ask:
        return self._joined("or", lambda: self._joined("xor", lambda: self._joined("and", self.single)))

    def _joined(self, word: str, part: Callable[[], _Ask]) -> _Ask:
        asks = [part()]
        while self.take(word):
            asks.append(part())
        return asks[0] if len(asks) == 1 else lambda fields: _join(word, [ask(fields) for ask in asks])

    def single(self) -> _Ask:
        if self.take("not"):
            ask = self.single()
            return lambda fields: _apply(operator.not_, [ask(fields)])
        if self.take("("):
            inner = self.any_of()
            self.expect(")")
            return inner
        left = self.operand()
        if self.take("in"):
            members = self.members()
            return lambda fields: _within(left(fields), members)
        word = "strict wildcard" if self.take("strict") else ""
        for name in (*_COMPARE, "wildcard") if not word else ("wildcard",):
            if self.take(name):
                test, right = _COMPARE[word or name], self.operand()
                return lambda fields: _apply(test, [left(fields), right(fields)])
        return left

    def operand(self) -> _Ask:
        kind, value = self.peek()
        shown = self._token_text()
        self.at += 1
        if kind in ("text", "address"):
            return lambda fields: _Value(value)
        if kind == "number":
            number = float(value)
            return lambda fields: _Value(number)
        if kind == "word" and value in ("true", "false"):
            return lambda fields: _Value(value == "true")
        if kind == "word" and re.match(r"[A-Za-z_]", value) and value not in ("and", "or", "xor", "in"):
            return self.call(value) if self.take("(") else self.field(value)
        raise UnreadableError(error_message("expression-no-operand", found=shown))

    def field(self, name: str) -> _Ask:
        while self.take("["):
            kind, key = self.peek()
            self.at += 1
            self.expect("]")
            name += f'["{key}"]' if kind == "text" else f"[{key}]"
        return lambda fields: (
            _Value(fields[name]) if fields.get(name) is not None else _Value(unknown=frozenset({name}))
        )

    def call(self, name: str) -> _Ask:
        parts: list[_Ask] = []
        while not self.take(")"):
            parts.append(self.any_of())
            if not self.take(","):
                self.expect(")")
                break
        function = _FUNCTIONS.get(name)
        if function is None:
            return lambda fields: _Value(unknown=frozenset({f"{name}()"}))
        return lambda fields: _apply(function, [part(fields) for part in parts])

    def members(self) -> list[tuple[str, Any]]:
        kind, value = self.peek()
        if kind == "list":
            self.at += 1
            return [(kind, value)]
        self.expect("{")
        found = []
        while not self.take("}"):
            kind, value = self.peek()
            if kind not in ("text", "number", "address", "range"):
                raise UnreadableError(error_message("expression-no-member", found=self._token_text()))
            self.at += 1
            found.append((kind, value))
            self.take(",")
        return found


def _join(word: str, values: list[_Value]) -> _Value:
    """Return the combined result; unknown parts matter only if the known parts do not decide."""
    known = [bool(value.value) for value in values if not value.unknown]
    unknown = frozenset().union(*(value.unknown for value in values))
    if word == "and" and not all(known):
        return _Value(value=False)
    if word == "or" and any(known):
        return _Value(value=True)
    if unknown:
        return _Value(unknown=unknown)
    return _Value(sum(known) % 2 == 1 if word == "xor" else all(known) if word == "and" else any(known))


def _apply(function: Callable[..., Any], values: list[_Value]) -> _Value:
    unknown = frozenset().union(*(value.unknown for value in values))
    if unknown:
        return _Value(unknown=unknown)
    try:
        return _Value(function(*(value.value for value in values)))
    except (TypeError, ValueError) as error:
        return _Value(unknown=frozenset({f"({error})"}))


def _within(left: _Value, members: Iterable[tuple[str, Any]]) -> _Value:
    if left.unknown:
        return left
    unknown = frozenset(value for kind, value in members if kind == "list")
    if any(_is_member(left.value, kind, value) for kind, value in members if kind != "list"):
        return _Value(value=True)
    return _Value(unknown=unknown) if unknown else _Value(value=False)


def _is_member(value: Any, kind: str, member: str) -> bool:
    if kind == "text":
        return bool(value == member)
    first, _, last = member.partition("..")
    try:
        if isinstance(value, int | float):
            return float(first) <= float(value) <= float(last or first)
        address = ipaddress.ip_address(value)
        if last:
            low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
            return low.version == address.version and int(low) <= int(address) <= int(high)
        return address in ipaddress.ip_network(first, strict=False)
    except ValueError:
        return False
