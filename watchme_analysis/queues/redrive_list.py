"""The messages to redrive: those of a DLQ that can still be processed, each of them work of its own."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.files.json_values import read_json
from watchme_analysis.queues.anomalies import analyse_queues
from watchme_analysis.queues.pipeline import Tables, pipelines
from watchme_analysis.queues.work_items import key_in_body, work_done, work_item_settings, work_items

FILE = "redrive.jsonl"
# SQS accepts so many attributes per message.
_MOST_ATTRIBUTES = 10


@dataclass(frozen=True)
class ListedMessage:
    """A message to redrive, and the work that it stands for.

    ``line`` is a JSON object in the input format of ``aws sqs send-message --cli-input-json``, and
    ``message_id`` the id in the DLQ; None for a message that is in no queue. ``work_key`` is the day or
    moment as the message states it; item and key are None when it names none.
    """

    line: str
    message_id: str | None
    queue: str
    dlq: str | None = None
    work_item: str | None = None
    work_key: str | None = None


@dataclass(frozen=True)
class RedriveList:
    """Messages to redrive, and those that were left out.

    Attributes
    ----------
    listed
        The messages, in the order in which they are sent.
    without_url
        Queues of unknown account and region, whose URL has to be filled in.
    may_have_run
        Number of listed messages whose work may have been done: the log or the counters suggest it, a
        throttled or repeated delivery can have succeeded after its message was moved to the DLQ, or the log
        leaves open whether the called service did the work.
    same_work
        Keys whose values make two messages the same work; none by default.
    excluded
        Queue, message id and reason of each message that was left out: ``processed``, ``no-body``,
        ``unknown-outcome``, ``cannot-succeed`` or ``same-work``.
    urls
        Queue or DLQ, and its URL, as far as they are known.
    """

    listed: tuple[ListedMessage, ...]
    without_url: tuple[str, ...] = ()
    may_have_run: int = 0
    same_work: tuple[str, ...] = ()
    excluded: tuple[tuple[str, str, str], ...] = ()
    urls: tuple[tuple[str, str], ...] = ()

    @property
    def left_out(self) -> tuple[tuple[str, int], ...]:
        """Return the number of DLQ messages that were left out for each reason."""
        return tuple(sorted(Counter(reason for *_, reason in self.excluded).items()))

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the line of each listed message."""
        return tuple(each.line for each in self.listed)

    @property
    def text(self) -> str:
        """The content of the file: one line per message."""
        return "".join(f"{line}\n" for line in self.lines)


def messages_to_redrive(
    tables: Tables,
    queue: str | None = None,
    *,
    include_unknown: bool = False,
    same_work: Sequence[str] = (),
) -> RedriveList:
    """Return the messages of DLQs, or of one queue's, that can still be processed.

    Messages are left out if the log says of their own invocation that they were processed, if their input is
    missing or unreadable, and, without ``include_unknown``, if their content may be the reason of the
    failure. Of messages of a queue whose bodies have the same values of all ``same_work`` keys, the first is
    listed. Bodies come from the dump, so a message past its retention can be sent again. FIFO queues receive
    the original group and deduplication ID, so that SQS accepts no duplicate within five minutes. Attributes
    of the sender are kept where the dump has them.
    """
    frame = work_items(tables)
    dead = frame[frame["state"] == "dead_lettered"]
    if queue is not None:
        dead = dead[dead["queue"] == queue]
    dead = dead.sort_values(["sent_at", "message_id"], kind="stable")
    urls, given = _urls(tables), _given_attributes(tables)
    named: set[tuple[str, str]] = set()
    listed: list[ListedMessage] = []
    excluded: list[tuple[str, str, str]] = []
    settings, processed = work_item_settings(tables), work_done(tables).stated
    dlqs = {pipeline.queue: pipeline.dlq for pipeline in pipelines(tables)}
    may_repeat = {item.pipeline.queue for item in analyse_queues(tables) if item.may_have_run}
    may_have_run = 0
    for row in dead.to_dict("records"):
        work = _work(row, same_work)
        reason = _reason(
            row,
            is_processed=str(row["message_id"]) in processed,
            is_listed=work in named,
            include_unknown=include_unknown,
        )
        if reason is not None:
            excluded.append((str(row["queue"]), str(row["message_id"]), reason))
            continue
        if work is not None:
            named.add(work)
        may_have_run += row["queue"] in may_repeat or bool(_known(row["processed"]) and row["processed"])
        line = _line({**row, "message_attributes": given.get(row["message_id"])}, urls)
        listed.append(_listed(line, row, dlqs.get(row["queue"]), settings))
    used = set(dead["queue"]) if listed else set()
    return RedriveList(
        tuple(listed),
        tuple(sorted(used - set(urls))),
        may_have_run,
        tuple(same_work),
        tuple(excluded),
        tuple(urls.items()),
    )


