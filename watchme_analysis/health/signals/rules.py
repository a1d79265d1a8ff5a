"""Signals of configurations: rules of the edge and locations of Nginx that treat the affected paths apart.

A rule of the edge is asked of the requests that the edge logged, not of a path alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.evidence.edge_rules import EdgeRule, edge_rules_of, request_fields
from watchme_analysis.health.configuration import Location, differences
from watchme_analysis.health.context import HealthContext, longest_answer_s, once_per_context
from watchme_analysis.health.rows import Rows, observation, of_joined, quoted, select
from watchme_analysis.health.thresholds import CALM_SHARE, FEWEST, MOST
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import (
    Code,
    Duration,
    Message,
    Phrases,
    Resource,
    Share,
    Text,
    message,
    sentences,
    value_of,
)

if TYPE_CHECKING:
    import pandas as pd

# Settings of an edge location by which it can hold, refuse or misdirect.
_EDGE_HARM = (
    "return", "rewrite", "deny", "limit_req", "limit_conn", "limit_rate", "auth_request",
)  # fmt: skip
_NGINX_HARM = (*_EDGE_HARM, "proxy_pass", "root")
# Rules that a sentence names.
MOST_NAMED = 2
# Requests to which rules are applied, at most: distinct ones, by the fields that rules look at.
MOST_REQUESTS = 300
_LOOKED_AT = ["host", "method", "path", "uri", "client_addr", "user_agent"]


def _directives(context: HealthContext, layer: str) -> Rows:
    rows = int((context.table("config_directives")["layer"] == layer).sum())
    return Rows("config_directives", rows, select("config_directives", f"layer = {quoted(layer)}"))


@detects("edge_rule", group="edge configuration", needs=("config_directives/edge", "edge_settings"))
def edge_rules(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of rules of the edge for the affected paths alone."""
    rule = edge_rule(context) if context.edge_routes else None
    if rule:
        yield observation(context, "edge_rule", _directives(context, "edge"), more=rule, detail=rule)
    elif apart := _rules_of_affected(context):
        rule, count = setting_rule(context), len(_request_fields(context, affected=True))
        yield observation(
            context,
            "edge_rule",
            rows_of_rules(context, [one.rule for one in apart]),
            words="edge-setting",
            more=rule,
            detail=rule,
            concerned=round(apart[0].affected * count),
            count=count,
            others=Share(apart[0].others),
        )


def edge_rule(context: HealthContext) -> Text | None:
    """Return how the edge's configuration harms the affected paths alone; None if it doesn't."""
    if not context.edge_routes:
        return setting_rule(context)
    calm = context.calm_neighbours()
    for endpoint in context.endpoints:
        mine = context.edge_routes.serving(endpoint)
        if mine is None:
            continue
        others = [place for path in calm if (place := context.edge_routes.serving(path)) is not None]
        other = next((place for place in others if place.number != mine.number), None)
        harm = _harm(mine, other)
        if harm:
            return message("health-rule-edge-location", location=Code(mine.label), settings=Phrases(harm))
    return None


def _harm(mine: Location, other: Location | None) -> tuple[Text, ...]:
    """Return the settings of a location that can fail or delay its requests."""
    apart = differences(mine, other) if other is not None else dict.fromkeys(mine.own)
    said = []
    for name in apart:
        value = mine.value(name)
        if value is None:
            continue
        if name == "proxy_pass" and (other is None or set(mine.addresses) == set(other.addresses)):
            continue
        if name in _EDGE_HARM or name.startswith("proxy_next_upstream"):
            said.append(_setting(name, value))
        # An address or a time is wrong only by comparison.
        if name in ("proxy_pass", "proxy_read_timeout") and other is not None:
            said.append(_setting(name, value, other.value(name) or message("health-setting-default")))
    if _caches(mine):
        locked = mine.value("proxy_cache_lock") == "on"
        if locked and "proxy_cache_valid" not in mine.settings:
            wait = mine.value("proxy_cache_lock_timeout") or "5s"
            lock = Code(f"proxy_cache_lock_timeout {wait}")
            said.append(message("health-setting-cache-lock", lock=lock, valid=Code("proxy_cache_valid")))
        valid = mine.settings.get("proxy_cache_valid", ())
        if any(value[0] == "any" or value[0].startswith(("4", "5")) for value in valid if value):
            kept = Code("proxy_cache_valid " + " ".join(valid[0]))
            said.append(message("health-setting-cache-errors", setting=kept))
        if "proxy_ignore_headers" in mine.settings:
            ignored = Code(f"proxy_ignore_headers {mine.value('proxy_ignore_headers')}")
            said.append(message("health-setting-cache-ignores", setting=ignored))
    return tuple(dict.fromkeys(said))


