"""EventBridge: each notice as an event, for rules of other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from watchme_analysis.aws_shapes.names import region_of
from watchme_analysis.cloudwatch.iam_policy import Grant, arn
from watchme_analysis.delivery.destinations.aws_calls import delivered
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError, Sender
from watchme_analysis.storage.records import to_json
from watchme_analysis.text.render import error_message

SOURCE = "watchme"
DETAIL_TYPE = "Watchme Notice"
# Errors of an entry after which another attempt may succeed.
_TEMPORARY = ("InternalFailure", "ThrottlingException", "InternalException")


class EventBridgeSender(Sender):
    """Delivery to an event bus, given by its name or ARN."""

    @classmethod
    def grants(cls, settings: Mapping[str, Any]) -> Iterable[Grant]:
        """Yield what IAM must allow."""
        bus = settings["bus"]
        yield Grant(("events:PutEvents",), (arn(bus, f"events:*:*:event-bus/{bus}"),))

    def send(self, delivery: Delivery) -> str:
        """Put the event; return its id."""
        bus = self.settings["bus"]
        entry = {
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "EventBusName": bus,
            "Time": delivery.notice.created_at,
            "Detail": json.dumps(event_detail(delivery), ensure_ascii=False),
        }
        response = delivered(self.aws_of(region_of(bus)), "events", "put_events", Entries=[entry])
        result = response["Entries"][0]
        if response.get("FailedEntryCount"):
            code = str(result.get("ErrorCode"))
            raise DeliveryError(
                error_message("error-bus-refused", bus=bus, code=code), is_temporary=code in _TEMPORARY
            )
        return str(result["EventId"])


def event_detail(delivery: Delivery) -> dict[str, Any]:
    """Return the detail of the event; ``id`` is that of the notice, to recognise duplicates."""
    notice, content = delivery.notice, delivery.content
    return {
        "id": notice.id,
        "kinds": list(notice.kinds),
        "system": notice.system,
        "question": notice.question,
        "thread": notice.thread,
        "incident": to_json(notice.incident),
        "error": notice.error or None,
        "title": content.title,
        "facts": dict(content.facts),
        "sentences": [*content.changes, *content.sentences],
        "steps": list(content.steps),
        "language": content.language,
        "link": content.link,
    }
