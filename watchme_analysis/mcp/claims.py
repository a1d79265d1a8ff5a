"""Checking a claim about a cause: supported, contradicted or undecided, with rows and what would decide.

Someone, such as a colleague or another program, says "the cause is X because Y". X is compared with the
diagnosis, Y with the rows of a query. A reason counts if its rows belong to the incident: rows that are as
frequent at other times are no reason, and a table that the case lacks shows nothing by having no rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.case.case_folder import Case
from watchme_analysis.errors import InputError
from watchme_analysis.inference.causes import causes
from watchme_analysis.schema import TABLES
from watchme_analysis.services.diagnose import diagnose, questions_for
from watchme_analysis.text.message import Message, Share, message, value_of
from watchme_analysis.text.render import error_message, render
from watchme_analysis.text.suggestions import did_you_mean, nearest

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.inference.findings import Diagnosis, Ranked

Judgement = Literal["supported", "contradicted", "undecided"]
# Rows within the incident are more frequent than otherwise if chance gives so many less often than this.
_CHANCE = 0.05
# With more of the window in the incident, there is nothing to compare its rows with.
_MOST_OF_WINDOW = 0.95


@dataclass(frozen=True)
class ReasonCheck:
    """The check of the reason of a claim.

    A reason is supported if its rows belong to the incident, and contradicted if there are none where there
    would be. ``within`` is the number of rows in the incident; None where they have no time, or there is no
    incident.
    """

    judgement: Judgement
    why: Message
    rows: pd.DataFrame
    within: int | None = None


@dataclass(frozen=True)
class ClaimCheck:
    """The check of a claim, with the finding for its cause and the diagnosis of the case.

    It is supported if the cause is and the reason holds, and contradicted if either is. ``why`` is the
    sentence on the cause; ``reason`` is None without a reason.
    """

    judgement: Judgement
    cause: Judgement
    why: Message
    reason: ReasonCheck | None
    ranked: Ranked
    diagnosis: Diagnosis


def check_claim(
    case: Case,
    cause: str,
    reason_sql: str | None = None,
    since: str | None = None,
    diagnosis: Diagnosis | None = None,
    run: Callable[[Case, str], pd.DataFrame] = lambda case, query: case.sql(query),
) -> ClaimCheck:
    """Return the check of the claim that a cause is behind the incident of a case.

    A cause that is only less probable than another one is undecided. ``reason_sql`` returns rows, with their
    times, if the reason holds; ``run`` runs it. ``diagnosis`` is that of the cause's question, where there is
    one already. Raises an InputError for an unknown cause or a case without evidence for its question, and a
    QueryError when the query can't be run.
    """
    question = question_of_cause(case, cause)
    found = diagnosis or diagnose(question, case, since=since)
    ranked = next(each for each in found.ranking if each.finding.cause == cause)
    is_named = found.verdict == "supported" and cause in {found.cause, *found.other_causes}
    judged: Judgement = (
        "supported"
        if is_named or ranked.status == "supported"
        else "contradicted"
        if ranked.status == "refuted"
        else "undecided"
    )
    reason = None if reason_sql is None else _check_reason(case, reason_sql, run(case, reason_sql), found)
    parts = {judged, *([reason.judgement] if reason else [])}
    whole: Judgement = (
        "contradicted" if "contradicted" in parts else "undecided" if "undecided" in parts else "supported"
    )
    return ClaimCheck(whole, judged, _why(found, ranked, judged), reason, ranked, found)


def _why(found: Diagnosis, ranked: Ranked, judged: Judgement) -> Message:
    """Return the sentence on the judgement of a cause."""
    titles = {each.cause: value_of(each.title) for each in causes(found.question)}
    leading, probability = found.ranking[0], Share(ranked.probability)
    if judged == "supported":
        if ranked.finding.cause == found.cause:
            return message("claim-leading", confidence=Share(found.confidence))
        beside = titles[found.cause or leading.finding.cause]
        return message("claim-beside", cause=beside)
    if judged == "contradicted":
        against = sum(item.weight < 0 for item in ranked.finding.evidence)
        return message("claim-refuted", count=against)
    if found.cause and ranked.finding.cause == found.secondary_cause:
        return message("claim-linked", cause=titles[found.cause])
    if leading is ranked:
        return message("claim-first-but-undecided", probability=probability)
    return message(
        "claim-less-probable",
        cause=titles[leading.finding.cause],
        other=Share(leading.probability),
        probability=probability,
    )


def _check_reason(case: Case, query: str, rows: pd.DataFrame, found: Diagnosis) -> ReasonCheck:
    """Return the check of a reason by the rows of its query."""
    read = [name for name in TABLES if re.search(rf"\b{name}\b", query.lower())]
    if rows.empty:
        missing = [name for name in read if name not in case.tables]
        if missing:
            return ReasonCheck("undecided", message("claim-no-table", tables=missing), rows)
        return ReasonCheck("contradicted", message("claim-no-rows", tables=read), rows)
    times = _times(rows)
    if times is not None:
        return _check_times(case, rows, times, found)
    if any(TABLES[name].time for name in read) or not read:
        return ReasonCheck("undecided", message("claim-no-times", count=len(rows)), rows)
    return ReasonCheck("supported", message("claim-rows", count=len(rows)), rows)


def _check_times(case: Case, rows: pd.DataFrame, times: pd.Series, found: Diagnosis) -> ReasonCheck:
    """Return the check of a reason by the times of its rows: they must be more frequent in the incident."""
    start, window = found.incident_start, case.window
    if start is None or window is None:
        return ReasonCheck("undecided", message("claim-no-incident", count=len(rows)), rows)
    end = found.incident_end or window.end
    within = int(((times >= start) & (times <= end)).sum())
    if not within:
        return ReasonCheck("contradicted", message("claim-outside", count=len(rows)), rows, 0)
    share = min(1.0, max(0.0, (end - start).total_seconds() / max(window.seconds, 1.0)))
    is_chance = share < _MOST_OF_WINDOW and _by_chance(within, int(times.notna().sum()), share) > _CHANCE
    why = message(
        "claim-as-often" if is_chance else "claim-within",
        within=within,
        count=len(rows),
        share=Share(share),
    )
    return ReasonCheck("undecided" if is_chance else "supported", why, rows, within)


def _times(rows: pd.DataFrame) -> pd.Series | None:
    """Return the times of rows in UTC: their first column of times; None without one."""
    import pandas as pd

    for name in rows.columns:
        if isinstance(rows[name].dtype, pd.DatetimeTZDtype):
            return rows[name].dt.tz_convert("UTC")
        if pd.api.types.is_datetime64_any_dtype(rows[name]):
            return rows[name].dt.tz_localize("UTC")
    return None


def _by_chance(within: int, total: int, share: float) -> float:
    """Return how probable it is by chance that so many of the rows lie in a share of the window.

    The upper tail of a binomial distribution, by Chernoff's bound [1]_: it is never too small, so a reason is
    not called specific where it may not be.

    References
    ----------
    .. [1] H. Chernoff, "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of
       observations", Annals of Mathematical Statistics 23 (1952).
    """
    seen = within / total
    if seen <= share or share <= 0.0:
        return 1.0 if seen <= share else 0.0
    rest = 0.0 if within == total else (1 - seen) * math.log((1 - seen) / (1 - share))
    return math.exp(-total * (seen * math.log(seen / share) + rest))


def question_of_cause(case: Case, cause: str) -> str:
    """Return the question that a cause answers; errors are those of :func:`check_claim`."""
    known = {each.cause: question for question in ("health", "backlog") for each in causes(question)}
    if cause not in known:
        near = did_you_mean(nearest(cause, known))
        raise InputError(
            error_message(
                "error-no-cause-near" if near else "error-no-cause",
                cause=repr(cause),
                near=near,
                known=", ".join(known),
            )
        )
    if known[cause] not in questions_for(case):
        raise InputError(
            error_message("error-cause-other-question", case=case.name, question=known[cause], cause=cause)
        )
    return known[cause]


def claim_to_dict(check: ClaimCheck, language: str = "en") -> dict[str, Any]:
    """Return a check, ready for JSON: judgements, evidence for and against, and what would decide."""
    result = check.diagnosis.to_dict(language)
    ranked, reason = check.ranked.to_dict(language), check.reason
    evidence = [
        {key: each[key] for key in ("statement", "weight", "rows", "sql")} for each in ranked["evidence"]
    ]
    return {
        "judgement": check.judgement,
        "cause": {
            "id": ranked["cause"],
            "judgement": check.cause,
            "why": render(check.why, language),
            "probability": ranked["probability"],
            "status": ranked["status"],
        },
        "reason": reason
        and {
            "judgement": reason.judgement,
            "why": render(reason.why, language),
            "rows": len(reason.rows),
            "rows_in_incident": reason.within,
        },
        "evidence_for": [each for each in evidence if each["weight"] > 0],
        "evidence_against": [each for each in evidence if each["weight"] < 0],
        "diagnosis": {
            key: result[key]
            for key in ("question", "verdict", "cause", "other_causes", "confidence", "incident", "summary")
        },
        "would_decide": {
            "missing_evidence": [
                {key: each[key] for key in ("what", "why", "how")} for each in result["missing_evidence"]
            ],
            "next_test": ranked["next_test"],
            "not_covered": ranked["not_covered"],
        },
    }
