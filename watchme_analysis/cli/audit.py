"""The command ``watchme audit``: every setting with its rule, source, consequence and recommended value."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.options import functions_option, queues_option, system_option
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.config import load_config
from watchme_analysis.storage.process_temp_dir import process_temp_dir
from watchme_analysis.text.message import Choice, Code, Count, Message
from watchme_analysis.text.render import error_sentence

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.remedies.audit import Setting


@click.command(
    short_help="Check settings against the rules of AWS, Docker and FastAPI.",
    epilog="""\b
Examples:
  watchme audit cases/last-night
  watchme audit cases/last-night --all --to settings.csv
  watchme audit --live --queue orders --json""",
)
@click.argument("case", type=CASE, required=False)
@click.option(
    "--live", is_flag=True, help="Without a CASE: read the settings of the account as they are now."
)
@queues_option
@functions_option
@system_option
@click.option("--all", "shows_all", is_flag=True, help="Print also the settings that conform.")
@session_options
@renders()
def audit(out: Printer, case: Path | None, *, live: bool, shows_all: bool, **options: Any) -> Result:
    """Check every setting of a CASE: its rule and source, current value, consequence, recommended value.

    Checked are visibility timeout, receive count, DLQ, retention, redrive allow policy, concurrency, timeouts
    from the function through edge and Nginx to the application, partial batch responses, alarms, encryption,
    health checks, restart policy, workers and thread pool. A setting that is not in the data is reported as
    unknown. In --json, each sentence stands with its message id and values. Nothing is changed:
    `watchme settings plan` plans changes that the simulation has shown to help.
    """
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.services.collect import pull_settings

    if (case is None) != live:
        raise click.UsageError(error_sentence("error-case-or-live"))
    if case is not None and (options["queues"] or options["functions"]):
        raise click.UsageError(error_sentence("error-named-needs-live"))
    if case is not None:
        found = _audited(open_case(case))
    else:
        queues, functions = options["queues"], options["functions"]
        system = load_config().chosen_system(options["system"])
        if not queues and not functions and system is not None:
            queues, functions = system.queues, system.functions
        with tempfile.TemporaryDirectory(dir=process_temp_dir()) as folder:
            found = _audited(pull_settings(session_of(options), queues, functions, Path(folder) / "case"))
    shown = [each for each in found if shows_all or each.status != "ok"]
    return Result(
        _lines(found, shown, out),
        [_row(each, lambda said: said and out.text(said)) for each in found],
        [_row(each, lambda said: said and out.document(said)) for each in found],
    )


def _audited(case: Case) -> tuple[Setting, ...]:
    from watchme_analysis.remedies.audit import audit as audited

    return audited(case, knows_alarms="alarms" in case.coverage())


def _row(each: Setting, said: Callable[[Message | None], Any]) -> dict[str, Any]:
    """Return a setting as a row, its sentences as a function returns them."""
    names = ("current", "recommended", "consequence")
    ids = {"rule": each.rule, "resource": each.resource, "status": each.status}
    return ids | {name: said(getattr(each, name)) for name in names} | {"source": each.source}


def _lines(found: Sequence[Setting], shown: Sequence[Setting], out: Printer) -> Iterator[str]:
    """Yield the settings as a table, the consequences by rule and source, and the counts."""
    from watchme_analysis.present.console import filled
    from watchme_analysis.present.text_table import fit_table

    if shown:
        columns = ("rule", "resource", "status", "current", "recommended")
        heads = [out.words(f"audit-column-{name}") for name in columns]
        yield fit_table(heads, [_cells(each, out) for each in shown]) + "\n"
    same: dict[tuple[str, Message, str], list[str]] = {}
    for each in shown:
        if each.consequence is not None:
            same.setdefault((each.rule, each.consequence, each.source), []).append(each.resource)
    for (rule, consequence, source), resources in same.items():
        rule_name = out.words("audit-rule", rule=Choice(rule))
        yield filled(f"{', '.join(resources)}: {rule_name}", rest="  ")
        yield filled(out.words("audit-consequence", text=consequence), "  ", "    ")
        yield f"  {out.words('audit-source', url=Code(source))}".replace("`", "")
    counts = Counter(each.status for each in found)
    yield out.words(
        "audit-verdict",
        change=Count(counts["change"]),
        ok=Count(counts["ok"] + counts["choice"]),
        unknown=Count(counts["unknown"]),
    )


def _cells(each: Setting, out: Printer) -> list[str]:
    rule = out.words("audit-rule", rule=Choice(each.rule))
    status = out.words("audit-status", status=Choice(each.status))
    values = [out.text(said).replace("`", "") for said in (each.current, each.recommended)]
    return [rule, each.resource, status, *values]
