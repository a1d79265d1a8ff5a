"""The command ``watchme alarms``: proposed alarms tried on recorded metrics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.errors import FormatError, InputError

if TYPE_CHECKING:
    from watchme_analysis.analysis.alarm_specs import AlarmSpec


@click.group()
def alarms() -> None:
    """Try alarms on what was recorded, before they exist."""


@alarms.command("backtest")
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--spec",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file of alarms; the team's own, bundled with the package, if not given.",
)
@click.option("--queue", help="Only this queue, its function and its dead-letter queue.")
@click.option("--sensitivity", is_flag=True, help="Show how it moves with the threshold and with M of N.")
@click.option("--timezone", default="Asia/Tokyo", show_default=True, help="Zone of the times shown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def backtest_command(
    case: Path, spec: Path | None, queue: str | None, sensitivity: bool, timezone: str, as_json: bool
) -> None:
    """Tell when each alarm would have fired over a CASE, how late, and how often in vain.

    Alarms are evaluated each minute by CloudWatch's own rules. Late counts from the start of the incident
    that `watchme diagnose backlog` finds; a ring before it, or in a case without incident, is in vain.
    """
    from watchme_analysis.analysis import alarm_specs
    from watchme_analysis.analysis.flows import flows
    from watchme_analysis.case import open_case
    from watchme_analysis.diagnosis import diagnose
    from watchme_analysis.window import parse_zone

    zone = parse_zone(timezone)
    opened = open_case(case)
    found = diagnose("backlog", opened, subject=queue)
    start = found.incident_start
    watched = flows(opened, queue)
    frames = [flow.frame for flow in watched if len(flow.frame)]
    if not frames:
        raise InputError(f"The case {case} holds no metrics of a queue: pull or import them first.")
    span = max((frame.index[-1] - frame.index[0]).total_seconds() for frame in frames)
    specs = _read(spec)
    if sensitivity:
        result = alarm_specs.sensitivity(opened, watched, specs, start, span)
    else:
        result = alarm_specs.tried_frame(alarm_specs.try_alarms(opened, watched, specs), start, span)
    if as_json:
        click.echo(result.to_json(orient="records", date_format="iso"))
        return
    click.echo(
        "no incident: every ring is in vain"
        if start is None
        else f"incident from {start.astimezone(zone):%Y-%m-%d %H:%M} ({timezone})"
    )
    quiet = result["times_raised"].eq(0).fillna(False)
    if (~quiet).any():
        click.echo(_table(result[~quiet], zone))
    click.echo(f"never rang: {int(quiet.sum())} of {len(result)} (--json lists them)")


def _read(path: Path | None) -> tuple[AlarmSpec, ...]:
    """Read a specification; the bundled one without a path."""
    from importlib.resources import files

    import yaml

    from watchme_analysis.analysis.alarm_specs import parse_specs

    try:
        text = (path or files("watchme_analysis") / "alarms" / "team.yaml").read_text(encoding="utf-8")
        return parse_specs(yaml.safe_load(text), str(path or "team.yaml"))
    except OSError as error:
        raise InputError(
            f"The specification {path} can't be read ({error.strerror}): check the path."
        ) from error
    except yaml.YAMLError as error:
        raise FormatError(f"The specification {path} is no YAML ({error}): mend it.") from error


def _table(frame: Any, zone: Any) -> str:
    """Lay out the back-test for a terminal."""

    def cell(value: Any, column: str) -> str:
        import pandas as pd

        if value is None or pd.isna(value):
            return "-"
        if column in ("first", "cleared"):
            return f"{value.astimezone(zone):%m-%d %H:%M}"
        if column in ("minutes_after_start", "false_a_week"):
            return f"{value:.1f}"
        return "yes" if value is True else "no" if value is False else str(value)

    shown = [column for column in frame.columns if column != "note" or frame["note"].ne("").any()]
    heads = [column.replace("_", " ") for column in shown]
    rows = [
        [cell(value, column) for value, column in zip(row, shown, strict=True)]
        for row in frame[shown].to_numpy()
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in [heads, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)
