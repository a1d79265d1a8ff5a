"""Archive of a queue: every message in a compressed JSON Lines file, with a hash and the queue's counts.

The first line describes the queue, each further line is a message, and the last line states the number of
messages, the hash of all lines before it, and what may be missing. Messages are hidden for the visibility
timeout at most and made visible again; their receive count rises by one. Nothing is deleted.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.cloudwatch.account_state import as_cli_prints
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.decompress import GZIP_MAGIC
from watchme_analysis.remedies.queue_reader import (
    READING_SHARE,
    HeldMessages,
    QueueCounts,
    await_visible,
    check_readable,
    counts_of,
    queue_attributes,
    queue_url,
    settled_counts,
)
from watchme_analysis.storage.leftovers import in_use, remove_leftovers, temporary_path
from watchme_analysis.text.message import Duration, Message, message, message_from_dict
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

FORMAT = "watchme-queue-archive"
FORMAT_VERSION = 1
# A process that decompresses an archive that somebody else made must not fill the memory with one line.
# SQS limits a message to 1 MiB; JSON escapes lengthen it.
_LONGEST_LINE = 16 << 20


@dataclass(frozen=True)
class Archive:
    """An archive that was read, its hash checked.

    ``messages`` are by id, as the AWS CLI prints them; ``counts`` is what the queue stated after the reading,
    and ``missed`` what the archive may lack: nothing when it is complete.
    """

    path: Path
    url: str
    arn: str
    messages: Mapping[str, Mapping[str, Any]]
    counts: QueueCounts
    missed: tuple[Message, ...]
    sha256: str

    @property
    def place(self) -> tuple[str, str]:
        """Return region and account of the queue."""
        _, _, _, region, account, *_ = f"{self.arn}:::::".split(":")
        return region, account

    @property
    def summary(self) -> dict[str, Any]:
        """Return number, oldest, newest, senders and errors of the messages, ready for JSON."""
        sent = sorted(filter(None, map(_sent_at, self.messages.values())))
        senders = Counter(
            str(one.get("Attributes", {}).get("SenderId", "unknown")) for one in self.messages.values()
        )
        return {
            "count": len(self.messages),
            "oldest": sent[0].isoformat() if sent else None,
            "newest": sent[-1].isoformat() if sent else None,
            "senders": dict(senders.most_common()),
            "errors": dict(Counter(filter(None, map(_error, self.messages.values()))).most_common()),
        }


def archive_queue(
    aws: Aws,
    queue: str,
    path: Path,
    visibility_timeout_s: int = 300,
    report: Callable[[Message], None] = lambda _: None,
) -> Archive:
    """Write every message of a queue to an archive, leave them in the queue, and return the archive.

    Messages are hidden for the visibility timeout at most; ``report`` is called with each sentence on the
    progress. A run that was killed has changed nothing but the visibility of messages: repeat it. It is an
    InputError when the file exists, or reading the queue could move its messages.
    """
    if path.exists():
        raise InputError(error_message("error-archive-exists", path=path))
    url = queue_url(aws, queue)
    attributes = queue_attributes(aws, url)
    check_readable(attributes, url)
    # Messages hidden by a killed run are visible again after its visibility timeout.
    await_visible(aws, url, visibility_timeout_s)
    began = aws.now()
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "queue": url,
        "arn": attributes.get("QueueArn", ""),
        "made": began.isoformat(timespec="seconds"),
        "visibility_timeout_s": visibility_timeout_s,
        "attributes": attributes,
        "counts": vars(counts_of(queue_attributes(aws, url))),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    aside = temporary_path(path)
    try:
        with aside.open("xb") as raw, in_use(aside):
            _write(aws, url, raw, header, report)
            raw.flush()
            os.fsync(raw.fileno())
        os.link(aside, path)  # fails if the file exists by now, which a rename would overwrite
    except FileExistsError as error:
        raise InputError(error_message("error-archive-exists", path=path)) from error
    finally:
        aside.unlink(missing_ok=True)
    return read_archive(path)


def _write(
    aws: Aws, url: str, raw: Any, header: Mapping[str, Any], report: Callable[[Message], None]
) -> None:
    digest, seen, began = hashlib.sha256(), set[str](), aws.now()
    hidden_s: int = header["visibility_timeout_s"]
    held = HeldMessages(aws, url, hidden_s)
    with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:

        def put(value: Mapping[str, Any]) -> None:
            line = json.dumps(value).encode() + b"\n"
            digest.update(line)
            file.write(line)

        put(header)
        try:
            for one in chain.from_iterable(held.receive()):
                if one["MessageId"] not in seen:
                    seen.add(str(one["MessageId"]))
                    put(as_cli_prints(one))
        except (ServiceError, KeyboardInterrupt):
            held.release()
            raise
        is_out_of_time = (aws.now() - began).total_seconds() > READING_SHARE * hidden_s
        not_released = held.release()
        counts = settled_counts(aws, url, len(seen), report)
        missed = []
        if counts.total != len(seen):
            missed.append(message("archive-count-differs", count=counts.total, archived=len(seen)))
        if counts.in_flight:
            missed.append(message("archive-in-flight", count=counts.in_flight))
        if counts.delayed:
            missed.append(message("archive-delayed", count=counts.delayed))
        if is_out_of_time:
            missed.append(message("archive-out-of-time", visibility=Duration(hidden_s)))
        trailer = {
            "messages": len(seen),
            "ended": aws.now().isoformat(timespec="seconds"),
            "counts": vars(counts),
            "not_released": not_released,
            "missed": [each.to_dict() for each in missed],
        }
        trailer["sha256"] = hashlib.sha256(
            digest.hexdigest().encode() + json.dumps(trailer, sort_keys=True).encode()
        ).hexdigest()
        file.write(json.dumps(trailer).encode() + b"\n")


def is_archive(path: Path) -> bool:
    """Return whether a file begins like an archive."""
    try:
        with path.open("rb") as file:
            if file.read(len(GZIP_MAGIC)) != GZIP_MAGIC:
                return False
        with gzip.open(path) as unpacked:
            return FORMAT.encode() in unpacked.read(200)
    except (OSError, EOFError, zlib.error):
        return False


def read_archive(path: Path) -> Archive:
    """Return an archive after checking its hash; one that can't be read or is damaged is an InputError."""
    digest = hashlib.sha256()
    try:
        lines = list(_lines(path))
        if len(lines) < 2:
            raise ValueError(error_message("archive-damage-end"))
        for line in lines[:-1]:
            digest.update(line)
        header, *messages, trailer = (json.loads(line) for line in lines)
        stored = trailer.pop("sha256")
        text = digest.hexdigest().encode() + json.dumps(trailer, sort_keys=True).encode()
        if (header["format"], header["format_version"]) != (FORMAT, FORMAT_VERSION):
            raise ValueError(error_message("archive-damage-format"))
        if hashlib.sha256(text).hexdigest() != stored or len(messages) != trailer["messages"]:
            raise ValueError(error_message("archive-damage-hash"))
        for one in messages:
            if one.get("MD5OfBody") not in (None, _body_hash(one)):
                raise ValueError(error_message("archive-damage-body", message=one["MessageId"]))
        return Archive(
            path=path,
            url=str(header["queue"]),
            arn=str(header["arn"]),
            messages={str(one["MessageId"]): one for one in messages},
            counts=QueueCounts(**trailer["counts"]),
            missed=tuple(map(message_from_dict, trailer["missed"])),
            sha256=stored,
        )
    except OSError as error:
        raise InputError(error_message("error-archive-unreadable", path=path, reason=error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zlib.error, RecursionError) as error:
        raise InputError(error_message("error-archive-damaged", path=path, problem=error)) from error


def _body_hash(one: Mapping[str, Any]) -> str:
    """Return the MD5 hash of a message's body, computed as SQS does."""
    body = str(one["Body"]).encode(errors="surrogatepass")
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        while line := file.readline(_LONGEST_LINE):
            if not line.endswith(b"\n"):
                raise ValueError(error_message("archive-damage-cut"))
            yield line


def _sent_at(one: Mapping[str, Any]) -> datetime | None:
    sent_ms = one.get("Attributes", {}).get("SentTimestamp")
    return None if sent_ms is None else datetime.fromtimestamp(int(sent_ms) / 1000, UTC)


def _error(one: Mapping[str, Any]) -> str | None:
    """Return the error that Lambda adds to a message of a function's own dead-letter queue."""
    found = one.get("MessageAttributes", {}).get("ErrorMessage", {}).get("StringValue")
    return None if found is None else str(found)
