"""Back-test of an automatic restart on the probes of a case."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.guard import GuardBacktest, GuardSettings, backtest_guard

if TYPE_CHECKING:
    import pandas as pd

# The vantage that a guard on the host has, and what stands for it in a case without it.
_NEAREST = ("host", "inside", "outside")


def backtest(case: Path, settings: GuardSettings) -> GuardBacktest:
    """Return what a guard would have done at the probes of a case.

    The probes of the vantage nearest to the host count. A probe is healthy if it has a status of success
    within the guard's time limit.

    Parameters
    ----------
    case
        Case folder, or a folder of raw evidence.
    settings
        Settings of the guard; the path of its URL selects the probes.

    Raises
    ------
    InputError
        When the case has no probes of that path.
    """
    opened = open_case(case)
    probes = opened.table("probes")
    path = urlsplit(settings.url).path or "/"
    of_path = probes[(probes["path"] == path) & probes["time"].notna()].sort_values("time")
    for vantage in _NEAREST:
        chosen = of_path[of_path["vantage"] == vantage]
        if len(chosen):
            break
    else:
        known = ", ".join(sorted(probes["path"].dropna().unique())) or "none"
        raise InputError(
            f"The case {opened.name} has no probes of {path} (paths: {known}): nothing to back-test."
        )
    inside = of_path[of_path["vantage"] == "inside"]
    return backtest_guard(
        settings, _checks(chosen, settings), _checks(inside, settings) if len(inside) else None
    )


def _checks(probes: pd.DataFrame, settings: GuardSettings) -> list[tuple[datetime, bool]]:
    is_healthy = (
        probes["error"].isna()
        & probes["status"].between(200, 299).fillna(False)
        & (probes["duration_s"].fillna(0) <= settings.timeout_s)
    )
    return [(time.to_pydatetime(), bool(each)) for time, each in zip(probes["time"], is_healthy, strict=True)]
