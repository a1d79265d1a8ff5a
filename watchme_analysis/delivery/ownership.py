"""Which state folder runs a system, recorded in the bucket of its first `s3` destination.

Machines that share a state folder share its lock. Two machines with a folder each would deliver every change
twice, also one after the other. So the first of them records itself in an object that only one of several
writers can create [1]_, and the others refuse to run until they are told to take over.

.. [1] "How to prevent object overwrites with conditional writes", Amazon S3 User Guide.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.delivery.state import State
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.message import Choice
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# Codes of a conditional write that another one has won.
_EXISTS = ("PreconditionFailed", "ConditionalRequestConflict")


class OwnedElsewhereError(ServiceError):
    """Another state folder runs the system."""


@dataclass(frozen=True)
class Ownership:
    """The record of the owner of a system, an object in a bucket.

    ``aws_of`` returns the account in a region; None is the configured region. ``names_host`` tells whether
    the record names this machine, which it does not in a bucket of redacted pages; ``takes_over`` whether
    this state folder becomes the owner in place of any other.
    """

    bucket: str
    key: str
    aws_of: Callable[[str | None], Aws]
    names_host: bool = True
    takes_over: bool = False

    def check(self, state: State, system: str, now: datetime) -> None:
        """Return if this state folder is the owner of a system, after recording it as the first one.

        Another owner is an OwnedElsewhereError; a record that can't be read or written is a ServiceError.
        """
        own = state.owner()
        record = {"id": own, "system": system, "since": now.isoformat(timespec="seconds")}
        if self.names_host:
            record["host"] = socket.gethostname()
        if self._write(record, is_first=not self.takes_over):
            return
        owner = self._read()
        if owner.get("id") != own:
            raise OwnedElsewhereError(
                error_message(
                    "error-owned-elsewhere",
                    system=system,
                    known=Choice("host" if "host" in owner else "nothing"),
                    host=owner.get("host", ""),
                    since=owner.get("since", "?"),
                    record=f"s3://{self.bucket}/{self.key}",
                )
            )

    def _write(self, record: dict[str, Any], *, is_first: bool) -> bool:
        """Write the record; return False if it must be the first one and is not."""
        condition = {"IfNoneMatch": "*"} if is_first else {}
        body = json.dumps(record).encode()
        try:
            self.aws_of(None).call(
                "s3",
                "put_object",
                Bucket=self.bucket,
                Key=self.key,
                Body=body,
                ContentType="application/json",
                **condition,
            )
        except ServiceError as error:
            response = getattr(error.__cause__, "response", None) or {}
            if response.get("Error", {}).get("Code") in _EXISTS:
                return False
            raise
        return True

    def _read(self) -> dict[str, Any]:
        response = self.aws_of(None).call("s3", "get_object", Bucket=self.bucket, Key=self.key)
        try:
            found = json.loads(response["Body"].read(10_000))
        except (ValueError, RecursionError):
            found = None
        return found if isinstance(found, dict) else {}
