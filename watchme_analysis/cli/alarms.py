"""The command ``watchme alarms``: alarms back-tested on recorded metrics, planned, applied and exported."""

from __future__ import annotations

from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.alarm_plans import (
    export_command,
    plan_command,
    spec_option,
    verify_command,
)
from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.options import (
    queue_option,
    system_option,
    window_options,
)
from watchme_analysis.cli.plans import add_plan_commands
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import Choice, Message, Names, Resource, Text, message, value_of
from watchme_analysis.text.render import error_message, note

if TYPE_CHECKING:
    from watchme_analysis.alarms.specification import AlarmSpec
    from watchme_analysis.alarms.time_to_detect import Detection


@click.group(short_help="Back-test, create, test and export alarms.")
def alarms() -> None:
    """Back-test alarms on recorded metrics, then create, test and export them."""


add_plan_commands(alarms)
for _command in (plan_command, verify_command, export_command):
    alarms.add_command(_command)


@alarms.command(
    "list",
    short_help="List the alarms that are required, and those that a CASE has.",
    epilog="""\b
Examples:
  watchme alarms list
  watchme alarms list cases/last-night --output csv""",
)
@click.argument("case", type=CASE, required=False)
@spec_option
@system_option
@renders(["json", "csv"])
def list_command(out: Printer, case: Path | None, spec: Path | None, *, system: str | None) -> Result:
    """List the alarms that are required, and with a CASE those that existed in the account.

    `required` alarms are those of the specification, `existing` ones those of alarms.json in the case.
    """
    from watchme_analysis.alarms.specification import existing_alarms, read_specs
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.inference.findings import Investigation
    from watchme_analysis.present.text_table import align_rows

    found = [("required", one) for one in read_specs(spec or _required_alarms(system))]
    if case is not None:
        found += [("existing", one) for one in existing_alarms(Investigation(open_case(case), "backlog"))]
    rows = [
        {"alarm": one.name, "label": one.label, "kind": kind, "on": one.over, "rule": out.text(one.summary)}
        for kind, one in found
    ]
    labelled = [_labelled(one, out) for one in dict.fromkeys(one for _, one in found if one.label)]
    heads = [out.words(f"alarms-column-{name}") for name in ("alarm", "kind", "on", "rule")]
    cells = [(row["alarm"], out.words(f"alarms-kind-{row['kind']}"), row["on"], row["rule"]) for row in rows]
    return Result([*labelled, align_rows(heads, cells, words=range(len(heads)))], rows)


@alarms.command(
    "backtest",
    short_help="Evaluate alarms over a CASE: when and how often each fires.",
    epilog="""\b
Examples:
  watchme alarms backtest cases/last-night --noticed 2025-12-11T11:30
  watchme alarms backtest cases/last-night --spec alarms.yaml --sensitivity""",
)
@click.argument("case", type=CASE)
@spec_option
@system_option
@queue_option
@window_options()
@click.option("--sensitivity", is_flag=True, help="Also evaluate other thresholds and other M of N.")
@click.option(
    "--noticed", help="Time at which people noticed (ISO 8601); by default the first recorded reaction."
)
@renders(["json", "csv"], has_zone=True)
def backtest_command(
    out: Printer, case: Path, spec: Path | None, sensitivity: bool, **options: Any
) -> Result:
    """Evaluate alarms over a CASE: when each fires, after which delay, and how often falsely.

    Alarms of the specification and of the case (alarms.json) are evaluated every minute by CloudWatch's
    rules. The delay counts from the start of the incident that `watchme diagnose backlog` finds. An alarm
    that fires before it, or in a case without an incident, is a false alarm. The lead is the time between
    the alarm and the moment at which people noticed: the first recorded reaction, or --noticed.
    """
    from watchme_analysis.alarms.sections import alarm_advice, backtest_table, spared_by_a_check
    from watchme_analysis.alarms.specification import read_specs
    from watchme_analysis.alarms.time_to_detect import Detection
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.present.console import filled
    from watchme_analysis.present.text_table import fit_table
    from watchme_analysis.services.backtest import backtest_of_case
    from watchme_analysis.window import parse_time

    loaded, zone = open_case(case), out.zone
    if loaded.window is None:
        raise InputError(error_message("error-alarms-no-times", case=case))
    noticed = None
    if options["noticed"]:
        noticed = Detection(
            parse_time(options["noticed"], zone, now=loaded.window.end), note("backtest-noticed-option")
        )
    proposed = read_specs(spec or _required_alarms(options["system"]))
    window = {"since": options["since"], "until": options["until"], "zone": zone}
    tests = backtest_of_case(loaded, proposed, noticed, **window, subject=options["queue"])
    found = tests.diagnosis
    specs = (*tests.specs, *tests.existing)
    result = tests.sensitivity(tests.pipelines, specs) if sensitivity else tests.frame(tests.results)
    if not out.is_for_people:
        return Result(frame=result.assign(**{name: result[name].map(out.text) for name in ("rule", "note")}))
    dead = found.extra.get("dead_letters_of_incident") or 0
    sentences = [] if sensitivity else alarm_advice(result, tests.start, tests.affected, dead, zone)
    texts: list[Text] = [
        *_when(tests.start, tests.detection, zone, found.verdict == "no_incident"),
        *sentences,
        *spared_by_a_check(found, zone),
    ]
    lines = [filled(out.text(text)) for text in texts]
    lines += [_labelled(one, out) for one in specs if one.label]
    view = backtest_table(result, zone, out.language)
    if view.rows:
        lines.append(fit_table(view.heads, view.rows, titles=2))
    if view.note:
        lines.append(filled(view.note))
    without = sorted({spec.name for spec in specs} - set(result["alarm"]))
    if without:
        names = Names(tuple(without), limit=len(without))
        lines.append(filled(out.words("backtest-not-evaluated", alarms=names)))
    if not sensitivity:
        for each in tests.advice(specs):
            finding = value_of(each.finding)
            said = out.words("backtest-better", alarm=each.alarm, resource=each.resource, finding=finding)
            lines.append(filled(said, rest="        "))
            instead, effect = value_of(each.instead), value_of(each.effect)
            said = out.words("backtest-instead", instead=instead, effect=effect)
            lines.append(filled(said, "        ", "          "))
    notes = loaded.coverage().get("metrics", {}).get("notes", ())
    return Result(lines, notes=[f"metrics: {out.text(text)}" for text in notes])


def _required_alarms(system: str | None) -> str:
    """Return the file with the alarms of the system; empty without one."""
    chosen = load_config().chosen_system(system)
    return (chosen.alarms if chosen else None) or ""


def _labelled(spec: AlarmSpec, out: Printer) -> str:
    """Return that an alarm of the specification is a standard alarm, under whose name it is shown."""
    from watchme_analysis.present.console import filled

    return filled(out.words("backtest-standard", alarm=spec.name, label=spec.label))


def _when(start: datetime | None, detection: Detection | None, zone: tzinfo, is_calm: bool) -> list[Message]:
    """Return sentences on the start of the incident and the time at which people noticed."""
    if start is None:
        return [message("backtest-no-start", known=Choice("calm" if is_calm else "unknown"))]
    begun = Resource(format_time(start, zone, seconds=False))
    since = message("backtest-incident", start=begun, zone=Resource(str(zone)))
    if detection is None:
        return [since, message("backtest-no-reaction")]
    at = Resource(format_time(detection.at, zone, seconds=False))
    return [since, message("backtest-noticed", time=at, how=value_of(detection.how))]
