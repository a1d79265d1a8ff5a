"""The command ``watchme audit``: every setting with its rule, source, consequence and recommended value."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.options import functions_option, language_option, queues_option, system_option
from watchme_analysis.cli.output import TABLE, output_of, output_options
from watchme_analysis.cli.terminal import echo
from watchme_analysis.config import load_config
from watchme_analysis.text.render import error_sentence

if TYPE_CHECKING:
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
@language_option
@session_options
@output_options()
def audit(case: Path | None, live: bool, shows_all: bool, **options: Any) -> None:
    """Check every setting of a CASE: its rule and source, current value, consequence, recommended value.

    Checked are visibility timeout, receive count, DLQ, retention, redrive allow policy, concurrency, timeouts
    from the function through edge and Nginx to the application, partial batch responses, alarms, encryption,
    health checks, restart policy, workers and thread pool. A setting that is not in the data is reported as
    unknown. In --json, each sentence stands with its message id and values. Nothing is changed:
    `watchme settings plan` plans changes that the simulation has shown to help.
    """
    from watchme_analysis.services.audit import audit_account, audit_case

    output = output_of(options)
    if (case is None) != live:
        raise click.UsageError(error_sentence("error-case-or-live"))
    if case is not None and (options["queues"] or options["functions"]):
        raise click.UsageError(error_sentence("error-named-needs-live"))
    if case is not None:
        found = audit_case(case)
    else:
        queues, functions = options["queues"], options["functions"]
        system = load_config().chosen_system(options["system"])
        if not queues and not functions and system is not None:
            queues, functions = system.queues, system.functions
        found = audit_account(session_of(options), queues, functions)
    if output.form != TABLE:
        language = options["language"]
        document = [_as_json(each, language) for each in found]
        output.write_document(document, lambda: (_row(each, language) for each in found))
        return
    _print(found, options["language"], shows_all=shows_all)


def _print(found: tuple[Setting, ...], language: str, *, shows_all: bool) -> None:
    from watchme_analysis.present.console import filled
    from watchme_analysis.present.text_table import fit_table
    from watchme_analysis.text.message import Code, Count, message
    from watchme_analysis.text.render import label, render

    shown = [each for each in found if shows_all or each.status != "ok"]
    columns = ("rule", "resource", "status", "current", "recommended")
    if shown:
        heads = [label(f"audit-column-{name}", language) for name in columns]
        cells = [_cells(each, language) for each in shown]
        echo(fit_table(heads, [[row[name] for name in columns] for row in cells]) + "\n")
    same: dict[tuple[str, str, str], list[str]] = {}
    for each in shown:
        if each.consequence is not None:
            said = render(message("audit-consequence", text=each.consequence), language)
            same.setdefault((_cells(each, language)["rule"], said, each.source), []).append(each.resource)
    for (rule, said, source), resources in same.items():
        echo(filled(f"{', '.join(resources)}: {rule}", rest="  "))
        echo(filled(said, "  ", "    "))
        echo(f"  {render(message('audit-source', url=Code(source)), language).replace('`', '')}")
    counts = Counter(each.status for each in found)
    verdict = message(
        "audit-verdict",
        change=Count(counts["change"]),
        ok=Count(counts["ok"] + counts["choice"]),
        unknown=Count(counts["unknown"]),
    )
    echo(render(verdict, language))


def _cells(each: Setting, language: str) -> dict[str, str]:
    from watchme_analysis.text.message import Choice, message
    from watchme_analysis.text.render import render

    return {
        "rule": render(message("audit-rule", rule=Choice(each.rule)), language),
        "resource": each.resource,
        "status": render(message("audit-status", status=Choice(each.status)), language),
        "current": render(each.current, language).replace("`", ""),
        "recommended": render(each.recommended, language).replace("`", ""),
    }


def _row(each: Setting, language: str) -> dict[str, Any]:
    """Return a setting as a row of texts and ids."""
    from watchme_analysis.text.render import render

    texts = {"current": each.current, "recommended": each.recommended, "consequence": each.consequence}
    said = {name: None if text is None else render(text, language) for name, text in texts.items()}
    ids = {"rule": each.rule, "resource": each.resource, "status": each.status}
    return {**ids, **said, "source": each.source}


def _as_json(each: Setting, language: str) -> dict[str, Any]:
    from watchme_analysis.text.render import render

    texts = {"current": each.current, "recommended": each.recommended, "consequence": each.consequence}
    said = {
        name: None if text is None else {"sentence": render(text, language), "message": text.to_dict()}
        for name, text in texts.items()
    }
    return {
        "rule": each.rule,
        "resource": each.resource,
        "status": each.status,
        "source": each.source,
        **said,
    }
