"""Incoming webhooks of Slack (Block Kit) and of Teams and compatible services (Adaptive Card).

Limits of the texts: "Reference: blocks" of Slack's Block Kit; "Create incoming webhooks" of Microsoft Teams.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError, Sender
from watchme_analysis.delivery.destinations.http_post import post_json
from watchme_analysis.text.render import error_message

# Characters of a header and of a section in Block Kit.
_SLACK_HEADER = 150
_SLACK_SECTION = 3000
# Bytes of a message to Teams are limited to 28 kB; a card repeats each text once at most.
_TEAMS_TEXT = 4000
# Error that Teams reports within a successful response.
_TEAMS_ERROR = re.compile(r"HTTP error (\d{3})")


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters, with an ellipsis where it was cut."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


class SlackWebhookSender(Sender):
    """Delivery to a webhook of Slack, whose URL is a secret."""

    def send(self, delivery: Delivery) -> str:
        """Post the message; return what the destination responded."""
        return cut(post_json(self.secret("webhook"), slack_message(delivery.content), self.timeout_s), 100)


class TeamsSender(Sender):
    """Delivery to a webhook of Teams or a compatible service, whose URL is a secret."""

    def send(self, delivery: Delivery) -> str:
        """Post the card; return what the destination responded."""
        text = post_json(self.secret("webhook"), teams_message(delivery.content), self.timeout_s)
        if failed := _TEAMS_ERROR.search(text):
            is_temporary = failed[1] == "429" or failed[1] >= "500"
            raise DeliveryError(
                error_message("error-teams-error", status=failed[1]), is_temporary=is_temporary
            )
        return cut(text, 100)


def slack_text(text: str) -> str:
    """Return a text as Slack's mrkdwn, in which evidence can neither mention anybody nor make a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_message(content: Content) -> dict[str, Any]:
    """Return the message for an incoming webhook of Slack, in Block Kit."""
    header = {"type": "plain_text", "text": cut(content.title, _SLACK_HEADER), "emoji": False}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}]
    texts = (
        "\n".join(map(slack_text, content.changes)),
        "\n".join(f"*{slack_text(name)}:* {slack_text(value)}" for name, value in content.facts),
        "\n".join(map(slack_text, content.sentences)),
        "\n".join([f"*{content.steps_label}*", *map(slack_text, content.steps)]) if content.steps else "",
    )
    blocks += [{"type": "section", "text": _mrkdwn(cut(text, _SLACK_SECTION))} for text in texts if text]
    if content.link:
        button = {
            "type": "button",
            "text": {"type": "plain_text", "text": content.link_label},
            "url": content.link,
        }
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": slack_text(content.title), "blocks": blocks}


def _mrkdwn(text: str) -> Mapping[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def teams_text(text: str) -> str:
    """Return a text for a card, in which evidence can make no link."""
    return re.sub(r"([\[\]<>])", r"\\\1", text)


def teams_message(content: Content) -> dict[str, Any]:
    """Return the message for a Teams-compatible webhook, with an Adaptive Card."""
    body: list[dict[str, Any]] = [_block(content.title, size="Large", weight="Bolder")]
    body += [_block(text, weight="Bolder") for text in content.changes]
    if content.facts:
        facts = [
            {"title": name, "value": teams_text(cut(value, _TEAMS_TEXT))} for name, value in content.facts
        ]
        body.append({"type": "FactSet", "facts": facts})
    body += [_block(text) for text in content.sentences]
    if content.steps:
        body.append(_block(content.steps_label, weight="Bolder", separator=True))
        body += [_block(text) for text in content.steps]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "fallbackText": content.title,
        "msteams": {"width": "Full"},
    }
    if content.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": content.link_label, "url": content.link}]
    attached = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attached]}


def _block(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": teams_text(cut(text, _TEAMS_TEXT)), "wrap": True, **style}
