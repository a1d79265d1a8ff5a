"""Masking of secrets in displayed text: passwords, tokens, keys and the names in e-mail addresses.

Logs hold more than they should: a token in a query string, a password in an error, an address in a path. A
case keeps evidence as it was; reports and diagnoses are mailed, printed and pasted, so that quoted evidence
is masked here.

Names of secrets and tokens of services are searched in the text as its readers decode it, without
percent-encoding and escapes of JSON. The value is masked where it stands in the text itself.

Mask first and truncate afterwards (:func:`shortened`): the part of a secret before a cut is often not
recognizable as one. Masking takes time in proportion to the length of the text, whatever it holds, as
evidence is written by others: each pattern starts where no other match of it can start, or is bounded.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

MASK = "***"
# Of a diagnosis: queries, commands, and the work items that are missing.
AS_RECORDED = frozenset({"sql", "how", "how_message", "missed_work", "dead_lettered_work"})

# Names of which any value is a secret.
_PASSWORDS = (
    r"pass(?:word|wd|phrase|code)s?|secrets?(?:[_-]?access)?(?:[_-]?key)?(?:[_-]?base)?|(?:api|access|account"
    r"|private|encryption|signing|master)[_-]?keys?(?:[_-]?id)?|credentials?"
    r"|パスワード|パスフレーズ|パスコード|暗証番号|秘密鍵|シークレット(?:[_-]?キー)?|(?:api|アクセス|秘密|暗号化)キー|認証情報|資格情報"
)
# Names of things that are also counted, timed or parsed: a bare word or a small number is no secret.
_TOKENS = (
    r"tokens?|signature|(?:j|php|asp|user)?sess(?:ion)?id|トークン|セッション(?:id|キー)"
    r"|(?<![a-z0-9])(?:session(?:[_-]?(?:id|key))?|jwt|dsn|sig)"
)
# Short names that are part of many words, so that they must stand alone or after a separator.
_SHORT = r"(?<![a-z0-9])(?:pwd|pw|pin|otp|totp)|(?<![a-z0-9])(?<!proxy_)(?<!cgi_)(?<!uwsgi_)(?<!grpc_)pass"
_HEADERS = r"(?<![a-z0-9])(?:proxy-)?authorization|(?<![a-z0-9])(?:set-)?cookies?|x-api-key"
_NAME = (
    rf"(?:(?P<header>{_HEADERS})|(?P<password>{_PASSWORDS})|(?P<token>{_TOKENS})|(?P<short>{_SHORT}))"
    # A quotation that ends (escaped in JSON within JSON), an index that ends, and what separates the value.
    r"(?P<quoted>\\{0,64}[\"'])?\]?(?P<to>\s{0,20}(?:=>|:?={1,3}|:|は)\s{0,20}|,\s{0,20}(?=b?\\{0,64}[\"'])"
    r"|\s{1,20}(?=[\"']))"
)
_KINDS = ("header", "password", "token", "short")
# A name and its value as two fields: {"name": "DB_PASSWORD", "value": …}, also in YAML and as arguments.
_NAME_FIELDS = r"name|key|variable|header|parameter_?key|parameter_?name"
_VALUE_FIELDS = r"value|parameter_?value"
_NAME_FIELD, _VALUE_FIELD = (re.compile(fields, re.IGNORECASE) for fields in (_NAME_FIELDS, _VALUE_FIELDS))
_FIELD_QUOTE = r"(?:\\{0,64}[\"'])?"
_PAIR = (
    rf"(?<![a-z0-9_])(?:{_NAME_FIELDS}){_FIELD_QUOTE}\s{{0,20}}[:=]\s{{0,20}}{_FIELD_QUOTE}(?P<name>[\w.-]{{1,80}})"
    rf"{_FIELD_QUOTE}\s{{0,20}}[,;]?\s{{0,60}}{_FIELD_QUOTE}(?:{_VALUE_FIELDS}){_FIELD_QUOTE}(?P<to>\s{{0,20}}[:=]\s{{0,20}})"
)
_REVERSED_PAIR = (
    rf"(?<![a-z0-9_])(?:{_VALUE_FIELDS})(?P<run>\\{{0,64}})[\"']\s{{0,20}}:\s{{0,20}}(?P=run)\"(?P<secret>[^\"\n]*?)"
    rf"(?P=run)\"\s{{0,20}},\s{{0,20}}(?P=run)\"(?:{_NAME_FIELDS})(?P=run)\"\s{{0,20}}:\s{{0,20}}(?P=run)\"(?P<name>[\w.-]{{1,80}})"
)
# Words that make the name of a variable a secret one wherever they stand in it. In running text most of them
# are ordinary words (a key, a token count), so the patterns above are narrower.
_VARIABLE_WORDS = re.compile(
    r"(?:^|_)(?:api_?key|key|token|secret|password|passwd|pwd|credentials?|dsn|private)(?:_|$)", re.IGNORECASE
)
# Such a word alone names the key of an object, or the visibility of a thing.
_ORDINARY_NAMES = frozenset({"key", "private"})
_CAMEL_CASE_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_QUOTE = re.compile(r"[bru]{0,2}(?P<run>\\{0,64})(?P<mark>[\"'])", re.IGNORECASE)
_MARKS = re.compile(r"(?<!\\)(?P<run>\\*)(?P<mark>[\"'])|\n")
_BRACKETS = re.compile(r"(?<!\\)\\*[\"']|[\[\]{}]|\n")
# Kana, kanji and their punctuation: Japanese goes on without a space after a value.
_JAPANESE = r"\u3001-\u30ff\u3400-\u9fff"
# A value ends where a query string, a list or a quotation goes on, and before what ends a sentence.
_VALUE = re.compile(rf"[^\s\"'&,;<>()\[\]{{}}|{_JAPANESE}]*[^\s\"'&,;<>()\[\]{{}}|.:!?\\{_JAPANESE}]")
_SCHEMES = r"bearer|basic|digest|negotiate|ntlm|token|apikey|hawk|oauth|dpop|aws4-hmac-sha256"
_SCHEME = re.compile(rf"(?:{_SCHEMES})$", re.IGNORECASE)
# `a=b; c="d e"` and `Digest a="b", c=d`: a parameter may be quoted, also within JSON.
_PARAMETER = r"[\w!#$%&*+.^`|~-]{1,64}=(?:\"[^\"\n\\]*\"|\\{1,64}\"[^\"\n\\]*\\{1,64}\"|[^\s\"',;\\]*)"
_HEADER_VALUE = re.compile(
    rf"(?:[\w-]{{1,40}}\s+)?{_PARAMETER}(?:\s*[;,]\s*(?:{_PARAMETER}|[\w-]+(?=\s*[;\"'\n]|$)))*"
    rf"|(?:{_SCHEMES})\s+[^\s\"']+|[^\s\"';\\]+(?:;\s*[^\s\"';\\]+)*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d[\d.,]*$")
# A name that stands for a value kept elsewhere.
_REFERENCE = re.compile(
    r"\$\{\w{1,64}\}|\$[A-Z][A-Z0-9_]{0,64}$|%[sdr]$|%\(\w{1,64}\)s|(?:os\.environ|os\.getenv|process\.env)\b"
)
_VARIABLE = re.compile(r"\$[a-z]\w{0,64}$")
_NOTHING = frozenset({"null", "none", "nil", "undefined", "true", "false", "nan"})
# Words that follow "password:" in a sentence or in source code.
_SENTENCE = re.compile(
    r"(?:must|is|was|are|were|be|should|may|can|cannot|could|required|invalid|incorrect|wrong|too|not|expected|has"
    r"|have|does|contains|needs|missing|expired|the|an?|no|at|in|of|for|str|string|bytes|optional|secretstr)$",
    re.IGNORECASE,
)
_HEADER_NAME = re.compile(r"[A-Za-z-]{1,40}")
_LONG_WORD = 20
# Shannon entropy per character above which a word looks generated; English words stay below 3.
_GENERATED_ENTROPY_BITS = 3.3
_SHORTEST_WORD = 6
_LONGEST_COUNT = 3
# How far before a name to look for the path or the word that it belongs to.
_BACK = 64

# What one reader decodes: percent-encoding (RFC 3986) and escapes of JSON, also within JSON.
_ESCAPES = re.compile(r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)|(?<!\\)\\{1,64}u(?P<unit>[0-9A-Fa-f]{4})")
# A text that is encoded more often than this is not searched deeper.
_ENCODINGS = 3
# Full-width forms and quotation marks, which are as long as the ASCII characters that they stand for.
_WIDE: dict[int, int | str | None] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    0x3000: " ",
    **dict.fromkeys(map(ord, "「」『』“”„"), '"'),
}

_PEM = re.compile(r"-----BEGIN (?P<kind>(?:[A-Z]+ ){0,4}PRIVATE KEY(?: BLOCK)?)-----")
# With a port of a host, no password holds a slash.
_URL_LOGIN = (
    r"(?P<scheme>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,40}://)(?P<secret>[^/\s:@\"'<>]{0,128}:"
    r"(?:[^/\s\"'<>]{1,128}|(?!\d{1,5}[/?#\s])[^\s\"'<>@]{1,128}))@"
)
# Beginnings of the tokens of services, and what follows them.
_TOKEN_FORMATS = tuple(
    ("|".join(entry["begins"]), entry["rest"])
    for entry in tomllib.loads(Path(__file__).with_name("secret_tokens.toml").read_text(encoding="utf-8"))[
        "format"
    ]
)
# Parts of which every rule needs one; most texts have none, which one search shows.
_HINT = re.compile(
    r"[@=]|://|eyJ|(?i:bearer|basic|authori|cookie|key|pass|pwd|pw|pin|otp|secret|token|credential|sig|sess|jwt|dsn"
    r"|webhook|slack|value|curl|-----begin)|パス|トークン|セッション|シークレット|キー|番号|秘密|情報|"
    + "|".join(begin for begin, _ in _TOKEN_FORMATS)
)
# A user and a password as an argument of curl; the same option of docker is a user and a group.
_CURL_LOGIN = (
    r"(?P<curl>(?<![\w-])curl(?![\w-]))|(?P<line>(?<!\\)\n)"
    r"|(?<=[\s\"'\[,])(?:-u|-U|--user|--proxy-user)(?:\s{1,20}|=|[\"'],\s{0,20})?(?P<open>[\"'])?"
    r"[^\s:\"'\\]{0,128}:(?P<secret>(?(open)[^\"'\n]{1,256}|[^\s\"']{1,256}))"
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern that ignores case, compiled at its first use: most commands mask nothing."""
    return re.compile(pattern, re.IGNORECASE)


