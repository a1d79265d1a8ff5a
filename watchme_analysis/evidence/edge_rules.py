"""Rules of an edge's exported settings: the requests that they match, and their effect on them.

Reads Cloudflare API responses with rulesets (``expression``, ``action``, ``action_parameters``), page rules
(``targets``, ``actions``), firewall and rate limiting rules of the former kind, and zone settings, at any
path of an export. Parts that cannot be read are kept and named.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from watchme_analysis.evidence.edge_expressions import Answer, UnreadableError, compiled, wildcard
from watchme_analysis.files.json_values import leaf
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import Code, Phrases, Resource, message
from watchme_analysis.text.render import as_message, note

if TYPE_CHECKING:
    import pandas as pd

# Statuses of the responses of actions; an action without statuses can result in any status.
_REFUSED, _MOVED = (401, 403, 404, 409, 429, 500, 503), (301, 302, 303, 307, 308)
_ACTIONS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("block", "challenge", "js_challenge", "managed_challenge", "serve_error"), _REFUSED),
    **dict.fromkeys(("drop", "ban", "force_connection_close", "rewrite", "route"), ()),
    "redirect": _MOVED,
}
# Harmless actions; the effect of the three that set something depends on their settings.
_HARMLESS_ACTIONS = ("skip", "allow", "bypass", "log", "score", "compress_response", "simulate")
_SETTING_ACTIONS = ("set_cache_settings", "set_config", "set_cache_control")
_STATED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_SPOILING, _HARMLESS = set(_STATED["spoiling"]), set(_STATED["harmless"])


@dataclass(frozen=True)
class EdgeRule:
    """A rule of the edge; all its rows' paths in table ``edge_settings`` begin with ``path``."""

    file: str
    path: str
    label: str  # its description, else its action and path
    # its compiled condition on a request; None when it could not be read
    concerns: Callable[[Mapping[str, Any]], Answer] | None
    condition: str  # its expression or pattern as written
    effect: str  # harmful effect on a request in words; empty without such an effect
    statuses: tuple[int, ...] = ()  # statuses in which the effect can result; empty for any
    problem: str = ""  # parts of it that could not be read, in words
    host: str = ""  # sent to the origin instead of the client's; empty without such a change


def edge_rules_of(settings: pd.DataFrame) -> tuple[EdgeRule, ...]:
    """Return the rules in table ``edge_settings``, in the export's order; a disabled one has no effect."""
    found = []
    for file, rows in settings.groupby("file", sort=False):
        tree: dict[str, Any] = {}
        for path, text in zip(rows["path"], rows["value"], strict=True):
            _put(tree, str(path).split("."), leaf(text))
        found += [rule for path, node in _nodes(tree, ()) for rule in _rules(str(file), path, node)]
    return tuple(found)


def _put(tree: dict[str, Any], parts: list[str], value: Any) -> None:
    for part in parts[:-1]:
        inner = tree.get(part)
        if not isinstance(inner, dict):
            inner = tree[part] = {}
        tree = inner
    tree[parts[-1]] = value


