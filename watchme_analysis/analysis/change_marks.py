"""What changed, and when, as far as logs and CloudTrail tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_NGINX = {"reload": "Nginx reloads", "startup": "Nginx starts", "shutdown": "Nginx stops"}
_APART_S = 2.0


def change_marks(changes: pd.DataFrame, error_log: pd.DataFrame, app_log: pd.DataFrame) -> pd.DataFrame:
    """Return the changes that were recorded, in order of time.

    Parameters
    ----------
    changes, error_log, app_log
        Tables of the glossary, each may be empty.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``what`` (in words), ``source`` (the table). Calls that only read are left out; lines of
        one log that say the same within two seconds of each other are one change.
    """
    import pandas as pd

    parts = [
        (row.time, f"{row.event_name} {row.resource or ''}".strip() + _by(row.user), "changes")
        for row in changes[~changes["read_only"].fillna(False)]
        .fillna({"user": "", "resource": ""})
        .itertuples()
    ]
    for kind, group in error_log[error_log["kind"].isin(list(_NGINX))].groupby("kind"):
        parts += [(moment, _NGINX[kind], "error_log") for moment in _firsts(group["time"])]
    lifecycle = app_log[(app_log["kind"] == "lifecycle") & app_log["time"].notna()]
    for service, group in lifecycle.groupby(lifecycle["service"].fillna("")):
        who = f"the application {service}".rstrip()
        parts += [(moment, f"{who} starts or stops", "app_log") for moment in _firsts(group["time"])]
    found = pd.DataFrame(parts, columns=["time", "what", "source"])
    found = found.astype({"time": "datetime64[us, UTC]", "what": "string", "source": "string"})
    return found.sort_values("time", kind="stable", ignore_index=True)


def _by(user: str) -> str:
    return f" by {user}" if user else ""


def _firsts(times: pd.Series) -> list[object]:
    """Return the first moment of each cluster of lines."""
    ordered = times.dropna().sort_values()
    apart = ordered.diff().dt.total_seconds()
    return list(ordered[apart.isna() | (apart > _APART_S)])
