"""Redrive of the messages of a case, an archive or a list: selection, plan, and the redrive itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import region_of, resource_name
from watchme_analysis.case.case_folder import Case, UnreadFile
from watchme_analysis.case.opening import open_case
from watchme_analysis.config import WorkItemSettings, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import Pipeline, pipelines
from watchme_analysis.queues.redrive_list import (
    ListedMessage,
    RedriveList,
    message_line,
    messages_to_redrive,
)
from watchme_analysis.queues.work_items import (
    day_pairs,
    first_of,
    key_in_body,
    work_item_settings,
    work_items,
)
from watchme_analysis.redact import described
from watchme_analysis.remedies.apply import recorded as recorded_in_case
from watchme_analysis.remedies.queue_archive import is_archive, read_archive
from watchme_analysis.remedies.queue_reader import BATCH, dead_letter_queue_url
from watchme_analysis.remedies.redrive import (
    EarlierRuns,
    RedriveAudit,
    RedriveLimits,
    RedriveTask,
    pending_messages,
    place_of,
    place_sentence,
    run_redrive,
)
from watchme_analysis.simulation.fit import fit, recorded
from watchme_analysis.storage.journal import read_journal
from watchme_analysis.text.message import Choice, Duration, Message, Names, Number, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

_JOURNAL_SUFFIX = ".redrive-journal.jsonl"
_TABLE = "queue_messages"
_DEFAULT_LIMITS = RedriveLimits()
# Share of the highest rate at which a redrive is sent at least, whatever the usual load.
_LEAST_SHARE = 0.1
# Messages per second that a function without a limit takes one after another, if it is quick enough: a case
# of little load does not show more.
_SEQUENTIAL_PER_S = 1.0


@dataclass(frozen=True, repr=False)
class RedrivePlan:
    """Messages to redrive that no earlier run has sent."""

    found: RedriveList
    pending: tuple[str, ...]  # lines of ``found`` that :func:`complete_redrive` would send
    earlier: EarlierRuns
    journal: Path
    case: Case | None = None  # None for a file without one
    recorded_in: Path | None = None  # folder of the case for its actions; None for raw evidence
    # ``retry_unconfirmed`` and ``retry_rejected`` of :func:`plan_redrive`.
    retry: Mapping[str, bool] = field(default_factory=dict)
    is_archived: bool = False  # the messages are sent also if they are in no DLQ any more

    def __repr__(self) -> str:
        """Return the number of messages in one line."""
        left_out = sum(count for _, count in self.found.left_out)
        return described(self, f"of {len(self.pending)} messages; {left_out} left out")

    def _repr_html_(self) -> str:
        """Return how many messages are sent, and how many are left out for which reason, as a table."""
        import pandas as pd

        rows = [("to send", len(self.pending)), *self.found.left_out]
        return str(pd.DataFrame(rows, columns=["outcome", "messages"]).to_html(index=False))

    @property
    def text(self) -> str:
        """Return the pending messages as JSON Lines for ``aws sqs send-message --cli-input-json``."""
        return "".join(f"{line}\n" for line in self.pending)

    @property
    def holds_messages(self) -> bool:
        """Return whether the messages are in a file, or the case contains messages of a queue."""
        return self.case is None or bool(self.found.lines) or not self.case.table(_TABLE).empty

    @property
    def unread(self) -> tuple[UnreadFile, ...]:
        """Return the files of the case with messages that could not be read."""
        files = () if self.case is None else self.case.unread
        return tuple(file for file in files if _TABLE in file.tables)


def plan_redrive(  # noqa: PLR0913  the messages, and which of them are sent
    case: Case | str | Path,
    queue: str | None = None,
    *,
    include_unknown: bool = False,
    same_work: Sequence[str] = (),
    journal: Path | None = None,
    retry_unconfirmed: bool = False,
    retry_rejected: bool = False,
) -> RedrivePlan:
    """Return the plan of a redrive; no message is sent.

    Parameters
    ----------
    case
        A case, its folder, or a folder of raw evidence.
    queue
        Only messages of this source queue; of all queues when None.
    include_unknown
        Include messages for which no evidence shows whether their content caused the failure.
    same_work
        Keys of bodies: of messages with the same values of all of them, only the first is sent.
    journal
        Journal of the messages sent; by default :func:`journal_beside` the case.
    retry_unconfirmed
        Include messages that an earlier run has sent, or may have sent, and not confirmed.
    retry_rejected
        Include messages that SQS rejected in an earlier run.

    Raises
    ------
    InputError
        When the case has no such queue, or the journal can't be read.
    CaseError
        When the case can't be opened.
    """
    opened = case if isinstance(case, Case) else open_case(case)
    # Analyses of an investigation are computed once.
    investigation = Investigation(opened, "backlog")
    known = [pipeline.queue for pipeline in pipelines(investigation)]
    if queue is not None and queue not in known:
        raise InputError(
            error_message(
                "error-redrive-unknown-queue",
                case=opened.name,
                queue=repr(queue),
                known=", ".join(known) or "unknown",
            )
        )
    found = messages_to_redrive(investigation, queue, include_unknown=include_unknown, same_work=same_work)
    path = opened.path if isinstance(case, Case) else Path(case)
    retry = {"retry_unconfirmed": retry_unconfirmed, "retry_rejected": retry_rejected}
    return _plan_of(found, journal or journal_beside(path), opened, path, retry)


def plan_from_file(
    path: Path, queue: str | None = None, case: Path | None = None, journal: Path | None = None, **retry: bool
) -> RedrivePlan:
    """Return the plan of a redrive of the messages of an archive, or of a list; no message is sent.

    The queue of an archive's messages is in the account and region of the archived queue. A case leaves out
    messages whose work was done, and those that can't succeed. The journal is beside the case, else the file.
    A file that is neither, or an archive without a queue, is an InputError.
    """
    opened = None if case is None else open_case(case)
    left_out: dict[str, str] = {}
    if opened is not None:
        found = messages_to_redrive(Investigation(opened, "backlog"), None)
        left_out = {name: reason for _, name, reason in found.excluded}
    settings = load_config().work_items if opened is None else work_item_settings(opened)
    is_from_archive = is_archive(path)
    listed, urls = (_from_archive if is_from_archive else _from_list)(path, queue, settings)
    chosen = RedriveList(
        tuple(each for each in listed if each.message_id not in left_out),
        excluded=tuple(
            (each.queue, each.message_id, left_out[each.message_id])
            for each in listed
            if each.message_id in left_out
        ),
        urls=urls,
    )
    journal = journal or journal_beside(path if case is None else case)
    return replace(_plan_of(chosen, journal, opened, case, retry), is_archived=is_from_archive)


def plan_of_work(
    case: Path, queue: str, template: str, journal: Path | None = None, **retry: bool
) -> RedrivePlan:
    """Return the plan of messages for work that was never done and that no message names; none is sent.

    One is created for each item and day that the messages of the case's DLQs name and that was not processed:
    ``{item}`` and ``{day}`` of the template are replaced. A template with neither, or a queue whose URL is
    unknown, is an InputError.
    """
    if not any(name in template for name in ("{item}", "{day}")):
        raise InputError(error_message("error-template-same", item="{item}", day="{day}"))
    opened = open_case(case)
    investigation = Investigation(opened, "backlog")
    urls = dict(messages_to_redrive(investigation).urls)
    if queue not in urls:
        raise InputError(
            error_message("error-queue-url-missing", queue=queue, known=", ".join(urls) or "unknown")
        )
    frame = work_items(investigation)
    open_work = frame[(frame["state"] == "dead_lettered") & ~frame["processed"].fillna(value=False)]
    created: dict[str, ListedMessage] = {}
    for item, day in day_pairs(open_work):
        body = template.replace("{item}", json.dumps(item)[1:-1]).replace("{day}", day)
        line = message_line(urls[queue], None, body, group_id=item)
        created.setdefault(line, ListedMessage(line, None, queue, None, item, day))
    chosen = RedriveList(tuple(created.values()), urls=tuple(urls.items()))
    return _plan_of(chosen, journal or journal_beside(case), opened, case, retry)


def _plan_of(
    found: RedriveList, path: Path, opened: Case | None, case: Path | None, retry: Mapping[str, bool]
) -> RedrivePlan:
    pending, earlier = pending_messages(found.listed, read_journal(path), **retry)
    lines = tuple(each.line for each in pending)
    is_imported = opened is not None and case is not None and opened.path.resolve() == case.resolve()
    return RedrivePlan(found, lines, earlier, path, opened, case if is_imported else None, retry)


# Messages, and the URLs of queues by name.
_Listed = tuple[list[ListedMessage], tuple[tuple[str, str], ...]]


def _from_archive(path: Path, queue: str | None, settings: WorkItemSettings) -> _Listed:
    archive = read_archive(path)
    if queue is None:
        raise InputError(error_message("error-archive-queue-missing"))
    url = f"{archive.url.rstrip('/').rsplit('/', 1)[0]}/{queue}"
    dlq, listed = resource_name(archive.url), []
    for name, stored in archive.messages.items():
        body, group = str(stored.get("Body", "")), stored.get("Attributes", {}).get("MessageGroupId")
        line = message_line(url, name, body, stored.get("MessageAttributes"), group)
        listed.append(ListedMessage(line, name, queue, dlq, *_work_in(body, settings)))
    return listed, ((queue, url), (dlq, archive.url))


def _from_list(path: Path, queue: str | None, settings: WorkItemSettings) -> _Listed:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        listed = [_listed(line, settings) for line in lines]
    except OSError as error:
        raise InputError(error_message("error-redrive-file-unreadable", path=path, reason=error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(error_message("error-redrive-file-foreign", path=path)) from error
    return [each for each in listed if queue in (None, each.queue)], ()


def _listed(line: str, settings: WorkItemSettings) -> ListedMessage:
    stated: dict[str, Any] = json.loads(line)
    name = stated["MessageAttributes"].get("resent_message_id", {}).get("StringValue")
    work = _work_in(str(stated["MessageBody"]), settings)
    return ListedMessage(line, name, resource_name(str(stated["QueueUrl"])), None, *work)


def _work_in(body: str, settings: WorkItemSettings) -> tuple[str | None, str | None]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    item = first_of(parsed, settings.item_keys) if isinstance(parsed, dict) else None
    return None if item is None else str(item), key_in_body(body, settings)


def redrive_task(plan: RedrivePlan) -> RedriveTask:
    """Return the messages of a plan as a task for one queue of known URL; several are an InputError."""
    if plan.found.without_url:
        raise InputError(error_message("error-redrive-url-unknown", queues=", ".join(plan.found.without_url)))
    queues = sorted({one.queue for one in plan.found.listed})
    if not queues:
        raise InputError(error_message("error-redrive-nothing"))
    if len(queues) > 1:
        raise InputError(error_message("error-redrive-several-queues", queues=", ".join(queues)))
    items, pipeline = plan.found.listed, _pipeline(plan)
    return RedriveTask(
        queue_url=json.loads(items[0].line)["QueueUrl"],
        items=items,
        dlq_url=dict(plan.found.urls).get(items[0].dlq or ""),
        excluded={name: reason for queue, name, reason in plan.found.excluded if queue == queues[0]},
        function=None if pipeline is None else pipeline.function,
        is_archived=plan.is_archived,
    )


def _pipeline(plan: RedrivePlan) -> Pipeline | None:
    """Return the queue that the messages of a plan are for, as the case knows it."""
    queues = {one.queue for one in plan.found.listed}
    if plan.case is None or len(queues) != 1:
        return None
    return next(iter(pipelines(plan.case, *queues)), None)


def known_rate(plan: RedrivePlan) -> float | None:
    """Return messages per second that the function of a plan's queue can process beside its usual load.

    It is the concurrency over the usual service time of the simulation's fit, without the usual arrivals.
    When the concurrency is not limited, it is the highest rate of processed messages in the case, or that of
    one invocation after another if the load of the case was lower. At least a tenth of it is returned. None
    when the case has no such metrics.
    """
    pipeline = _pipeline(plan)
    if plan.case is None or pipeline is None:
        return None
    try:
        fitted = fit(pipeline, recorded(pipeline, plan.case))
    except InputError:
        return None
    poller, mean_s = fitted.settings.poller, fitted.settings.api.mean_s
    limits = [each for each in (poller.max_concurrency, poller.reserved_concurrency) if each]
    arrivals = sum(fitted.load.counts) / (len(fitted.load.counts) * pipeline.period_s)
    if limits and mean_s > 0:
        most = min(limits) / mean_s
    else:
        processed = pipeline.frame["deleted"].dropna()
        most = float(processed.max()) / pipeline.period_s if len(processed) else 0.0
        most = max(most, min(_SEQUENTIAL_PER_S, 1 / mean_s)) if most and mean_s > 0 else most
    return max(most - arrivals, _LEAST_SHARE * most) or None


def plan_sentences(plan: RedrivePlan, limits: RedriveLimits) -> list[Message]:
    """Return what :func:`complete_redrive` would do, for review: selection, steps, cost, risks and undo."""
    task = redrive_task(plan)
    found, number = plan.found, len(plan.pending)
    reasons = dict(found.left_out)
    joined = reasons.pop("same-work", 0)
    said = [message("redrive-plan-title", count=number, queue=Resource(resource_name(task.queue_url)))]
    said.append(place_sentence(*place_of(task.queue_url)))
    if plan.earlier.sent:
        said.append(message("redrive-plan-earlier", count=plan.earlier.sent))
    if plan.retry.get("retry_unconfirmed"):
        said.append(message("redrive-plan-again"))
    if reasons:
        said.append(message("redrive-plan-left-out", count=sum(reasons.values())))
    if found.same_work:
        said.append(message("redrive-plan-same-work", count=joined, keys=Names(found.same_work)))
    if found.may_have_run:
        said.append(message("redrive-plan-may-have-run", count=found.may_have_run))
    is_in_dlq = any(item.message_id is not None for item in task.items)
    if is_in_dlq:
        archived = Choice("yes" if task.is_archived else "no")
        visibility = Duration(limits.visibility_timeout_s)
        said.append(message("redrive-plan-hold", visibility=visibility, archived=archived))
    pipeline = _pipeline(plan)
    visibility_s = None if pipeline is None else pipeline.settings.visibility_timeout_s
    if visibility_s is None:
        said.append(message("redrive-plan-first-unknown"))
    else:
        within, quiet = limits.seen_within_s(visibility_s), limits.quiet_s(visibility_s)
        said.append(message("redrive-plan-first", within=Duration(within), quiet=Duration(quiet)))
    rate, duration = Number(limits.rate_per_s), Duration(number / limits.rate_per_s)
    said.append(message("redrive-plan-rest", rate=rate, duration=duration))
    if is_in_dlq:
        said += [
            message("redrive-plan-delete"),
            # Messages are received and deleted in batches.
            message("redrive-plan-cost", count=number + 2 * -(-number // BATCH)),
            message("redrive-plan-undo"),
        ]
    else:
        said += [message("redrive-plan-cost", count=number), message("redrive-plan-undo-created")]
    return said


def complete_redrive(
    plan: RedrivePlan,
    limits: RedriveLimits = _DEFAULT_LIMITS,
    *,
    profile: str | None = None,
    region: str | None = None,
    report: Callable[[Message], None] = lambda _: None,
) -> RedriveAudit:
    """Redrive the messages of a plan to the end, and record it in the table ``actions`` of the case.

    Parameters
    ----------
    plan
        From :func:`plan_redrive`.
    limits
        Pace and patience.
    profile
        Profile of the AWS configuration; the profile of the environment by default.
    region
        Region of queues whose URL names none.
    report
        Called with each sentence on the progress.

    Raises
    ------
    InputError
        When the messages are for several queues, or as
        :func:`watchme_analysis.remedies.redrive.run_redrive`.
    ServiceError
        When AWS can't be read before anything was sent.
    """
    task = redrive_task(plan)
    aws = aws_of_queue(task.queue_url, profile, region)
    if task.dlq_url is None:
        task = replace(task, dlq_url=dead_letter_queue_url(aws, task.queue_url))
    with recorded_in_case(plan.recorded_in, plan.journal, "redrive"):
        return run_redrive(
            task,
            plan.journal,
            aws,
            limits,
            work_items=load_config().work_items if plan.case is None else plan.case.work_items,
            words=load_config().log_words,
            report=report,
            **plan.retry,
        )


def aws_of_queue(url: str, profile: str | None = None, region: str | None = None) -> Aws:
    """Return the session of the region that the URL of a queue states, else of the region given."""
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget

    return Aws(SessionTarget(profile, region_of(url) or region))


def journal_beside(case: Path) -> Path:
    """Return the journal of a case's redrive, ``CASE.redrive-journal.jsonl`` beside its folder."""
    folder = case.resolve()
    return folder.with_name(folder.name + _JOURNAL_SUFFIX)
