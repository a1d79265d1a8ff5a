"""Checking a claim about a cause: supported, contradicted or undecided, with rows and what would decide.

Someone, such as a colleague or another program, says "the cause is X because Y". X is compared with the
diagnosis, Y with the rows of a query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.errors import InputError
from watchme_analysis.services.diagnose import causes_of, diagnose, questions_for
from watchme_analysis.text.render import error_message
from watchme_analysis.text.suggestions import did_you_mean, nearest

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.inference.findings import Diagnosis, Ranked

Judgement = Literal["supported", "contradicted", "undecided"]


@dataclass(frozen=True)
class ClaimCheck:
    """The check of a claim.

    Attributes
    ----------
    judgement
        ``supported`` if the cause is, and the reason holds; ``contradicted`` if either is; else
        ``undecided``.
    cause
        Judgement on the cause alone.
    reason
        Judgement on the reason alone; None without one.
    reason_rows
        Number of rows that show the reason; None without one.
    ranked
        The finding for the cause, with its evidence.
    diagnosis
        The diagnosis of the case.
    """

    judgement: Judgement
    cause: Judgement
    reason: Judgement | None
    reason_rows: int | None
    ranked: Ranked
    diagnosis: Diagnosis


def check_claim(
    case: Case,
    cause: str,
    reason_sql: str | None = None,
    since: str | None = None,
    diagnosis: Diagnosis | None = None,
) -> ClaimCheck:
    """Return the check of the claim that a cause is behind the incident of a case.

    A cause is supported if the diagnosis supports it, and contradicted if the diagnosis refutes it. A cause
    that is only less probable than another one is undecided.

    Parameters
    ----------
    case
        The case.
    cause
        Id of a cause, such as ``app_threadpool``.
    reason_sql
        Query over the case that returns rows if the reason holds.
    since
        Start of the window, as for a diagnosis.
    diagnosis
        The diagnosis of the case for the cause's question and this window, where there is one already.

    Raises
    ------
    InputError
        When the cause is unknown, or the case has no evidence for its question.
    QueryError
        When the query can't be run.
    """
    question = _question(case, cause)
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
    rows = None if reason_sql is None else len(case.sql(reason_sql))
    reason: Judgement | None = None if rows is None else "supported" if rows else "contradicted"
    parts = {judged, *([reason] if reason else [])}
    whole: Judgement = (
        "contradicted" if "contradicted" in parts else "undecided" if "undecided" in parts else "supported"
    )
    return ClaimCheck(whole, judged, reason, rows, ranked, found)


def _question(case: Case, cause: str) -> str:
    known = {each.cause: question for question in ("health", "backlog") for each in causes_of(question)}
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
    ranked = check.ranked.to_dict(language)
    evidence = [
        {key: each[key] for key in ("statement", "weight", "rows", "sql")} for each in ranked["evidence"]
    ]
    return {
        "judgement": check.judgement,
        "cause": {
            "id": ranked["cause"],
            "judgement": check.cause,
            "probability": ranked["probability"],
            "status": ranked["status"],
        },
        "reason": None if check.reason is None else {"judgement": check.reason, "rows": check.reason_rows},
        "evidence_for": [each for each in evidence if each["weight"] > 0],
        "evidence_against": [each for each in evidence if each["weight"] < 0],
        "diagnosis": {
            key: result[key]
            for key in ("question", "verdict", "cause", "other_causes", "confidence", "summary")
        },
        "would_decide": {
            "missing_evidence": [
                {key: each[key] for key in ("what", "why", "how")} for each in result["missing_evidence"]
            ],
            "next_test": ranked["next_test"],
            "not_covered": ranked["not_covered"],
        },
    }
