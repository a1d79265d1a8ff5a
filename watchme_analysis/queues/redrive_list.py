"""The messages to send again: work that reached a dead-letter queue and was never done, each once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from watchme_analysis.files.json_values import read_json
from watchme_analysis.queues.anomalies import analyse_queues
from watchme_analysis.queues.pipeline import Tables
from watchme_analysis.queues.work_items import work_items

FILE = "redrive.jsonl"
MAY_HAVE_RUN = "nothing shows that the work was done, but a late run may have: try whether twice does harm"
# SQS takes so many attributes with a message.
_MOST_ATTRIBUTES = 10


@dataclass(frozen=True)
class RedriveList:
    """What to send again, and every dead letter that is left out with its reason.

    Attributes
    ----------
    lines
        Each a JSON object that ``aws sqs send-message --cli-input-json`` takes as it is.
    left_out
        Dead letters that are not in the list, by reason, and how many of each.
    without_url
        Queues whose account and region no ARN tells, so that their URL has to be filled in.
    may_have_run
        How many of the lines nothing shows as done or not: a delivery that was throttled, or came back during
        a run, can end well after its message died.
    """

    lines: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...]
    without_url: tuple[str, ...] = ()
    may_have_run: int = 0

    @property
    def text(self) -> str:
        """The lines as a file holds them."""
        return "".join(f"{line}\n" for line in self.lines)


def messages_to_redrive(
    tables: Tables, queue: str | None = None, *, unknown_too: bool = False
) -> RedriveList:
    """Return the messages whose work was never done and can be.

    Parameters
    ----------
    tables
        Case or investigation.
    queue
        Only messages of this queue.
    unknown_too
        Also those of which nothing tells whether their own content made them fail.

    Notes
    -----
    Left out is what the evidence shows as processed, also by another message of the same work; what names
    the same work as a message that is in the list (a device's day, else the same body); and what can only
    fail again, as its input is missing or unreadable. Bodies are those of the dump,
    so a message that has passed its retention can be sent all the same. FIFO queues get the group and the
    deduplication id that the message had, so that within five minutes nothing is taken twice. Attributes that
    the sender set are set again where the dump has them.
    """
    frame = work_items(tables)
    dead = frame[frame["state"] == "dead_lettered"]
    if queue is not None:
        dead = dead[dead["queue"] == queue]
    dead = dead.sort_values(["sent_at", "message_id"], kind="stable")
    urls, given = _urls(tables), _given_attributes(tables)
    lines: list[str] = []
    reasons: dict[str, int] = {}
    named: set[tuple[str, str, str]] = set()
    for row in dead.to_dict("records"):
        reason = _reason(row, named, unknown_too=unknown_too)
        if reason is not None:
            reasons[reason] = reasons.get(reason, 0) + 1
            continue
        named.add(_work(row))
        lines.append(_line({**row, "message_attributes": given.get(row["message_id"])}, urls))
    used = set(dead["queue"]) if lines else set()
    unsure = {item.pipeline.queue for item in analyse_queues(tables) if item.throttles or item.redelivery}
    return RedriveList(
        tuple(lines),
        tuple(sorted(reasons.items())),
        tuple(sorted(used - set(urls))),
        sum(listed in unsure for listed, *_ in named),
    )


def _reason(row: dict[str, Any], named: set[tuple[str, str, str]], *, unknown_too: bool) -> str | None:
    """Return why a dead letter is left out, or None."""
    if _known(row["processed"]) and row["processed"]:
        return "processed already"
    if not _known(row["body"]):
        return "its body was not kept"
    if not _known(row["recoverable"]):
        if not unknown_too:
            return "unknown whether it can succeed: look at its error first"
    elif not row["recoverable"]:
        return "can't succeed: its input is missing or unreadable"
    return "same work as another message of the list" if _work(row) in named else None


def _work(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return what makes two messages the same work: queue, device and day, else the content of the body.

    The recorded_at of a message about a whole day is only what set it off.
    """
    body = str(row["body"])
    try:
        parsed = read_json(body)
    except ValueError:
        return str(row["queue"]), "", body
    day = parsed.get("local_date") if isinstance(parsed, dict) else None
    if day is not None and _known(row["device_id"]):
        return str(row["queue"]), str(row["device_id"]), str(day)
    return str(row["queue"]), "", json.dumps(parsed, sort_keys=True)


def _line(row: dict[str, Any], urls: dict[str, str]) -> str:
    """Return a message as ``send-message`` takes it; the attribute says which one it was."""
    queue = str(row["queue"])
    entry: dict[str, Any] = {"QueueUrl": urls.get(queue, f"URL_OF_{queue}"), "MessageBody": str(row["body"])}
    if queue.endswith(".fifo"):
        entry["MessageGroupId"] = _first_known(row, "group_id", "device_id", "message_id")
        entry["MessageDeduplicationId"] = _first_known(row, "deduplication_id", "message_id")
    entry["MessageAttributes"] = _attributes(row)
    return json.dumps(entry, ensure_ascii=False)


def _attributes(row: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that its sender gave a message, and which one it was where there is room."""
    kept = row["message_attributes"]
    found = read_json(kept) if isinstance(kept, str) else {}
    given: dict[str, Any] = found if isinstance(found, dict) else {}
    if len(given) < _MOST_ATTRIBUTES:
        given["resent_message_id"] = {"DataType": "String", "StringValue": str(row["message_id"])}
    return given


def _given_attributes(tables: Tables) -> dict[str, str]:
    """Return the attributes that senders gave, by message."""
    messages = tables.table("queue_messages")
    if "message_attributes" not in messages:  # a case of before they were kept
        return {}
    known = messages.dropna(subset=["message_id", "message_attributes"])
    return dict(zip(known["message_id"].astype(str), known["message_attributes"].astype(str), strict=True))


def _first_known(row: dict[str, Any], *names: str) -> str:
    return next(str(row[name]) for name in names if _known(row[name]))


def _urls(tables: Tables) -> dict[str, str]:
    """Return the URL of each queue whose ARN is known."""
    queues = tables.table("queues").dropna(subset=["arn", "queue", "region", "account_id"])
    found = {}
    for row in queues.itertuples():
        ending = ".cn" if str(row.arn).startswith("arn:aws-cn:") else ""
        found[str(row.queue)] = f"https://sqs.{row.region}.amazonaws.com{ending}/{row.account_id}/{row.queue}"
    return found


def _known(value: Any) -> bool:
    import pandas as pd

    return value is not None and not pd.isna(value)
