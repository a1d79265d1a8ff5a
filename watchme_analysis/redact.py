"""Masking of secrets in displayed text: passwords, tokens, keys and the names in e-mail addresses.

Logs hold more than they should: a token in a query string, a password in an error, an address in a path. A
case keeps evidence as it was; reports and diagnoses are mailed, printed and pasted, so that quoted evidence
is masked here.

Mask first and truncate afterwards (:func:`shortened`): the part of a secret before a cut is often not
recognizable as one. Masking takes time in proportion to the length of the text, whatever it holds, as
evidence is written by others: each pattern starts where no other match of it can start, or is bounded.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

MASK = "***"
# Of a diagnosis: queries, commands, and the work items that are missing.
AS_RECORDED = frozenset({"sql", "how", "how_message", "missed_work", "dead_lettered_work"})

# Names of which any value is a secret.
_PASSWORDS = (
    r"pass(?:word|wd|phrase|code)s?|secrets?(?:[_-]?access)?(?:[_-]?key)?(?:[_-]?base)?|(?:api|access|account"
    r"|private|encryption|signing|master)[_-]?keys?(?:[_-]?id)?|credentials?"
)
# Names of things that are also counted, timed or parsed: a bare word or a small number is no secret.
_TOKENS = (
    r"tokens?|signature|(?:j|php|asp|user)?sess(?:ion)?id"
    r"|(?<![a-z0-9])(?:session(?:[_-]?(?:id|key))?|jwt|dsn|sig)"
)
# Short names that are part of many words, so that they must stand alone or after a separator.
_SHORT = r"(?<![a-z0-9])(?:pwd|pw|pin|otp|totp)|(?<![a-z0-9])(?<!proxy_)(?<!cgi_)(?<!uwsgi_)(?<!grpc_)pass"
_HEADERS = r"(?<![a-z0-9])(?:proxy-)?authorization|(?<![a-z0-9])(?:set-)?cookies?|x-api-key"
_NAME = (
    rf"(?:(?P<header>{_HEADERS})|(?P<password>{_PASSWORDS})|(?P<token>{_TOKENS})|(?P<short>{_SHORT}))"
    # A quotation that ends (escaped in JSON within JSON), an index that ends, and what separates the value.
    r"(?P<quoted>\\{0,64}[\"'])?\]?(?P<to>\s{0,20}(?:=>|:?={1,3}|:|%3d)\s{0,20}|,\s{0,20}(?=b?\\{0,64}[\"'])"
    r"|\s{1,20}(?=[\"']))"
)
# Words that make the name of a variable a secret one wherever they stand in it. In running text most of them
# are ordinary words (a key, a token count), so the patterns above are narrower.
_VARIABLE_WORDS = re.compile(
    r"(?:^|_)(?:api_?key|key|token|secret|password|passwd|pwd|credentials?|dsn|private)(?:_|$)", re.IGNORECASE
)
_CAMEL_CASE_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_QUOTE = re.compile(r"[bru]{0,2}(?P<run>\\{0,64})(?P<mark>[\"'])", re.IGNORECASE)
_MARKS = re.compile(r"(?<!\\)(?P<run>\\*)(?P<mark>[\"'])|\n")
_BRACKETS = re.compile(r"(?<!\\)\\*[\"']|[\[\]{}]|\n")
# A value ends where a query string, a list or a quotation goes on, and before what ends a sentence.
_VALUE = re.compile(r"[^\s\"'&,;<>()\[\]{}|]*[^\s\"'&,;<>()\[\]{}|.:!?\\]")
_ENCODED_VALUE = re.compile(r"[^\s\"'&,;<>()\[\]{}|%]+")
_HEADER_VALUE = re.compile(
    r"(?:bearer|basic|digest|negotiate|token)\s+[^\s\"']+|[^\s\"';\\]+(?:;\s*[^\s\"';\\]+)*", re.IGNORECASE
)
_NUMBER = re.compile(r"-?\d[\d.,]*$")
# A name that stands for a value kept elsewhere.
_REFERENCE = re.compile(r"\$\{\w{1,64}\}|\$[A-Z][A-Z0-9_]{0,64}$|%[sdr]$|%\(\w{1,64}\)s")
_VARIABLE = re.compile(r"\$[a-z]\w{0,64}$")
_NOTHING = frozenset({"null", "none", "nil", "undefined", "true", "false", "nan"})
# Words that follow "password:" in a sentence.
_SENTENCE = re.compile(
    r"(?:must|is|was|are|were|be|should|may|can|cannot|could|required|invalid|incorrect|wrong|too|not|expected|has"
    r"|have|does|contains|needs|missing|expired|the|an?|no|at|in|of|for)$",
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

_PEM = re.compile(r"-----BEGIN (?P<kind>(?:[A-Z]+ ){0,4}PRIVATE KEY(?: BLOCK)?)-----")
# With a port of a host, no password holds a slash.
_URL_LOGIN = (
    r"(?P<scheme>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,40}://)(?!\*\*\*@)[^/\s:@\"'<>]{0,128}:"
    r"(?:[^/\s\"'<>]{1,128}|(?!\d{1,5}[/?#\s])[^\s\"'<>@]{1,128})@"
)
# Tokens that services begin with a word of theirs, as the detectors gitleaks 8 and detect-secrets 1.5 list
# them. A few characters suffice where the word is found nowhere else, as a log may cut them.
_TOKEN_FORMATS = (
    r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r"(?:xox[a-z]|xapp)-[\w-]{4,}",
    r"(?:gh[pousr]_|github_pat_|npm_)[A-Za-z0-9_-]{8,}",
    r"gl(?:pat|dt|rt|rtr|ptt|ft|soat|cbt|imt|agent|oas|ffct)-[\w-]{8,}",
    r"(?:[sr]k_(?:live|test|prod)_|whsec_)\w{4,}",
    r"sk-(?:ant|proj|svcacct|admin)-[\w-]{20,}|sk-\w{20,}",
    r"AIza[\w-]{8,}|GOCSPX-[\w-]{8,}|ya29\.[\w-]{16,}",
    # SendGrid, Brevo, Twilio, Telegram, Square, Shopify
    r"SG\.[\w-]{16,}\.[\w-]{16,}|xkeysib-[0-9a-f]{16,}|SK[0-9a-f]{32}\b|\d{8,10}:AA[\w-]{33}",
    r"sq0[a-z]{3}-[\w-]{16,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}",
    # PyPI, RubyGems, Artifactory, Terraform, Vault, Doppler, 1Password, age
    r"pypi-AgE[\w-]{16,}|rubygems_[0-9a-f]{16,}|AKCp[A-Za-z0-9]{16,}|\w{14}\.atlasv1\.[\w-]{16,}",
    r"hv[sbr]\.[\w-]{20,}|dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{16,}|ops_eyJ[\w+/=-]{16,}|AGE-SECRET-KEY-1\w{16,}",
    # Databricks, Hugging Face, Atlassian, Linear, Notion, Postman, Azure, Alibaba, DigitalOcean
    r"dapi[0-9a-f]{32}|hf_[A-Za-z]{30,}|ATATT3[\w=-]{16,}|lin_api_\w{16,}|ntn_\w{16,}|PMAK-[0-9a-f]{24}-[0-9a-f]{16,}",
    r"[\w~.]{3}\dQ~[\w~.-]{31,34}|LTAI[A-Za-z0-9]{16,24}\b|do[opr]_v1_[0-9a-f]{16,}",
    # New Relic, Grafana, Sentry, PlanetScale, Supabase
    r"NRAK-[A-Z0-9]{16,}|gl(?:sa|c)_[\w+/=-]{16,}|sntry[su]_[\w+/=-]{16,}|pscale_(?:tkn|pw|oauth)_[\w.=-]{16,}",
    r"sb_secret_[\w-]{16,}|sbp_[0-9a-f]{16,}",
)
# Parts of which every rule needs one; most texts have none, which one search shows.
_HINT = (
    r"[@=]|://|%40|eyJ|AKIA|ASIA|bearer|basic|authori|cookie|key|pass|pwd|pw|pin|otp|secret|token|credential|sig"
    r"|sess|jwt|dsn|webhook|slack|xox|xapp|gh[pousr]_|github_pat|gl[a-z]{1,5}[-_]|npm_|[rs]k_|whsec|sk-|aiza|-----begin"
    r"|a3t|abia|acca|gocspx|ya29|sg\.|xkeysib|sk[0-9a-f]{32}|:aa|sq0|shp[acs]|pypi-|rubygems|akcp|atlasv1|hv[sbr]\."
    r"|dp\.[a-z]|ops_|dapi|hf_|atatt|lin_api|ntn_|pmak-|\dq~|ltai|do[opr]_v1|nrak|sntry|pscale|sb_|sbp_"
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern that ignores case, compiled at its first use: most commands mask nothing."""
    return re.compile(pattern, re.IGNORECASE)


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the patterns of secrets that are known by their form, with what replaces each."""
    return (
        *(
            (_compiled(pattern), replacement)
            for pattern, replacement in (
                (r"\b(?P<scheme>bearer|basic)\s{1,20}[\w.~+/=-]{16,}", rf"\g<scheme> {MASK}"),
                # Names that are ordinary words outside of a query string.
                (
                    rf"(?P<name>[?&](?:code|key|auth|session|sid|e-?mail))=(?!\*\*\*){_VALUE.pattern}",
                    rf"\g<name>={MASK}",
                ),
                (
                    rf"(?P<flag>(?<!\S)--(?:[\w-]{{0,40}}-)?(?:password|passwd|secret|token|api-key))"
                    rf"\s{{1,20}}(?![-*]){_VALUE.pattern}",
                    rf"\g<flag> {MASK}",
                ),
                (
                    r"(?P<open><(?:\w{1,40}:)?\w{0,40}(?:password|passwd|passphrase|secret|token|apikey)>)"
                    r"(?!\*\*\*)[^<\n]+",
                    rf"\g<open>{MASK}",
                ),
                (
                    r"(?P<hook>hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
                    r"|(?<![\w-])[\w-]{1,63}\.webhook\.office\.com/webhookb2)/(?!\*\*\*)[^\s\"'<>),;\\]+",
                    rf"\g<hook>/{MASK}",
                ),
                (r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?", MASK),
                (_URL_LOGIN, rf"\g<scheme>{MASK}@"),
                (
                    r"(?<![\w.%+-])[\w.%+-]+(?P<at>@|%40|%2540)(?P<domain>(?:[\w-]+\.)+[a-z]{2,})\b",
                    rf"{MASK}\g<at>\g<domain>",
                ),
            )
        ),
        (re.compile("|".join(rf"(?<![A-Za-z0-9])(?:{pattern})" for pattern in _TOKEN_FORMATS)), MASK),
    )


@lru_cache(maxsize=1 << 9)  # a diagnosis has each of its texts several times
def _may_hold_secret(text: str) -> bool:
    return _compiled(_HINT).search(text) is not None


def redacted(text: str) -> str:
    """Return a text in which secrets are ``***``; what was masked once stays as it is.

    Masked are the values of parameters, JSON fields and headers with a telling name (``token``, ``password``,
    ``api_key``, ``Authorization``, ``Cookie`` …), also of JSON within JSON, numbers, lists and values that a
    cut left without an end; private keys, signed tokens (JWT), AWS access key ids and tokens of known
    services; the address of a webhook, the user and the password of a URL and the local part of e-mail
    addresses. Names and domains stay: they say what was there.
    """
    if not _may_hold_secret(text):
        return text
    text = _without_values(_without_private_keys(text))
    for pattern, replacement in _rules():
        text = pattern.sub(replacement, text)
    return text


def shortened(text: str, longest: int, end: str = "") -> str:
    """Return a text of at most so many characters; secrets of one that is cut are masked before the cut.

    Parameters
    ----------
    text
        Text of evidence.
    longest
        Characters that it may have.
    end
        Last characters of a text that was cut, such as an ellipsis.
    """
    if len(text) <= longest:
        return text
    masked = redacted(text)
    return masked if len(masked) <= longest else masked[: longest - len(end)].rstrip() + end


def is_secret_name(name: str) -> bool:
    """Return True when the value of a variable of this name is a secret, whatever it looks like.

    Parameters
    ----------
    name
        Name of an environment variable or setting, such as ``OPENAI_API_KEY`` or ``supabaseToken``.
    """
    if _VARIABLE_WORDS.search(_CAMEL_CASE_BREAK.sub("_", name)):
        return True
    found = _compiled(_NAME).search(f"{name}=")
    # Tokens in the plural are usually counted: MAX_TOKENS.
    plural = found is not None and (found["token"] or "").lower() == "tokens"
    return found is not None and found.end() == len(name) + 1 and not plural


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
    """Return a JSON value with :func:`redacted` applied to every text in it.

    Parameters
    ----------
    value
        Texts, numbers, lists and mappings, nested.
    raw
        Fields to leave alone: what must stay as it is to be of use.
    """
    if isinstance(value, str):
        masked = redacted(value)
        return value if masked == value else masked  # a text without secrets keeps its message
    if isinstance(value, Mapping):
        return {
            name: item
            if name in raw
            else MASK
            if _is_secret_field(name, item)
            else redacted_values(item, raw)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted_values(item, raw) for item in value]
    return value


def _is_secret_field(name: Any, item: Any) -> bool:
    """Return True when a field's value is a secret by the field's name."""
    if not isinstance(name, str) or item is None or isinstance(item, bool | Mapping) or "/" in name:
        return False
    found = _name_of_a_value(name)
    if found is None:
        return False
    if isinstance(item, list | tuple):
        return any(isinstance(one, str) for one in item) or found["password"] is not None
    return isinstance(item, str) or not _is_count(found, str(item))


# The rows of a table repeat the names of their columns.
@lru_cache(maxsize=64)
def _name_of_a_value(name: str) -> re.Match[str] | None:
    """Return the match of a field's name, if it is the name of a secret as a whole."""
    found = _compiled(_NAME).search(f"{name}=")
    return found if found is not None and found.end() == len(name) + 1 else None


