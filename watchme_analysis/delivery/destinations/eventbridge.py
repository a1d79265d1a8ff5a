"""EventBridge: each notice as an event, for rules of other programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from watchme_analysis.aws_shapes.names import region_of
from watchme_analysis.delivery.destinations.aws_calls import AwsOf, delivered
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError
from watchme_analysis.text.render import error_message

SOURCE = "watchme"
DETAIL_TYPE = "Watchme Notice"
# Errors of an entry after which another attempt may succeed.
_TEMPORARY = ("InternalFailure", "ThrottlingException", "InternalException")


@dataclass(frozen=True)
class EventBridgeSender:
    """Delivery to an event bus.

    Attributes
    ----------
    bus
        Name or ARN of the bus.
    aws_of
        Returns the account in a region.
    """

    bus: str
    aws_of: AwsOf
    form: ClassVar[str] = ""

    def send(self, delivery: Delivery) -> str:
        """Put the event; return its id."""
        entry = {
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "EventBusName": self.bus,
            "Time": delivery.notice.created_at,
            "Detail": json.dumps(event_detail(delivery), ensure_ascii=False),
        }
        response = delivered(self.aws_of(region_of(self.bus)), "events", "put_events", Entries=[entry])
        result = response["Entries"][0]
        if response.get("FailedEntryCount"):
            code = str(result.get("ErrorCode"))
            raise DeliveryError(
                error_message("error-bus-refused", bus=self.bus, code=code), is_temporary=code in _TEMPORARY
            )
        return str(result["EventId"])

    def link(self, delivery: Delivery) -> str | None:
        """Return None: no report is stored here."""
        del delivery
        return None


def event_detail(delivery: Delivery) -> dict[str, Any]:
    """Return the detail of the event; ``id`` is that of the notice, to recognise duplicates."""
    notice, content = delivery.notice, delivery.content
    incident = notice.incident
    return {
        "id": notice.id,
        "kinds": list(notice.kinds),
        "system": notice.system,
        "question": notice.question,
        "thread": notice.thread,
        "incident": incident and incident.to_dict(),
        "error": notice.error or None,
        "title": content.title,
        "facts": dict(content.facts),
        "sentences": [*content.changes, *content.sentences],
        "steps": list(content.steps),
        "language": content.language,
        "link": content.link,
    }