@cache
def _forms() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of secrets that are known by their form; the group ``secret`` is masked."""
    tokens = "|".join(f"(?:{begin}){rest}" for begin, rest in _TOKEN_FORMATS)
    return (
        *(
            _compiled(pattern)
            for pattern in (
                r"\b(?:bearer|basic)\s{1,20}(?P<secret>[\w.~+/=-]{16,})",
                r"\bbasic\s{1,20}(?P<secret>[a-z0-9+/]{4,}={1,2})",
                r"\bbearer\s{1,20}(?=[\w.~+/=-]{0,100}\d)(?P<secret>[\w.~+/=-]{5,}\w)",
                # Names that are ordinary words outside of a query string.
                rf"[?&](?:code|key|auth|session|sid|e-?mail)=(?P<secret>{_VALUE.pattern})",
                rf"(?<!\S)--(?:[\w-]{{0,40}}-)?(?:password|passwd|secret|token|api-key)\s{{1,20}}(?![-*])"
                rf"(?P<secret>{_VALUE.pattern})",
                r"<(?:\w{1,40}:)?\w{0,40}(?:password|passwd|passphrase|secret|token|apikey)>(?P<secret>[^<\n]+)",
                r"(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
                r"|(?<![\w-])[\w-]{1,63}\.webhook\.office\.com/webhookb2)/(?P<secret>[^\s\"'<>),;\\]+)",
                r"(?<![\w-])(?P<secret>eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?)",
                _URL_LOGIN,
                rf"(?<![^\W{_JAPANESE}])(?<![.%+-])(?P<secret>(?:[^\W{_JAPANESE}]|[.%+-])+)@(?:[a-z0-9_-]+\.)+[a-z]{{2,}}"
                r"(?![a-z0-9])",
            )
        ),
        re.compile(rf"(?<![A-Za-z0-9])(?P<secret>{tokens})", re.ASCII),
    )


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A text as its readers see it.

    ``plain`` has ASCII characters for full-width ones and is as long as the text; ``text`` is without
    escapes. ``starts`` is where each of its characters begins in ``plain``, and the length of ``plain``; None
    without escapes.
    """

    plain: str
    text: str
    starts: list[int] | None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part of the decoded text stands in the plain one."""
        return (start, end) if self.starts is None else (self.starts[start], self.starts[end])

    def value_text(self, at: int) -> tuple[str, int, bool]:
        """Return the text in which the value that begins at a place ends, and the place in it.

        After a separator that is not escaped, an escaped character is part of the value.
        """
        if self.starts is None or at == 0 or self.starts[at] - self.starts[at - 1] > 1:
            return self.text, at, self.starts is not None
        return self.plain, self.starts[at], False


def _decoded(text: str) -> _Decoded:
    plain = text if text.isascii() else text.translate(_WIDE)
    shown, starts = plain, None
    for _ in range(_ENCODINGS):
        if ("%" not in shown and "\\" not in shown) or _ESCAPES.search(shown) is None:
            break
        shown, offsets = _unescaped(shown)
        starts = offsets if starts is None else [starts[offset] for offset in offsets]
        shown = shown if shown.isascii() else shown.translate(_WIDE)
    return _Decoded(plain, shown, starts)


def _unescaped(text: str) -> tuple[str, list[int]]:
    """Return a text without one layer of escapes, and where each of its characters begins."""
    parts: list[str] = []
    starts: list[int] = []
    at = 0
    for found in _ESCAPES.finditer(text):
        parts.append(text[at : found.start()])
        starts += range(at, found.start())
        at = found.start()
        if found["unit"]:
            parts.append(chr(int(found["unit"], 16)))
            starts.append(at)
        else:
            characters = bytes.fromhex(found["percent"].replace("%", "")).decode("utf-8", "surrogateescape")
            parts.append(characters)
            for character in characters:
                starts.append(at)
                at += 3 * len(character.encode("utf-8", "surrogateescape"))
        at = found.end()
    starts += range(at, len(text) + 1)
    return "".join([*parts, text[at:]]), starts


def redacted(text: str) -> str:
    """Return a text in which secrets are ``***``; what was masked once stays as it is.

    Masked are the values of parameters, JSON fields, headers and variables with a telling name (``token``,
    ``password``, ``api_key``, ``Authorization``, ``Cookie``, ``パスワード`` …), also of names that are
    percent-encoded or escaped, of JSON within JSON, numbers, lists and values that a cut left without an
    end; private keys, signed tokens (JWT), AWS access key ids and tokens of known services; the address of a
    webhook, the user and the password of a URL, the password of curl's options, and the local part of e-mail
    addresses. Names and domains stay: they say what was there.
    """
    decoded = _decoded_with_hint(text)
    if decoded is None:
        return text
    spans = sorted(span for span in _secrets(decoded) if span[0] < span[1])
    parts: list[str] = []
    at = 0
    for start, end in spans:
        if start >= at or not parts:
            # What touches the secret before is part of it.
            parts += [text[at:start], MASK] if start > at or not parts else []
        at = max(at, end)
    return "".join([*parts, text[at:]])


@lru_cache(maxsize=1 << 9)  # a diagnosis has each of its texts several times
def _decoded_with_hint(text: str) -> _Decoded | None:
    """Return a text decoded; None when it holds no secret."""
    decoded = _decoded(text)
    return decoded if _HINT.search(decoded.text) else None


def _secrets(decoded: _Decoded) -> Iterator[tuple[int, int]]:
    """Yield where secrets stand in the original text."""
    text = decoded.text
    for start, end in _private_keys(text):
        yield decoded.original(start, end)
    yield from _named_values(decoded)
    for form in _forms():
        for found in form.finditer(text):
            yield decoded.original(*found.span("secret"))
    for found in _compiled(_REVERSED_PAIR).finditer(text):
        if is_secret_name(found["name"]):
            yield decoded.original(*found.span("secret"))
    if "curl" in text:
        for start, end in _curl_logins(text):
            yield decoded.original(start, end)


def _curl_logins(text: str) -> Iterator[tuple[int, int]]:
    of_curl = False
    for found in re.finditer(_CURL_LOGIN, text):
        if found["secret"] is None:
            of_curl = found["curl"] is not None
        elif of_curl and not _REFERENCE.match(found["secret"]):
            yield found.span("secret")


def described(thing: object, about: str) -> str:
    """Return the ``repr`` of an object in one line: its class and what it is about, with secrets masked."""
    return f"<{type(thing).__name__} {shortened(' '.join(about.split()), 150, '…')}>"


def shortened(text: str, longest: int, end: str = "") -> str:
    """Return a text of evidence of at most ``longest`` characters; secrets are masked before the cut.

    ``end`` are the last characters of a text that was cut, such as an ellipsis.
    """
    if len(text) <= longest:
        return text
    masked = redacted(text)
    return masked if len(masked) <= longest else masked[: longest - len(end)].rstrip() + end


def is_secret_name(name: str) -> bool:
    """Return True when the value of a variable of this name is a secret, whatever it looks like.

    Names are those of environment variables and settings, such as ``OPENAI_API_KEY`` or ``supabaseToken``.
    """
    if _VARIABLE_WORDS.search(_CAMEL_CASE_BREAK.sub("_", name)) and name.lower() not in _ORDINARY_NAMES:
        return True
    found = _name_of_a_value(name)
    # Tokens in the plural are usually counted: MAX_TOKENS.
    return found is not None and (found["token"] or "").lower() != "tokens"


def is_secret_value(name: str, value: str) -> bool:
    """Return True when a variable's value, without quotation marks, is a secret wherever it occurs.

    The value of a name such as ``DB_PASSWORD`` is. Other keys, such as ``partition_key``, often hold ordinary
    words, which are in many texts: their value must look generated.
    """
    if (
        not is_secret_name(name)
        or value.lower() in _NOTHING
        or _SENTENCE.match(value)
        or _REFERENCE.match(value)
    ):
        return False
    found = _name_of_a_value(name)
    if found is not None and (found["password"] or found["short"]):
        return True
    generated = re.fullmatch(r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{12,}", value) is not None
    return generated or _looks_generated(value) or redacted(value) == MASK


def mask_secrets(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return environment variables with secret values masked.

    A value is a secret by the name of its variable (:func:`is_secret_name`) or when it looks generated. Of a
    URL, user and password are masked.
    """
    return {name: _masked_variable(name, value) for name, value in variables.items()}