def _without_private_keys(text: str) -> str:
    """Return a text with private keys in PEM form masked, also those whose end is missing."""
    parts, at = [], 0
    while begin := _PEM.search(text, at):
        end = text.find(f"-----END {begin['kind']}-----", begin.end())
        parts += [text[at : begin.end()], MASK]
        at = len(text) if end < 0 else end
    return "".join([*parts, text[at:]]) if parts else text


def _without_values(text: str) -> str:
    """Return a text with the values after the name of a secret masked."""
    parts, at, position = [], 0, 0
    while found := _compiled(_NAME).search(text, position):
        start, end = _secret(text, found)
        if end > start:
            parts += [text[at:start], MASK]
            at = end
        position = max(end, found.end())
    return "".join([*parts, text[at:]]) if parts else text


def _secret(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Return where the secret after a name begins and ends; an empty piece where there is none."""
    at = found.end()
    none = (at, at)
    listed = found["to"][0] == ","
    if (listed and not (found["header"] and found["quoted"])) or not (found["header"] or found["to"].strip()):
        return none
    if text.startswith(MASK, at):
        return none
    opening = _QUOTE.match(text, at)
    if opening is not None:
        start = opening.end()
        end = _closing(text, start, len(opening["run"]), opening["mark"])
        return none if _is_harmless_quotation(found, text[start:end]) else (start, end)
    if text.startswith(("[", "{"), at):
        return _collection(text, found)
    return _bare(text, found)


def _is_harmless_quotation(found: re.Match[str], value: str) -> bool:
    if value == MASK or not value or (len(value) == 1 and not value.isalnum()):
        return True
    if _REFERENCE.match(value) or (found["header"] and _VARIABLE.match(value)):
        return True
    # A list of header names, or a sentence: 'cookie', 'host'.
    between = found["to"][0] == "," or not found["to"].strip()
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


def _collection(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Return the inside of the list or object after a name; up to the end of the line when it was cut."""
    at = found.end()
    first = text[at + 1 : at + 2 + _BACK].lstrip()[:1]
    plain = text[at] == "{" and not (found["header"] or found["password"])
    if plain or not first or first in "]}" or text.startswith(MASK, at + 1):
        return at, at
    if found["password"] is None and first not in "\"'bu\\":  # counts, names of variables
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


def _bare(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Return the value without quotation marks after a name, where it looks like a secret."""
    at = found.end()
    none = (at, at)
    if found["header"]:
        value = _HEADER_VALUE.match(text, at)
        return value.span() if value else none
    direct = found["to"] in {"=", ":="} or found["to"].lower() == "%3d"
    if not direct and _of_path(text, found.start()):
        return none
    value = (_ENCODED_VALUE if found["to"].lower() == "%3d" else _VALUE).match(text, at)
    if value is None or text.startswith("${", at) or not _is_secret_word(found, value[0], direct=direct):
        return none
    return value.span()


def _is_secret_word(found: re.Match[str], word: str, *, direct: bool) -> bool:
    """Return True when a word after a name looks like a secret; ``direct`` is ``name=word``."""
    if word.lower() in _NOTHING or _REFERENCE.match(word):
        return False
    if _NUMBER.match(word):
        return not _is_count(found, word)
    if direct or found["quoted"] or (found["short"] and "=" in found["to"]):
        return True
    # A secret of a container is mounted as `secret:ro`.
    said = found["to"][-1:].isspace() or not (found["password"] or "").lower().startswith("secret")
    if found["password"] and said and not _SENTENCE.match(word):
        return True
    telling = len(word) >= _LONG_WORD or (len(word) >= _SHORTEST_WORD and any(map(str.isdigit, word)))
    return telling and not word.startswith("/")


def _is_count(found: re.Match[str], number: str) -> bool:
    """Return True when a number after a name counts or times something, and is no secret."""
    name = next(found[kind] for kind in ("header", "password", "token", "short") if found[kind])
    if name.lower().endswith("s") and name.lower() != "pass":
        return bool(found["token"]) or len(number) <= _LONGEST_COUNT
    if found["password"] or found["to"].strip() == "=":
        return bool(found["token"]) and len(number) <= _LONGEST_COUNT
    return len(number) <= _LONGEST_COUNT


def _of_path(text: str, at: int) -> bool:
    """Return True when a word is the end of a path, such as ``/api/token``, of which something is said."""
    back = at
    while back > max(0, at - _BACK) and (text[back - 1].isalnum() or text[back - 1] in "_.-"):
        back -= 1
    return back > 0 and text[back - 1] == "/"
