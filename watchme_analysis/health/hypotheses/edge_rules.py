"""Checks of an export of the edge's settings: which rule treats affected requests apart, and what is unread.

A rule is asked of the requests that the edge logged, not of a path alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.evidence.edge_rules import EdgeRule, edge_rules_of, request_fields
from watchme_analysis.health.hypotheses.facts import Facts, facts
from watchme_analysis.health.hypotheses.sql import quoted, select
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import Observation
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import Code, Quotation, Resource, Share, Text, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# A rule treats requests apart when it concerns this share of them and no more of what did well.
MOST, FEW = 0.5, 0.1
# Rules that a sentence names.
NAMED = 2
# Requests that rules are asked of: distinct ones, by what rules look at.
ASKED = 300
_LOOKED_AT = ["host", "method", "path", "uri", "client_addr", "user_agent"]


@dataclass(frozen=True)
class Matched:
    """A rule, and the share of affected and of other requests that it concerns.

    ``unknown`` holds what decides whether it concerns the affected ones and is not known.
    """

    rule: EdgeRule
    affected: float
    others: float
    unknown: tuple[str, ...] = ()


def matched_rules(inv: Investigation) -> tuple[Matched, ...]:
    """Return what each rule has to do with the requests; use as ``inv.once(matched_rules)``."""
    found = inv.once(facts)
    rules = [rule for rule in edge_rules_of(found.table("edge_settings")) if rule.effect or rule.problem]
    if not rules or found.incident is None:
        return ()
    mine, rest = _request_fields(found, affected=True), _request_fields(found, affected=False)
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
        tuple(unknown) if len(left_open) > FEW * len(answers) else (),
    )


def _request_fields(found: Facts, *, affected: bool) -> list[dict[str, Any]]:
    """Return the fields of the affected requests that went badly, or of others that did well."""
    rows = found.rows("edge", bad=affected, affected=False)
    rows = rows[rows["route"].isin(found.routes) == affected]
    log = found.table("edge_log")
    if len(rows) and len(log):
        keys = rows[["edge_file", "edge_line"]].set_axis(["file", "line"], axis=1)
        logged = log.merge(keys.drop_duplicates(), on=["file", "line"])[_LOOKED_AT].drop_duplicates()
        plain = logged.head(ASKED).astype(object)
        return [request_fields(row) for row in plain.where(plain.notna(), None).to_dict("records")]
    # Without the edge's log only the paths are known, and the host where Nginx logs it.
    outer = found.outer
    chosen = outer[
        outer["during"] & (outer["route"].isin(found.routes) == affected) & (outer["bad"] == affected)
    ]
    hosts = found.table("access_log")["host"].dropna()
    host = str(hosts.mode().iloc[0]) if hosts.nunique() == 1 else None
    return [request_fields({"path": path, "host": host}) for path in chosen["path"].dropna().unique()[:ASKED]]


def _apart(found: Facts) -> list[Matched]:
    """Return the rules that concern the affected requests alone and can show as they did."""
    bad = found.rows("edge", bad=True)["edge_status"].dropna().astype(int)
    return [
        one
        for one in found.inv.once(matched_rules)
        if one.rule.effect
        and one.affected >= MOST
        and one.others <= FEW
        and (bad.empty or not one.rule.statuses or bad.isin(one.rule.statuses).mean() >= FEW)
    ]


def setting_rule(found: Facts) -> Text | None:
    """Return sentences on the rules that treat the affected requests apart; None when none is known to."""
    return _named([one.rule for one in _apart(found)])


def timeout_rule(found: Facts) -> Text | None:
    """Return sentences on the rules that limit how long the edge waits for the affected requests."""
    mine = [one.rule for one in found.inv.once(matched_rules) if one.affected >= MOST]
    return _named([rule for rule in mine if "read_timeout" in rule.effect])


def _named(rules: Sequence[EdgeRule]) -> Text | None:
    """Return a sentence for each of the first rules; None without any."""
    named = [
        message(
            "health-rule-edge-setting",
            rule=Code(rule.label),
            condition=Code(shortened(rule.condition, 160, "...")),
            effect=Resource(rule.effect),
        )
        for rule in rules[:NAMED]
    ]
    more = [message("health-rule-edge-settings-more", count=len(rules) - NAMED)] if rules[NAMED:] else []
    return sentences(*named, *more) if named else None


def settings(found: Facts) -> list[Observation]:
    """Weigh whether a rule of the export treats the affected requests apart, where all of it was read."""
    table = found.table("edge_settings")
    if table.empty:
        return []
    apart = _apart(found)
    if apart:
        rule = setting_rule(found)
        count = len(_request_fields(found, affected=True))
        concerned = message(
            "health-edge-setting",
            paths=found.endpoints,
            concerned=round(apart[0].affected * count),
            count=count,
            others=Share(apart[0].others),
        )
        sql, rows = rows_of(found, [one.rule for one in apart])
        text = sentences(concerned, rule)
        return [Observation("edge_rule", text, "edge_settings", rows, sql, detail=rule)]
    if unread(found) or not found.calm_neighbours() or not found.inv.once(matched_rules):
        return []
    text = message("health-edge-settings-plain", paths=found.endpoints)
    return [
        Observation("edge_plain", text, "edge_settings", len(table), select("edge_settings"), strength=0.5)
    ]


def rows_of(found: Facts, rules: Sequence[EdgeRule]) -> tuple[str, int]:
    """Return the query for the rows of ``edge_settings`` that rules stand in, and how many they are."""
    sql = select("edge_settings", f"({' or '.join(map(_standing, rules))})")
    return sql, int(sum(_of_rule(found.table("edge_settings"), rule).sum() for rule in rules))


def unread(found: Facts) -> tuple[Text, ...]:
    """Return in sentences what the edge's settings hold that may concern the affected paths and is unread."""
    table = found.table("edge_settings")
    if table.empty or found.incident is None:
        return ()
    said: list[Text] = []
    if found.inv.case.coverage()["edge_settings"]["rejected"]:
        said.append(message("health-edge-settings-rejected"))
    for one in found.inv.once(matched_rules):
        name = Code(one.rule.label)
        if one.unknown and one.affected < MOST:
            said.append(
                message("health-edge-rule-unknown", rule=name, paths=found.endpoints, fields=one.unknown)
            )
        if one.rule.problem and (one.rule.concerns is None or one.affected >= MOST or one.unknown):
            said.append(message("health-edge-rule-unread", rule=name, problem=Quotation(one.rule.problem)))
    known = table["path"].map(lambda _: False)
    for rule in edge_rules_of(table):
        known |= _of_rule(table, rule)
    for path, value in zip(table.loc[~known, "path"], table.loc[~known, "value"], strict=True):
        if any(endpoint.strip("/") and endpoint in str(value) for endpoint in found.endpoints):
            setting = Code(f"{path}: {value}")
            said.append(message("health-edge-setting-unread", setting=setting))
    return tuple(said)


def _of_rule(table: pd.DataFrame, rule: EdgeRule) -> pd.Series:
    """Return which rows of the table are a rule's."""
    return table["file"].eq(rule.file) & table["path"].map(
        lambda path: not rule.path or str(path).startswith(f"{rule.path}.")
    )


def _standing(rule: EdgeRule) -> str:
    prefix = f"starts_with(path, {quoted(rule.path + '.')})" if rule.path else "true"
    return f"(file = {quoted(rule.file)} and {prefix})"
