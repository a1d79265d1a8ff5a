"""Incoming webhooks of Slack, with messages in Block Kit.

Limits of the texts: "Reference: blocks" of Slack's Block Kit.
"""

from __future__ import annotations

import json
from typing import Any

from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import Delivery, Sender, cut
from watchme_analysis.delivery.destinations.http_post import post

# Characters of a header and of a section.
_HEADER = 150
_SECTION = 3000


class SlackWebhookSender(Sender):
    """Delivery to a webhook of Slack, whose URL is a secret."""

    def send(self, delivery: Delivery) -> str:
        """Post the message; return what the destination responded."""
        body = json.dumps(slack_message(delivery.content), ensure_ascii=False)
        data = body.encode(errors="backslashreplace")
        return cut(post(self.secret("webhook"), data, self.timeout_s), 100)


def slack_text(text: str) -> str:
    """Return a text as Slack's mrkdwn, in which evidence can neither mention anybody nor make a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_message(content: Content) -> dict[str, Any]:
    """Return the message for an incoming webhook of Slack, in Block Kit."""
    header = {"type": "plain_text", "text": cut(content.title, _HEADER), "emoji": False}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}]
    texts = (
        "\n".join(map(slack_text, content.changes)),
        "\n".join(f"*{slack_text(name)}:* {slack_text(value)}" for name, value in content.facts),
        "\n".join(map(slack_text, content.sentences)),
        "\n".join([f"*{content.steps_label}*", *map(slack_text, content.steps)]) if content.steps else "",
    )
    blocks += [
        {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, _SECTION), "verbatim": True}}
        for text in texts
        if text
    ]
    if content.link:
        button = {
            "type": "button",
            "text": {"type": "plain_text", "text": content.link_label},
            "url": content.link,
        }
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": slack_text(content.title), "blocks": blocks}
