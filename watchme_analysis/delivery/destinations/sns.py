"""SNS: text for subscribers by mail, or the custom notifications of Amazon Q Developer in chat applications.

Amazon Q (formerly AWS Chatbot) drops every message that does not follow its schema, without an error; see
"Custom notifications" in its administrator guide. ``threadId`` keeps one incident in one thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from watchme_analysis.aws_shapes.names import region_of
from watchme_analysis.cloudwatch.iam_policy import Grant
from watchme_analysis.delivery.destinations.aws_calls import delivered
from watchme_analysis.delivery.destinations.base import Delivery, Sender, cut
from watchme_analysis.delivery.destinations.slack_webhook import slack_text

# Characters of a subject; it has no line breaks.
_SUBJECT = 99
# Bytes of a message; texts of a diagnosis are far shorter.
_MESSAGE_BYTES = 200_000
_TITLE, _DESCRIPTION, _STEP, _STEPS = 250, 7000, 350, 10


class SnsSender(Sender):
    """Delivery to a topic, given by its ARN; the format is ``text`` or ``amazon-q``."""

    @classmethod
    def grants(cls, settings: Mapping[str, Any]) -> Iterable[Grant]:
        """Yield what IAM must allow."""
        yield Grant(("sns:Publish",), (settings["topic"],))

    def send(self, delivery: Delivery) -> str:
        """Publish the message; return its id."""
        content, topic = delivery.content, self.settings["topic"]
        parameters: dict[str, Any] = {"TopicArn": topic}
        if self.settings.get("format") == "amazon-q":
            parameters["Message"] = json.dumps(amazon_q_notification(delivery), ensure_ascii=False)
        else:
            parameters["Subject"] = cut(" ".join(content.title.split()), _SUBJECT)
            text = "\n".join(content.lines()).encode(errors="backslashreplace")
            parameters["Message"] = text[:_MESSAGE_BYTES].decode(errors="ignore")
        if topic.endswith(".fifo"):
            parameters["MessageGroupId"] = cut(delivery.notice.thread, 128)
            parameters["MessageDeduplicationId"] = delivery.notice.id[-128:]
        response = delivered(self.aws_of(region_of(topic)), "sns", "publish", **parameters)
        return str(response["MessageId"])


def amazon_q_notification(delivery: Delivery) -> dict[str, Any]:
    """Return a custom notification of Amazon Q Developer in chat applications."""
    content, notice = delivery.content, delivery.notice
    paragraphs = [
        *content.changes,
        "\n".join(f"{name}: {value}" for name, value in content.facts),
        *content.sentences,
    ]
    description = "\n\n".join(map(slack_text, filter(None, paragraphs)))
    steps = [slack_text(step) for step in content.steps]
    if content.link:
        steps.append(f"{content.link_label}: {content.link}")
    return {
        "version": "1.0",
        "source": "custom",
        "id": notice.id,
        "content": {
            "textType": "client-markdown",
            "title": cut(slack_text(content.title), _TITLE),
            "description": cut(description, _DESCRIPTION) or content.title,
            # A cut link would lead nowhere.
            "nextSteps": [
                step if content.link and content.link in step else cut(step, _STEP) for step in steps
            ][:_STEPS],
            "keywords": [word for word in (notice.system, notice.question, notice.kind) if word],
        },
        "metadata": {
            "threadId": notice.thread,
            "summary": cut(slack_text(content.title), _TITLE),
            "eventType": notice.kind,
            "relatedResources": [notice.system],
        },
    }