def _masked_variable(name: str, value: Any) -> Any:
    if is_secret_name(name) or _looks_generated(str(value)):
        return MASK
    return _compiled(_URL_LOGIN).sub(rf"\g<scheme>{MASK}@", value) if isinstance(value, str) else value


def _looks_generated(value: str) -> bool:
    """Return True for a long single word of letters and digits that are nearly all different."""
    if not re.fullmatch(r"[A-Za-z0-9+/=_.\-]{24,}", value):
        return False
    if not (re.search(r"[A-Za-z]", value) and re.search(r"\d", value)):
        return False
    # Host names, ARNs, paths and ids consist of short words; a generated secret has a long one.
    longest = max(re.split(r"[-_./]", value), key=len)
    if len(longest) < _LONG_WORD:
        return False
    counts = Counter(longest)
    entropy_bits = -sum(n / len(longest) * math.log2(n / len(longest)) for n in counts.values())
    return entropy_bits > _GENERATED_ENTROPY_BITS


def redacted_values(value: Any, raw: frozenset[str] = AS_RECORDED) -> Any:
    """Return a JSON value with :func:`redacted` applied to every text and every key in it.

    The fields ``raw`` are left alone: what must stay as it is to be of use.
    """
    if isinstance(value, str):
        masked = redacted(value)
        return value if masked == value else masked  # a text without secrets keeps its message
    if isinstance(value, Mapping):
        named = _names_a_secret(value)
        shown: dict[Any, Any] = {}
        for name, item in value.items():
            key = redacted(name) if isinstance(name, str) else name
            while key in shown:  # two keys that differ by their secrets alone
                key += "*"
            if name in raw:
                shown[key] = item
            elif _is_secret_field(name, item) or (
                named and _is_field(_VALUE_FIELD, name) and item is not None
            ):
                shown[key] = MASK
            else:
                shown[key] = redacted_values(item, raw)
        return shown
    if isinstance(value, list | tuple):
        return [redacted_values(item, raw) for item in value]
    return value


