"""Secrets out of what is shown: passwords, tokens, keys and the names in e-mail addresses.

Logs hold more than they should: a token in a query string, a password in an error, an address in a path. A
case keeps evidence as it was; reports and answers are mailed, printed and pasted, so that what they quote
goes through here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
# Of a diagnosis: queries, commands, and the work items that are missing.
AS_RECORDED = frozenset({"sql", "how", "missed_work", "dead_lettered_work"})

_NAMES = (
    r"[\w.-]*(?:pass(?:word|wd|phrase)|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key"
    r"|credentials?|signature|session[_-]?id|jsessionid|phpsessid)|pwd|pass|sig|jwt|dsn"
)
# A value ends where a query string, a list or a quotation goes on, and before what ends a sentence.
_VALUE = r"[^\s\"'&,;<>()\[\]{}|]*[^\s\"'&,;<>()\[\]{}|.:!?]"
_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # Headers: all that follows on the line or within the quotation, whatever scheme it begins with.
        (
            r"\b(?P<head>(?:proxy-)?authorization|(?:set-)?cookie|x-api-key)(?P<to>[\"']?\s*[:=]\s*[\"']?)"
            r"(?!\*\*\*)(?:(?:bearer|basic|digest)\s+[^\s\"']+|[^\s\"';]+(?:;\s*[^\s\"';]+)*)",
            rf"\g<head>\g<to>{MASK}",
        ),
        (r"\b(?P<scheme>bearer|basic)\s+[\w.~+/=-]{16,}", rf"\g<scheme> {MASK}"),
        # "name": "value" and name='value'; a colon without a quotation may as well end a clause.
        (
            rf"(?<![\w.-])(?P<name>{_NAMES})(?P<to>[\"']?\s*[:=]\s*(?P<quote>[\"']))(?!\*\*\*).+?(?P=quote)",
            rf"\g<name>\g<to>{MASK}\g<quote>",
        ),
        (rf"(?<![\w.-])(?P<name>{_NAMES})=(?!\*\*\*){_VALUE}", rf"\g<name>={MASK}"),
        # What is a word like any other outside of a query string.
        (rf"(?P<name>[?&](?:code|key|auth|session|sid|e-?mail))=(?!\*\*\*){_VALUE}", rf"\g<name>={MASK}"),
        (r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?", MASK),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", MASK),
        (r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^/\s:@]+:[^/\s@]+@", rf"\g<scheme>{MASK}@"),
        (r"(?<![\w.%+-])[\w.%+-]+@(?P<domain>(?:[\w-]+\.)+[a-z]{2,})\b", rf"{MASK}@\g<domain>"),
    )
)
# What any of the rules needs; most texts have none of it, and are told so in one look.
_HINT = re.compile(
    r"[@=]|://|eyJ|AKIA|ASIA|bearer|basic|authori|cookie|api-key|pass|pwd|secret|token|credential|signature|dsn",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return a text in which secrets are ``***``; what was masked once stays as it is.

    Masked are the values of parameters, JSON fields and headers with a telling name (``token``, ``password``,
    ``api_key``, ``Authorization``, ``Cookie`` …), signed tokens (JWT), AWS access key ids, the user and the
    password of a URL and the local part of e-mail addresses. Names and domains stay: they say what was there.
    """
    if not _HINT.search(text):
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redacted_values(value: Any, raw: frozenset[str] = AS_RECORDED) -> Any:
    """Return a JSON value with :func:`redacted` applied to every text in it.

    Parameters
    ----------
    value
        Texts, numbers, lists and mappings, nested.
    raw
        Fields to leave alone: what must stay as it is to be of use.
    """
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {name: item if name in raw else redacted_values(item, raw) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_values(item, raw) for item in value]
    return value