def _setting(name: str, value: str, elsewhere: str | Message | None = None) -> Message:
    """Return a directive as a phrase, with its value in other locations where that is known."""
    setting = Code(f"{name} {value}")
    if elsewhere is None:
        return message("health-setting", setting=setting)
    other = Code(elsewhere) if isinstance(elsewhere, str) else elsewhere
    return message("health-setting-elsewhere", setting=setting, other=other)


def _caches(place: Location) -> bool:
    return place.value("proxy_cache") not in (None, "off")


@detects("nginx_rule", "nginx_plain", group="nginx configuration", needs=("config_directives/nginx",))
def nginx_rules(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of settings of Nginx for the affected paths alone, or that none exists."""
    if not context.nginx_routes:
        return
    rule = nginx_rule(context)
    bad = context.outer_affected[context.outer_affected["bad"]]
    if rule:
        yield observation(context, "nginx_rule", _directives(context, "nginx"), more=rule, detail=rule)
    # A time limit treats all paths alike, and ends the requests of the slow ones alone.
    elif context.calm_neighbours() and not bad["status"].eq(504).mean() >= MOST:
        yield observation(context, "nginx_plain", _directives(context, "nginx"))


@detects("no_limit_in_force", group="nginx configuration", needs=("config_directives/nginx", "access_log"))
def limits_in_force(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation that Nginx's configuration can't respond with the 503 that callers got."""
    if not context.nginx_routes:
        return
    endpoints = zip(context.routes, context.endpoints, strict=True)
    free = {route: path for route, path in endpoints if not context.nginx_routes.may_refuse(path)}
    bad = context.fates[context.fates["route"].isin(context.routes)]
    mine = bad[bad["fate"].isin(["unavailable", "upstream_gave_up"]) & bad["route"].isin(free)]
    if len(mine) >= FEWEST:
        paths = [free[route] for route in dict.fromkeys(mine["route"])]
        rows, strength = _directives(context, "nginx"), len(mine) / len(bad)
        yield observation(context, "no_limit_in_force", rows, strength=strength, paths=paths, count=len(mine))


def nginx_rule(context: HealthContext) -> Text | None:
    """Return how Nginx's configuration harms the affected paths alone; None if it doesn't."""
    for route, endpoint in zip(context.routes, context.endpoints, strict=True):
        mine = context.nginx_routes.serving(endpoint)
        if mine is None:
            continue
        # Another service has a location and an address of its own by right.
        beside = context.calm_beside(route)
        places = [place for path in beside if (place := context.nginx_routes.serving(path)) is not None]
        other = next((place for place in places if place.number != mine.number), None)
        if other is None:
            continue
        said: list[Text] = []
        for name, (value, elsewhere) in differences(mine, other).items():
            if name == "proxy_pass" and set(mine.addresses) == set(other.addresses):
                # The same address under another path may be another resource.
                inner = context.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
                if inner != endpoint:
                    passed = Code(f"proxy_pass {value}")
                    said.append(message("health-setting-asks-for", setting=passed, path=Resource(inner)))
                if _scheme(value) != _scheme(elsewhere):
                    said.append(_setting(name, str(value), str(elsewhere)))
                continue
            if value is not None and (name in _NGINX_HARM or name.endswith("_timeout")):
                said.append(_setting(name, value, elsewhere or None))
        if said:
            return message(
                "health-rule-nginx-location", location=Code(mine.label), settings=Phrases(tuple(said))
            )
    return None


def impatient(
    context: HealthContext, name: str, rows: pd.DataFrame, total: int, rule: Text | None
) -> Observation:
    """Return the observation of requests that a layer ended sooner than their endpoints usually take.

    ``name`` is that of the signal, and begins with the layer.
    """
    side = name.partition("_")[0]
    cut_s = float(rows[f"{side}_s"].median())
    return observation(
        context,
        name,
        of_joined(side, rows),
        (cut_s, "s"),
        rule=rule,
        strength=by_count(len(rows)),
        ended=len(rows),
        bad=total,
        cut=Duration(cut_s),
        needs=Duration(longest_answer_s(context, rows)),
    )


def _scheme(passed: str | None) -> str:
    return (passed or "").partition("://")[0]


@dataclass(frozen=True)
class Matched:
    """A rule, and the share of affected and of other requests that it concerns.

    ``unknown`` holds what decides whether it concerns the affected ones and is not known.
    """

    rule: EdgeRule
    affected: float
    others: float
    unknown: tuple[str, ...] = ()


@once_per_context
def matched_rules(context: HealthContext) -> tuple[Matched, ...]:
    """Return what each rule of the edge has to do with the requests."""
    rules = [rule for rule in edge_rules_of(context.table("edge_settings")) if rule.effect or rule.problem]
    if not rules or context.incident is None:
        return ()
    mine, rest = _request_fields(context, affected=True), _request_fields(context, affected=False)
    # What would be asked elsewhere tells a rule for all from one for some, where nothing else was asked.
    rest = rest or [{**fields, **request_fields({"path": "/", "uri": "/"})} for fields in mine[:1]]
    return tuple(_matched(rule, mine, rest) for rule in rules)


def _matched(rule: EdgeRule, mine: list[dict[str, Any]], rest: list[dict[str, Any]]) -> Matched:
    concerns = rule.concerns
    if concerns is None:
        return Matched(rule, 0.0, 0.0)
    answers, others = ([concerns(fields) for fields in part] for part in (mine, rest))
    left_open = [answer for answer in answers if answer.holds is None]
    unknown = sorted({name for answer in left_open for name in answer.unknown})
    return Matched(
        rule,
        sum(answer.holds is True for answer in answers) / max(len(answers), 1),
        sum(answer.holds is True for answer in others) / max(len(others), 1),
        tuple(unknown) if len(left_open) > CALM_SHARE * len(answers) else (),
    )


def _request_fields(context: HealthContext, *, affected: bool) -> list[dict[str, Any]]:
    """Return the fields of the affected requests that went badly, or of others that did well."""
    rows = context.rows("edge", bad=affected, affected=False)
    rows = rows[rows["route"].isin(context.routes) == affected]
    log = context.table("edge_log")
    if len(rows) and len(log):
        keys = rows[["edge_file", "edge_line"]].set_axis(["file", "line"], axis=1)
        logged = log.merge(keys.drop_duplicates(), on=["file", "line"])[_LOOKED_AT].drop_duplicates()
        plain = logged.head(MOST_REQUESTS).astype(object)
        return [request_fields(row) for row in plain.where(plain.notna(), None).to_dict("records")]
    # Without the edge's log only the paths are known, and the host where Nginx logs it.
    outer = context.outer
    chosen = outer[
        outer["during"] & (outer["route"].isin(context.routes) == affected) & (outer["bad"] == affected)
    ]
    hosts = context.table("access_log")["host"].dropna()
    host = str(hosts.mode().iloc[0]) if hosts.nunique() == 1 else None
    return [
        request_fields({"path": path, "host": host})
        for path in chosen["path"].dropna().unique()[:MOST_REQUESTS]
    ]


def _rules_of_affected(context: HealthContext) -> list[Matched]:
    """Return the rules that concern the affected requests alone and can show as they did."""
    bad = context.rows("edge", bad=True)["edge_status"].dropna().astype(int)
    return [
        one
        for one in matched_rules(context)
        if one.rule.effect
        and one.affected >= MOST
        and one.others <= CALM_SHARE
        and (bad.empty or not one.rule.statuses or bad.isin(one.rule.statuses).mean() >= CALM_SHARE)
    ]


def setting_rule(context: HealthContext) -> Text | None:
    """Return sentences on the rules that treat the affected requests apart; None when none is known to."""
    return _rule_sentences([one.rule for one in _rules_of_affected(context)])


def timeout_rule(context: HealthContext) -> Text | None:
    """Return sentences on the rules that limit how long the edge waits for the affected requests."""
    mine = [one.rule for one in matched_rules(context) if one.affected >= MOST]
    return _rule_sentences([rule for rule in mine if "read_timeout" in rule.effect])


def _rule_sentences(rules: Sequence[EdgeRule]) -> Text | None:
    named: list[Text] = [
        message(
            "health-rule-edge-setting",
            rule=Code(rule.label),
            condition=Code(shortened(rule.condition, 160, "...")),
            effect=value_of(rule.effect),
        )
        for rule in rules[:MOST_NAMED]
    ]
    if rules[MOST_NAMED:]:
        named.append(message("health-rule-edge-settings-more", count=len(rules) - MOST_NAMED))
    return sentences(*named) or None


def rows_of_rules(context: HealthContext, rules: Sequence[EdgeRule]) -> Rows:
    """Return the rows of ``edge_settings`` that rules stand in."""
    table = context.table("edge_settings")
    rows = int(sum(_of_rule(table, rule).sum() for rule in rules))
    return Rows("edge_settings", rows, select("edge_settings", f"({' or '.join(map(_in_rule, rules))})"))


def unread(context: HealthContext) -> tuple[Text, ...]:
    """Return in sentences what the edge's settings hold that may concern the affected paths and is unread."""
    table = context.table("edge_settings")
    if table.empty or context.incident is None:
        return ()
    said: list[Text] = []
    if context.inv.case.coverage()["edge_settings"]["rejected"]:
        said.append(message("health-edge-settings-rejected"))
    for one in matched_rules(context):
        name = Code(one.rule.label)
        if one.unknown and one.affected < MOST:
            said.append(
                message("health-edge-rule-unknown", rule=name, paths=context.endpoints, fields=one.unknown)
            )
        if one.rule.problem and (one.rule.concerns is None or one.affected >= MOST or one.unknown):
            said.append(message("health-edge-rule-unread", rule=name, problem=value_of(one.rule.problem)))
    known = table["path"].map(lambda _: False)
    for rule in edge_rules_of(table):
        known |= _of_rule(table, rule)
    for path, value in zip(table.loc[~known, "path"], table.loc[~known, "value"], strict=True):
        if any(endpoint.strip("/") and endpoint in str(value) for endpoint in context.endpoints):
            setting = Code(f"{path}: {value}")
            said.append(message("health-edge-setting-unread", setting=setting))
    return tuple(said)


def _of_rule(table: pd.DataFrame, rule: EdgeRule) -> pd.Series:
    """Return which rows of the table are a rule's."""
    return table["file"].eq(rule.file) & table["path"].map(
        lambda path: not rule.path or str(path).startswith(f"{rule.path}.")
    )


def _in_rule(rule: EdgeRule) -> str:
    prefix = f"starts_with(path, {quoted(rule.path + '.')})" if rule.path else "true"
    return f"(file = {quoted(rule.file)} and {prefix})"


DETECTORS = (edge_rules, nginx_rules, limits_in_force)
