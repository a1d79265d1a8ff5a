"""The command ``watchme case pull``: retrieval of evidence from AWS into a case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import (
    Progress,
    aws_options,
    check_window,
    query_options_of,
    session_of,
    session_options,
    window_of,
)
from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import (
    ChoiceWithSuggestion,
    functions_option,
    policy_option,
    queues_option,
    system_option,
)
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.cloudwatch.iam_policy import Grant, pull_grants
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Message, Names, Resource, Text, message, value_of
from watchme_analysis.text.render import error_message, error_sentence
from watchme_analysis.text.shell_quoting import shell_path

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.services.collect import Pulled


def _sample(question: str | None, stated: int | None) -> int:
    """Return the most messages to read from each dead-letter queue."""
    from watchme_analysis.services.collect import Request

    if stated is not None:
        return stated
    return 0 if question == "health" else Request.sample


def _grants(options: Mapping[str, Any]) -> Iterator[Grant]:
    """Yield what IAM must allow; messages may be received from queues that are named, and from no other."""
    if not _sample(options["question"], options["dlq_sample"]):
        return pull_grants()
    system = None if options["queues"] else load_config().chosen_system(options["system"])
    queues = options["queues"] or (system.dlqs if system else ())
    Printer(options["language"]).note(message("pull-policy", count=len(queues), queues=_all(queues)))
    return pull_grants(queues)


@click.command(
    epilog="""\b
Examples:
  watchme case pull backlog --queue uploads --since 2025-12-10
  watchme case pull health CASE --function worker --instance i-0123456789abcdef0
  watchme case pull backlog --system orders --since 24h
  watchme case pull --print-policy"""
)
@click.argument("question", required=False, type=ChoiceWithSuggestion(["health", "backlog"]))
@click.argument("case", required=False, type=CASE)
@system_option
@queues_option
@functions_option
@click.option("--instance", "instances", multiple=True, help="EC2 instance id. Repeatable.")
@click.option("--log-group", "log_groups", multiple=True, help="Further log group, all of its events.")
@session_options
@click.option(
    "--dlq-sample",
    type=click.IntRange(min=0),
    help="Most messages to read from each dead-letter queue; they stay there.  [default: 1000 for backlog]",
)
@click.option(
    "--raw",
    type=click.Path(path_type=Path),
    help="Also write the raw responses to this folder, in the AWS CLI's format.",
)
@policy_option(_grants)
@aws_options
@renders(writes_case=True)
def pull(out: Printer, question: str | None, case: Path | None, *, force: bool, **options: Any) -> Result:
    """Pull the evidence of an incident from AWS into a CASE.

    QUESTION is health or backlog. Give a queue, a function or an instance, or state them as a system in
    watchme.toml; connected functions, queues and dead-letter queues are found. The command retrieves metrics,
    logs, the state of queues and functions, alarms and recorded changes. It changes nothing in the account
    except the receive count of messages that it reads from dead-letter queues (--dlq-sample 0 reads none).

    Responses are cached, so the same command with --offline writes the case again without AWS. A CASE of
    other evidence, such as another window, is not replaced without --force, and files that you put into the
    CASE are kept. In the other forms of --output, each table of the case is a row. The exit code is 1 if a
    part could not be retrieved; the case then holds the other parts and names the missing one.
    """
    from watchme_analysis.case.importer import check_new_case
    from watchme_analysis.services.collect import Request, case_folder, check_raw, pull_case, resources

    sample = _sample(question, options["dlq_sample"])
    if question is None:
        raise click.UsageError(error_sentence("error-question-missing"))
    check_window(options)
    if case is not None:
        check_new_case(case)
    check_raw(options["raw"])
    names = {kind: options[kind] for kind in ("queues", "functions", "instances", "log_groups")}
    named = resources(names, options["system"])
    if not any(named.values()):
        raise InputError(error_message("error-pull-nothing-named"))
    aws = session_of(options)
    for resource in (*named["queues"], *named["functions"]):
        aws.check_region(resource)
    query_options = query_options_of(options, aws)
    window = window_of(options, query_options, ["pull", question, *map(list, named.values())])
    request = Request(
        window,
        **named,
        sample=sample,
        usd_per_gb=options["usd_per_gb"],
        options=query_options,
    )
    target = case or case_folder(question, named, window)
    with Progress(out) as progress:
        pulled = pull_case(
            aws,
            request,
            target,
            raw=options["raw"],
            progress=progress,
            announce=progress.announce,
            force=force,
        )
    notes: list[Text] = [
        message("pull-missing", part=value_of(part), reason=value_of(why))
        for part, why in pulled.failures.items()
    ]
    notes += [message("print-note", text=value_of(note)) for note in pulled.notes]
    if pulled.failures:
        # A relative window ends at the current time, for which the cache has no entry, so absolute times are
        # printed.
        start, end = (moment.isoformat(timespec="seconds") for moment in (window.start, window.end))
        notes.append(message("pull-again", start=Resource(start), end=Resource(end)))
    of_system = f" --system {options['system']}" if options["system"] else ""
    following = f"watchme diagnose {question} {shell_path(target)}{of_system}"
    return Result(
        _lines(pulled, target, following, out),
        table_rows(pulled.case),
        notes=notes,
        outcome=ExitCode.FAILED if pulled.failures else ExitCode.DONE,
    )


def table_rows(case: Case) -> list[dict[str, Any]]:
    """Return a row for each table of a case: its rows, rejected lines and window."""
    columns = ("rows", "rejected", "truncated", "start", "end")
    return [
        {"table": name} | {key: entry.get(key) for key in columns} for name, entry in case.coverage().items()
    ]


def contents_of(case: Case) -> Message:
    """Return a phrase on the number of tables and rows of a case."""
    rows = sum(entry["rows"] for entry in case.manifest["tables"].values())
    return message("case-contents", tables=len(case.tables), rows=rows)


def _lines(pulled: Pulled, target: Path, following: str, out: Printer) -> Iterator[Text]:
    from watchme_analysis.present.text_table import aligned_lines
    from watchme_analysis.prices import size_message, usd_message

    case = pulled.case
    yield message("pull-queues", queues=_all(pulled.scope.queues))
    yield message("pull-functions", functions=_all(pulled.scope.functions))
    consumers = case.table("consumers")
    if running := consumers.loc[consumers["kind"] != "definition", "name"].dropna().tolist():
        yield message("pull-consumers", consumers=_all(dict.fromkeys(running)))
    heads = [out.words(f"print-coverage-{name}") for name in ("table", "rows")]
    cells = [[table, f"{entry['rows']:,}"] for table, entry in case.coverage().items()]
    yield from (f"  {line}" for line in aligned_lines(heads, cells, words=(0,)))
    queries = case.table("log_queries")
    returned = queries[queries["truncated"] & queries["rows"].notna()]
    cut = [name for name in returned["query_name"] if name not in pulled.failures]
    if cut:
        yield message("pull-cut", queries=_all(cut))
    yield message("pull-scanned", size=size_message(pulled.bytes_scanned), price=usd_message(pulled.usd))
    yield message("pull-case", case=Resource(str(target)), contents=contents_of(case))
    yield message("print-next", command=Resource(following))


def _all(names: Iterable[str]) -> Names:
    """Return names of which none is left out."""
    listed = tuple(names)
    return Names(listed, limit=max(1, len(listed)))
