"""The log formats that may have written an access log, the most probable first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from watchme_analysis.access_logs.formats.apache import apache_directives, compile_apache, looks_like_apache
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.formats.log_format import LogFormat, compile_format
from watchme_analysis.errors import FormatError
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.lines import decoded
from watchme_analysis.nginx_conf.parse import parse_configuration, parse_nginx_config
from watchme_analysis.text.message import Quotation, Resource
from watchme_analysis.text.render import error_message, note

# Escapes of ngx_conf_read_token; a backslash before any other character is literal.
_ESCAPED = re.compile(r"\\([\"'\\trn])")
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}


class Candidates(NamedTuple):
    """Formats in the order in which they are tried, and sentences about unusable formats."""

    formats: list[LogFormat]
    notes: list[str]


class DirectivesBeside(NamedTuple):
    """A configuration's name, its directives with their arguments, and sentences about missing includes."""

    name: str
    directives: list[tuple[str, tuple[str, ...]]]
    missing: list[str]


def configurations_beside(raw: RawFile) -> list[DirectivesBeside]:
    """Return the stated configuration, else those in the folder of a file, nginx's own first."""
    return raw.once(("configurations", raw.settings.get("nginx_conf")), lambda: _configurations(raw))


def _configurations(raw: RawFile) -> list[DirectivesBeside]:
    if raw.settings.get("nginx_conf"):
        stated = Path(raw.settings["nginx_conf"])
        configs = [RawFile(stated.parent, stated.name)]
    else:
        configs = raw.beside("nginx*.conf", "*.conf", "nginx*.conf.txt")
        configs.sort(key=lambda found: not Path(found.name).name.startswith("nginx"))
    return list(map(_directives, configs))


def candidate_formats(raw: RawFile) -> Candidates:
    """Return the formats to try on a file.

    The order is: the format stated in ``case.toml``, that of the ``access_log`` directive for the file, those
    of other directives, the other formats of the configurations in the folder, and the stock formats.

    Raises FormatError if the stated format is unknown or cannot be compiled.
    """
    notes: list[str] = []
    configured: dict[str, LogFormat] = {}
    named_first: list[str] = []
    named: list[str] = []
    for config in configurations_beside(raw):
        before = len(configured), len(notes)
        for directive in config.directives:
            _take(directive, raw, configured, (named_first, named), notes)
        if raw.settings.get("nginx_conf") and (len(configured), len(notes)) == before:
            notes.append(note("note-no-log-format", file=Resource(config.name)))
    stock = {found.name: found for found in stock_formats()}
    # `combined` is built into nginx; a configuration cannot redefine built-in formats.
    known = {**stock, **configured}
    if not configured or not set(named_first + named) <= set(known):
        # The format may be in an included file that is missing.
        notes += [missing for config in configurations_beside(raw) for missing in config.missing]
    ordered: list[LogFormat] = []
    stated = raw.settings.get("log_format")
    if stated:
        ordered.append(_stated(str(stated), known))
    ordered += [known[name] for name in (*named_first, *named) if name in known]
    ordered += [*configured.values(), *stock.values()]
    unique: dict[tuple[str, str], LogFormat] = {}
    for found in ordered:
        unique.setdefault((found.text, found.escape), found)
    return Candidates([*unique.values()], notes)


def _take(
    directive: tuple[str, tuple[str, ...]],
    raw: RawFile,
    configured: dict[str, LogFormat],
    named: tuple[list[str], list[str]],
    notes: list[str],
) -> None:
    name, args = directive
    try:
        if name == "log_format" and len(args) > 1:
            configured.setdefault(args[0], _compiled(args))
        elif name == "LogFormat" and args:
            configured.setdefault(args[-1], compile_apache(args[0], args[1] if len(args) > 1 else ""))
        elif name == "CustomLog" and len(args) > 1 and looks_like_apache(args[1]):
            configured.setdefault(args[1], compile_apache(args[1]))
    except FormatError as error:
        notes.append(note("note-log-format-invalid", error=Quotation(str(error))))
    if name in ("access_log", "CustomLog") and args and args[0] != "off":
        options = [arg for arg in args[1:] if name == "CustomLog" or ("=" not in arg and arg != "gzip")]
        written = PurePosixPath(args[0]).name
        fits = bool(written) and Path(raw.name).name.startswith(written)
        named[0 if fits else 1].append(options[0] if options else "combined")


def _compiled(args: Sequence[str]) -> LogFormat:
    escape = re.fullmatch(r"escape=(\w+)", args[1])
    parts = args[2:] if escape else args[1:]
    text = "".join(map(_unescaped, parts))
    return compile_format(text, escape[1] if escape else "default", args[0])


def _unescaped(argument: str) -> str:
    r"""Return an argument with nginx's escapes decoded, since crossplane leaves ``\t`` etc. unchanged."""
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), argument)


def _stated(text: str, known: dict[str, LogFormat]) -> LogFormat:
    """Return the format for a name, a format text, or a whole ``log_format`` directive."""
    if text in known:
        return known[text]
    if text.lstrip().startswith("log_format "):
        statements, _ = parse_nginx_config(text if text.rstrip().endswith(";") else text + ";")
        found = [item for item in statements if item["directive"] == "log_format"]
        if found and len(found[0]["args"]) > 1:
            return _compiled(found[0]["args"])
    if "$" not in text and not looks_like_apache(text):
        raise FormatError(
            error_message("error-unknown-log-format", format=repr(text), known=", ".join(sorted(known)))
        )
    if looks_like_apache(text):
        directives = list(apache_directives(text))
        return compile_apache(directives[0][1][0] if directives else text, note("log-format-stated"))
    escape = "json" if text.lstrip().startswith("{") else "default"
    return compile_format(_unescaped(text), escape, note("log-format-stated"))


def _directives(config: RawFile) -> DirectivesBeside:
    """Return the directives of a configuration, with those of files that it includes from its folder."""
    text = decoded(config.content.data)
    parsed = parse_configuration(config)
    found = [(name, tuple(args)) for name, args in apache_directives(text)]
    found += [(statement.directive, statement.args) for statement in parsed.statements]
    return DirectivesBeside(config.name, found, [] if parsed.is_dump else parsed.missing)