def _nodes(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every mapping of an export with its dotted path, outer mappings first."""
    if isinstance(node, dict):
        yield ".".join(path), node
        for name, child in node.items():
            yield from _nodes(child, (*path, name))


def _rules(file: str, path: str, node: dict[str, Any]) -> Iterator[EdgeRule]:
    condition = node.get("filter")
    expression = node.get("expression") or (
        condition.get("expression") if isinstance(condition, dict) else None
    )
    is_off = node.get("enabled") is False or True in (node.get("paused"), node.get("disabled"))
    is_off = is_off or node.get("status") == "disabled"
    said = ("", (), "", "") if is_off else (*_effect(node), _host(node))
    label = str(node.get("description") or node.get("ref") or node.get("id") or path)
    if isinstance(expression, str) and "action" in node:
        concerns, (effect, statuses, problem, host) = None, said
        try:
            concerns = compiled(expression)
        except UnreadableError as error:
            problem = note("expression-in", problem=as_message(error), expression=Code(expression))
        yield EdgeRule(file, path, label, concerns, expression, effect, statuses, problem, host)
    elif patterns := _patterns(node):
        concerns = _by_pattern(patterns, _methods(node))
        yield EdgeRule(file, path, label, concerns, " or ".join(patterns), *said)
    elif isinstance(node.get("id"), str) and (effect := _zone_effect(node["id"], node.get("value"))):
        yield EdgeRule(file, path, node["id"], lambda _: Answer(holds=True), "true", effect)


def _items(node: Any) -> list[Any]:
    """Return the items of a list, which the table holds as a mapping of positions."""
    return list(node.values()) if isinstance(node, dict) else [] if node in (None, []) else [node]


def _patterns(node: Mapping[str, Any]) -> list[str]:
    """Return the URL patterns of a page rule, of a former rate limit, or of a plain list of paths."""
    found = []
    for target in _items(node.get("targets")):
        limit = target.get("constraint") if isinstance(target, dict) else None
        if isinstance(limit, dict) and isinstance(limit.get("value"), str):
            found.append(limit["value"])
    request = node["match"].get("request") if isinstance(node.get("match"), dict) else None
    if isinstance(request, dict) and isinstance(request.get("url"), str):
        found.append(request["url"])
    if "action" in node or "actions" in node:
        found += [path for path in _items(node.get("paths")) if isinstance(path, str)]
    return found


def _methods(node: Mapping[str, Any]) -> set[str]:
    match = node.get("match")
    request = match.get("request") if isinstance(match, dict) else None
    return {str(name) for name in _items(request.get("methods"))} - {"_ALL_"} if request else set()


def _by_pattern(patterns: list[str], methods: set[str]) -> Callable[[Mapping[str, Any]], Answer]:
    """Return the result of URL patterns with ``*`` for a request; a pattern without a host is a path."""

    def concerns(fields: Mapping[str, Any]) -> Answer:
        path, host = fields.get("http.request.uri.path"), fields.get("http.host")
        method, query = fields.get("http.request.method"), fields.get("http.request.uri.query")
        if methods and method is not None and method not in methods:
            return Answer(holds=False)
        unknown = {"http.request.method"} if methods and method is None else set()
        for pattern in patterns:
            plain = pattern.partition("://")[2] or pattern
            target = f"{path}?{query}" if query else str(path)
            if plain.startswith("/"):
                held = wildcard(plain, target, ignore_case=False)
            elif host is None:
                unknown |= {"http.host"}
                continue
            else:
                held = wildcard(plain, f"{host}{target}", ignore_case=True)
            if held and not unknown:
                return Answer(holds=True)
        return Answer(None, frozenset(unknown)) if unknown else Answer(holds=False)

    return concerns


def _effect(node: Mapping[str, Any]) -> tuple[str, tuple[int, ...], str]:
    """Return the effect of a rule that can fail or delay a request, its statuses, and unread parts."""
    action = node.get("action")
    mode = str(action.get("mode") if isinstance(action, dict) else action or "")
    if mode in _HARMLESS_ACTIONS:
        return "", (), ""
    nested = node.get("ratelimit")
    limit = nested if isinstance(nested, dict) else node if "threshold" in node else None
    if limit is not None:
        count = limit.get("requests_per_period", limit.get("threshold"))
        stated = {"count": count, "period": limit.get("period"), "action": mode}
        words = {name: Resource(str(value)) for name, value in stated.items()}
        return note("edge-rule-limit", **words), _REFUSED, ""
    settings = _settings_of(node)
    statuses = _ACTIONS.get(mode, ())
    if set(settings) == {"forwarding_url"}:
        statuses = _MOVED
    said = [f"action {mode}"] if mode in _ACTIONS else []
    said += [f"{name} {_short(value)}" for name, value in settings.items() if _can_spoil(name, value)]
    unread = [
        message("edge-rule-setting", name=Code(name))
        for name in settings
        if name not in _SPOILING | _HARMLESS
    ]
    if mode and mode not in _ACTIONS and mode not in _SETTING_ACTIONS:
        unread.append(message("edge-rule-action", name=Code(mode)))
    problem = note("edge-rule-settings", settings=Phrases(tuple(unread))) if unread else ""
    return ", ".join(said), statuses, problem


def _settings_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a rule or page rule by name."""
    given = node.get("action_parameters")
    settings = dict(given) if isinstance(given, dict) else {}
    for entry in _items(node.get("actions")):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            settings[entry["id"]] = entry.get("value", True)
    return settings


def _host(node: Mapping[str, Any]) -> str:
    settings = _settings_of(node)
    name = settings.get("host_header", settings.get("host_header_override"))
    return name if isinstance(name, str) else ""


def _can_spoil(name: str, value: Any) -> bool:
    if name == "cache_level":
        return bool(value == "cache_everything")
    if name == "security_level":
        return value in ("under_attack", "high")
    return name in _SPOILING and value not in (False, "off", None)


def _zone_effect(name: str, value: Any) -> str:
    """Return the effect of a zone setting that can fail or delay every request; empty for most settings."""
    if name == "proxy_read_timeout":
        return f"proxy_read_timeout {value} s"
    if name == "security_level" and value == "under_attack":
        return "security_level under_attack"
    return ""


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return shortened(text, 60, "...")


def request_fields(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request, a row of ``edge_log``, under the names that rules use.

    Null and missing values are unknown.
    """
    known = {name: value for name, value in request.items() if isinstance(value, str) and value}
    path, uri = known.get("path"), known.get("uri")
    fields: dict[str, Any] = {
        "http.host": known.get("host"),
        "http.request.method": known.get("method"),
        "http.request.uri.path": path,
        "raw.http.request.uri.path": path,
        "http.user_agent": known.get("user_agent"),
        "ip.src": known.get("client_addr"),
    }
    if uri is not None:
        parts = urlsplit(uri)
        fields["http.request.uri.query"] = fields["raw.http.request.uri.query"] = parts.query
        fields["http.request.uri"] = fields["raw.http.request.uri"] = uri
        if path is not None and "." in path.rsplit("/", 1)[-1]:
            fields["http.request.uri.path.extension"] = path.rsplit(".", 1)[-1].lower()
        elif path is not None:
            fields["http.request.uri.path.extension"] = ""
    return {name: value for name, value in fields.items() if value is not None}