def _listed(line: str, row: dict[str, Any], dlq: str | None, settings: WorkItemSettings) -> ListedMessage:
    known = {name: str(row[name]) for name in ("work_item", "work_time", "work_date") if _known(row[name])}
    key = key_in_body(str(row["body"]), settings) or known.get("work_time") or known.get("work_date")
    return ListedMessage(line, str(row["message_id"]), str(row["queue"]), dlq, known.get("work_item"), key)


def _reason(row: dict[str, Any], *, is_processed: bool, is_listed: bool, include_unknown: bool) -> str | None:
    if is_processed:
        return "processed"
    if not _known(row["body"]):
        return "no-body"
    if not _known(row["recoverable"]):
        if not include_unknown:
            return "unknown-outcome"
    elif not row["recoverable"]:
        return "cannot-succeed"
    return "same-work" if is_listed else None


def message_line(
    url: str, message_id: str | None, body: str, attributes: Any = None, group_id: str | None = None
) -> str:
    """Return a message in the input format of ``aws sqs send-message --cli-input-json``.

    An attribute keeps the id that the message had, if it was in a queue. ``attributes`` are those of the
    sender, as JSON or as the AWS CLI prints them. A FIFO queue needs a group, and a deduplication id; without
    one, either is the message id, and of a message that was in no queue, the latter is a hash.
    """
    row = {"message_id": message_id, "body": body, "message_attributes": attributes, "group_id": group_id}
    work = f"{group_id} {body}".encode(errors="surrogatepass")
    row["work_hash"] = hashlib.sha256(work).hexdigest()
    queue = url.rstrip("/").rsplit("/", 1)[-1]
    return _line({**row, "queue": queue, "work_item": None, "deduplication_id": None}, {queue: url})


def _work(row: dict[str, Any], keys: Sequence[str]) -> tuple[str, str] | None:
    """Return queue and values of the keys of a message's body; None when it lacks one of them."""
    content = json_value(str(row["body"])) if keys else None
    if not isinstance(content, dict) or any(content.get(key) is None for key in keys):
        return None
    return str(row["queue"]), json.dumps([content[key] for key in keys], sort_keys=True)


def _line(row: dict[str, Any], urls: dict[str, str]) -> str:
    """Return a message in the format of ``send-message``; an attribute holds the original message ID."""
    queue = str(row["queue"])
    entry: dict[str, Any] = {"QueueUrl": urls.get(queue, f"URL_OF_{queue}"), "MessageBody": str(row["body"])}
    if queue.endswith(".fifo"):
        entry["MessageGroupId"] = _first_known(row, "group_id", "work_item", "message_id")
        entry["MessageDeduplicationId"] = _first_known(row, "deduplication_id", "message_id", "work_hash")
    entry["MessageAttributes"] = _attributes(row)
    return json.dumps(entry, ensure_ascii=False)


def _attributes(row: dict[str, Any]) -> dict[str, Any]:
    """Return the sender's attributes of a message, with the original message ID if the limit allows it."""
    kept = row["message_attributes"]
    found = read_json(kept) if isinstance(kept, str) else dict(kept or {})
    given: dict[str, Any] = found if isinstance(found, dict) else {}
    if len(given) < _MOST_ATTRIBUTES and _known(row["message_id"]):
        given["resent_message_id"] = {"DataType": "String", "StringValue": str(row["message_id"])}
    return given


def _given_attributes(tables: Tables) -> dict[str, str]:
    messages = tables.table("queue_messages")
    if "message_attributes" not in messages:  # a case of before they were kept
        return {}
    known = messages.dropna(subset=["message_id", "message_attributes"])
    return dict(zip(known["message_id"].astype(str), known["message_attributes"].astype(str), strict=True))


def _first_known(row: dict[str, Any], *names: str) -> str:
    return next(str(row[name]) for name in names if _known(row[name]))


def _urls(tables: Tables) -> dict[str, str]:
    queues = tables.table("queues").dropna(subset=["arn", "queue", "region", "account_id"])
    found = {}
    for row in queues.itertuples():
        ending = ".cn" if str(row.arn).startswith("arn:aws-cn:") else ""
        found[str(row.queue)] = f"https://sqs.{row.region}.amazonaws.com{ending}/{row.account_id}/{row.queue}"
    return found


def _known(value: Any) -> bool:
    import pandas as pd

    return value is not None and not pd.isna(value)
