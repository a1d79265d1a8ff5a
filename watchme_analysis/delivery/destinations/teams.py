"""Webhooks of Teams and compatible services, with Adaptive Cards.

Limits of the texts: "Create incoming webhooks" of Microsoft Teams.
"""

from __future__ import annotations

import re
from typing import Any

from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError, Sender, cut
from watchme_analysis.delivery.destinations.http_post import post_json
from watchme_analysis.text.render import error_message

# Bytes of a message are limited to 28 kB; a card repeats each text once at most.
_TEXT = 4000
# Error that Teams reports within a successful response.
_ERROR = re.compile(r"HTTP error (\d{3})")


class TeamsSender(Sender):
    """Delivery to a webhook of Teams or a compatible service, whose URL is a secret."""

    def send(self, delivery: Delivery) -> str:
        """Post the card; return what the destination responded."""
        text = post_json(self.secret("webhook"), teams_message(delivery.content), self.timeout_s)
        if failed := _ERROR.search(text):
            is_temporary = failed[1] == "429" or failed[1] >= "500"
            raise DeliveryError(
                error_message("error-teams-error", status=failed[1]), is_temporary=is_temporary
            )
        return cut(text, 100)


def teams_text(text: str) -> str:
    """Return a text for a card, in which evidence can make no link."""
    return re.sub(r"([\[\]<>])", r"\\\1", text)


def teams_message(content: Content) -> dict[str, Any]:
    """Return the message for a Teams-compatible webhook, with an Adaptive Card."""
    body: list[dict[str, Any]] = [_block(content.title, size="Large", weight="Bolder")]
    body += [_block(text, weight="Bolder") for text in content.changes]
    if content.facts:
        facts = [{"title": name, "value": teams_text(cut(value, _TEXT))} for name, value in content.facts]
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
    return {"type": "TextBlock", "text": teams_text(cut(text, _TEXT)), "wrap": True, **style}
