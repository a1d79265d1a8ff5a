"""A single evaluation of a CloudWatch alarm, as a pure function.

Source: Amazon CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data" (its two
tables and "Avoiding premature transitions to alarm state"). Where the text and the tables of that page
disagree, the tables are followed. Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Treatment = Literal["missing", "ignore", "breaching", "notBreaching"]
STATES: tuple[str, ...] = get_args(State)
TREATMENTS: tuple[str, ...] = get_args(Treatment)
# State for which AWS documents no rule: with ``missing``, fewer than M points exist, all of them breach, and
# the oldest is too young to raise the alarm.
LonePoint = Literal["keep", "insufficient", "ok"]
LONE_POINTS: tuple[str, ...] = get_args(LonePoint)


def check_rule_numbers(evaluation_periods: int, datapoints_to_alarm: int, treat_missing_data: str) -> None:
    """Raise an InputError for settings that CloudWatch would reject."""
    if not 1 <= datapoints_to_alarm <= evaluation_periods:
        raise InputError(
            error_message(
                "error-alarm-datapoints", datapoints=datapoints_to_alarm, periods=evaluation_periods
            )
        )
    if treat_missing_data not in TREATMENTS:
        raise InputError(
            error_message(
                "error-alarm-missing-data", value=repr(treat_missing_data), known=", ".join(TREATMENTS)
            )
        )


def check_lone_point(lone_point: str) -> None:
    """Raise an InputError for an unknown choice of :data:`LONE_POINTS`."""
    if lone_point not in LONE_POINTS:
        raise InputError(
            error_message("error-lone-point", name=repr(lone_point), known=", ".join(LONE_POINTS))
        )


def evaluate(
    points: Sequence[bool | None],
    evaluation_periods: int,
    datapoints_to_alarm: int,
    treat_missing_data: str = "missing",
    previous_state: str = "INSUFFICIENT_DATA",
    lone_point: str = "keep",
) -> str:
    """Return the state of an alarm after one evaluation: ``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``.

    There is one point per period over the evaluation range, oldest first: True for breaching, False for not
    breaching, None for missing. In CloudWatch the range has at least N (``evaluation_periods``) periods; the
    exact length is not published. M (``datapoints_to_alarm``) is between 1 and N; the treatment is
    ``missing``, ``ignore``, ``breaching`` or ``notBreaching``. Other values are an InputError.

    With N or more real points in range, the newest N decide, and the treatment has no effect. With fewer,
    ``breaching`` and ``notBreaching`` fill up to N. ``missing`` and ``ignore`` use the real points only: M
    breaching points result in ``ALARM``, and a real point that does not breach results in ``OK``. If all real
    points breach but there are fewer than M, ``missing`` results in ``ALARM`` once the oldest of them is at
    least M periods old, so that a single late point does not raise the alarm too early. Before that,
    ``lone_point`` decides, since AWS does not document it: ``keep`` the state, ``insufficient`` data or
    ``ok``; with ``ignore`` the state stays. The state that stays is ``previous_state``.
    """
    check_rule_numbers(evaluation_periods, datapoints_to_alarm, treat_missing_data)
    if previous_state not in STATES:
        raise InputError(
            error_message("error-alarm-state", name=repr(previous_state), known=", ".join(STATES))
        )
    check_lone_point(lone_point)
    real = [point for point in points if point is not None]
    breaching = sum(real[-evaluation_periods:])
    short = max(0, evaluation_periods - len(real))
    if short and treat_missing_data == "breaching":
        breaching += short
    if breaching >= datapoints_to_alarm:
        return "ALARM"
    if not short or treat_missing_data in ("breaching", "notBreaching") or not all(real):
        return "OK"
    if treat_missing_data == "ignore":
        return previous_state
    if not real:
        return "INSUFFICIENT_DATA"
    oldest_breaching_age = len(points) - list(points).index(True)
    if oldest_breaching_age >= datapoints_to_alarm:
        return "ALARM"
    return {"keep": previous_state, "insufficient": "INSUFFICIENT_DATA", "ok": "OK"}[lone_point]