def redacted_cell(heading: str, text: str) -> str:
    """Return the text of a table's cell; ``***`` when the column's heading names a secret.

    A count and a sign for a missing value stay.
    """
    plain = len(text) < 2 and not text.isalnum()
    return MASK if not plain and _is_secret_field(heading, text) else redacted(text)


def _is_field(fields: re.Pattern[str], name: Any) -> bool:
    return isinstance(name, str) and fields.fullmatch(name) is not None


def _names_a_secret(fields: Mapping[Any, Any]) -> bool:
    """Return True for the fields of a variable, its name in one and its value in another, that is secret."""
    return any(
        _is_field(_NAME_FIELD, name) and isinstance(item, str) and is_secret_name(item)
        for name, item in fields.items()
    )


def _is_secret_field(name: Any, item: Any) -> bool:
    """Return True when a field's value is a secret by the field's name."""
    if not isinstance(name, str) or item is None or isinstance(item, bool | Mapping) or "/" in name:
        return False
    found = _name_of_a_value(name)
    if found is None:
        return False
    if isinstance(item, list | tuple):
        return any(isinstance(one, str) for one in item) or found["password"] is not None
    if isinstance(item, str) and not _NUMBER.match(item):
        return True
    return not _is_count(_Named.of(found), str(item))


# The rows of a table repeat the names of their columns.
@lru_cache(maxsize=64)
def _name_of_a_value(name: str) -> re.Match[str] | None:
    """Return the match of a field's name, if it is the name of a secret as a whole."""
    found = _compiled(_NAME).search(f"{name}=")
    return found if found is not None and found.end() == len(name) + 1 else None


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield where private keys in PEM form stand, also those whose end is missing."""
    at = 0
    while begin := _PEM.search(text, at):
        end = text.find(f"-----END {begin['kind']}-----", begin.end())
        at = len(text) if end < 0 else end
        yield begin.end(), at


@dataclass(frozen=True, slots=True)
class _Named:
    """The name of a secret, as it stands before its value, and which kind of :data:`_KINDS` it is.

    ``to`` are the characters between name and value; ``in_path`` tells whether the name ends a path, of which
    something is said.
    """

    name: str
    kind: str
    quoted: bool
    to: str
    in_path: bool = False

    @classmethod
    def of(cls, found: re.Match[str], text: str = "") -> _Named:
        kind = next(kind for kind in _KINDS if found[kind])
        return cls(
            found[kind],
            kind,
            bool(found["quoted"]),
            found["to"],
            bool(text) and _of_path(text, found.start()),
        )


def _named_values(decoded: _Decoded) -> Iterator[tuple[int, int]]:
    """Yield where the values after the name of a secret stand."""
    text = decoded.text
    position = 0
    while found := _compiled(_NAME).search(text, position):
        start, end = _value(decoded, _Named.of(found, text), found.end())
        yield start, end
        position = found.end()
        if end > start:
            # A name within the value begins no secret of its own.
            position = max(position, end if decoded.starts is None else _first_at(decoded.starts, end))
    for pair in _compiled(_PAIR).finditer(text):
        header = re.fullmatch(_HEADERS, pair["name"], re.IGNORECASE) is not None
        if header or is_secret_name(pair["name"]):
            kind = "header" if header else "password"
            yield _value(decoded, _Named(pair["name"], kind, quoted=True, to=pair["to"]), pair.end())


def _first_at(starts: list[int], place: int) -> int:
    """Return the first decoded character that begins at a place of the text or after it."""
    from bisect import bisect_left

    return bisect_left(starts, place)


def _value(decoded: _Decoded, named: _Named, at: int) -> tuple[int, int]:
    """Return where the secret after a name stands in the original text; an empty piece without one."""
    text, at, is_decoded = decoded.value_text(at)
    start, end = _secret(text, named, at)
    return decoded.original(start, end) if is_decoded else (start, end)


def _secret(text: str, named: _Named, at: int) -> tuple[int, int]:
    """Return where the secret after a name begins and ends; an empty piece where there is none."""
    none = (at, at)
    listed = named.to[0] == ","
    header = named.kind == "header"
    if (listed and not (header and named.quoted)) or not (header or named.to.strip()):
        return none
    if text.startswith(MASK, at):
        return none
    opening = _QUOTE.match(text, at)
    if opening is not None:
        start = opening.end()
        end = _closing(text, start, len(opening["run"]), opening["mark"])
        return none if _is_harmless_quotation(named, text[start:end]) else (start, end)
    if text.startswith(("[", "{"), at):
        return _collection(text, named, at)
    return _bare(text, named, at)


def _is_harmless_quotation(named: _Named, value: str) -> bool:
    if value == MASK or not value or (len(value) == 1 and not value.isalnum()):
        return True
    if _REFERENCE.match(value) or (named.kind == "header" and _VARIABLE.match(value)):
        return True
    # A list of header names, or a sentence: 'cookie', 'host'.
    between = named.to[0] == "," or not named.to.strip()
    return between and _HEADER_NAME.fullmatch(value) is not None


def _closing(text: str, start: int, depth: int, mark: str) -> int:
    """Return where a quotation ends; at the end of the line when it was cut.

    A quotation mark with more backslashes than the opening one belongs to the value.
    """
    at = start
    while found := _MARKS.search(text, at):
        if found["mark"] is None:
            return found.start()
        run = len(found["run"])
        if found["mark"] == mark and (run <= depth or (depth == 0 and run % 2 == 0)):
            return found.end() - 1 - min(run, depth)
        at = found.end()
    return len(text)


def _collection(text: str, named: _Named, at: int) -> tuple[int, int]:
    """Return the inside of the list or object after a name; up to the end of the line when it was cut."""
    first = text[at + 1 : at + 2 + _BACK].lstrip()[:1]
    plain = text[at] == "{" and named.kind not in ("header", "password")
    if plain or not first or first in "]}" or text.startswith(MASK, at + 1):
        return at, at
    if named.kind != "password" and first not in "\"'bu\\":  # counts, names of variables
        return at, at
    depth, quote = 0, ""
    for one in _BRACKETS.finditer(text, at):
        word = one[0]
        if word == "\n":
            return at + 1, one.start()
        if word[-1] in "\"'":
            quote = "" if word == quote else quote or word
        elif not quote:
            depth += 1 if word in "[{" else -1
            if depth == 0:
                return at + 1, one.start()
    return at + 1, len(text)


def _bare(text: str, named: _Named, at: int) -> tuple[int, int]:
    """Return the value without quotation marks after a name, where it looks like a secret."""
    none = (at, at)
    if named.kind == "header":
        value = _HEADER_VALUE.match(text, at)
        return value.span() if value else none
    direct = named.to in {"=", ":="}
    value = _VALUE.match(text, at)
    if (not direct and named.in_path) or value is None or text.startswith("${", at):
        return none
    if _SCHEME.match(value[0]):
        credentials = re.compile(rf"\s{{1,20}}(?P<secret>{_VALUE.pattern})").match(text, value.end())
        if credentials is not None and (direct or _is_telling(credentials["secret"])):
            return value.start(), credentials.end()
    return value.span() if _is_secret_word(named, value[0], direct=direct) else none


def _is_secret_word(named: _Named, word: str, *, direct: bool) -> bool:
    """Return True when a word after a name looks like a secret; ``direct`` is ``name=word``."""
    if word.lower() in _NOTHING or _REFERENCE.match(word):
        return False
    if named.to.strip() == "は":  # a sentence
        return _is_telling(word)
    if _NUMBER.match(word):
        return not _is_count(named, word)
    if direct or named.quoted or (named.kind == "short" and "=" in named.to):
        return True
    # A secret of a container is mounted as `secret:ro`.
    said = named.to[-1:].isspace() or not named.name.lower().startswith("secret")
    if named.kind == "password" and said and not _SENTENCE.match(word):
        return True
    return _is_telling(word)


def _is_telling(word: str) -> bool:
    """Return True for a word that is long or has digits, and is no number or path."""
    long = len(word) >= _LONG_WORD or (len(word) >= _SHORTEST_WORD and any(map(str.isdigit, word)))
    return long and not word.startswith("/") and not _NUMBER.match(word)


def _is_count(named: _Named, number: str) -> bool:
    """Return True when a number after a name counts or times something, and is no secret."""
    short = len(number) <= _LONGEST_COUNT
    if named.name.lower().endswith("s") and named.name.lower() != "pass":
        return named.kind == "token" or short
    if named.kind == "password" or named.to.strip() == "=":
        return named.kind == "token" and short
    return short


def _of_path(text: str, at: int) -> bool:
    """Return True when a word is the end of a path, such as ``/api/token``, of which something is said."""
    back = at
    while back > max(0, at - _BACK) and (text[back - 1].isalnum() or text[back - 1] in "_.-"):
        back -= 1
    return back > 0 and text[back - 1] == "/"
