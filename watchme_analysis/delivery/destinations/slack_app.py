"""Slack with the token of an app: one thread per incident, with the timeline as an image.

A message is posted first, so that it is confirmed whatever happens to the image. The image follows in its
thread [1]_. Without the scope ``files:write``, or when the upload fails, the receipt says so.

.. [1] https://docs.slack.dev/messaging/working-with-files#upload
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from watchme_analysis.delivery.destinations.base import PAGE_FORM, Delivery, DeliveryError, Sender, cut
from watchme_analysis.delivery.destinations.http_post import JSON, post
from watchme_analysis.delivery.destinations.slack_webhook import slack_message
from watchme_analysis.report.folder import read_result
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import error_message, note

SLACK_API = "https://slack.com/api/"
_FORM = "application/x-www-form-urlencoded"
# Errors within a successful response, as the methods document them.
_TEMPORARY = ("ratelimited", "rate_limited", "request_timeout", "service_unavailable")
# Errors after which a part of the call may have succeeded.
_UNCERTAIN = ("fatal_error", "internal_error")
# Channel and time of a message, by which Slack names it.
_RECEIPT = re.compile(r"(\S+)/(\d+\.\d+)")


class SlackAppSender(Sender):
    """Delivery by an app of Slack, which needs the scope ``chat:write``, and ``files:write`` for images.

    The channel is an id or a name; ``api`` is the URL of the methods, with a slash at its end.
    """

    form: ClassVar[str] = PAGE_FORM

    def send(self, delivery: Delivery) -> str:
        """Post the message, in the thread of its incident, and the image; return channel and time."""
        message: dict[str, Any] = {"channel": self.settings["channel"], **slack_message(delivery.content)}
        root = _RECEIPT.match(delivery.thread_root or "")
        if root is not None and delivery.notice.incident is not None:
            message |= {"channel": root[1], "thread_ts": root[2]}
        posted = self._call("chat.postMessage", message)
        receipt = f"{posted.get('channel')}/{posted.get('ts')}"
        image = _timeline(delivery)
        if image is None:
            return receipt
        try:
            self._upload(image, str(posted["channel"]), str(message.get("thread_ts", posted.get("ts"))))
        except (DeliveryError, OSError, KeyError) as error:
            # The message has arrived, so this must not be a failed delivery, which would be repeated.
            reason = Resource(cut(str(error), 200))
            return note("delivery-no-timeline", receipt=Resource(receipt), reason=reason)
        return receipt

    def _upload(self, image: Path, channel: str, thread: str) -> None:
        """Upload an image into a thread, in the three steps of Slack."""
        data = image.read_bytes()
        place = self._call("files.getUploadURLExternal", {"filename": image.name, "length": len(data)}, _FORM)
        post(str(place["upload_url"]), data, self.timeout_s, "application/octet-stream")
        files = [{"id": place["file_id"], "title": image.name}]
        self._call(
            "files.completeUploadExternal", {"files": files, "channel_id": channel, "thread_ts": thread}
        )

    def _call(self, method: str, values: dict[str, Any], content_type: str = JSON) -> dict[str, Any]:
        """Return the response of a method; a refusal by Slack or no connection is a DeliveryError."""
        token, api = self.secret("token"), self.settings.get("api", SLACK_API)
        text = urlencode(values) if content_type == _FORM else json.dumps(values)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            response = post(f"{api}{method}", text.encode(), self.timeout_s, content_type, headers)
        except ValueError as error:  # a token with a line break, which the error would quote
            raise DeliveryError(
                error_message("error-slack-token", reference=self.settings["token"])
            ) from error
        try:
            found = json.loads(response)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise DeliveryError(error_message("error-slack-no-json", method=method), may_have_arrived=True)
        if not found.get("ok"):
            code = str(found.get("error"))
            needed = found.get("needed")
            raise DeliveryError(
                error_message(
                    "error-slack-scope" if needed else "error-slack-refused",
                    method=method,
                    code=cut(code, 100),
                    scope=needed,
                ),
                is_temporary=code in _TEMPORARY,
                may_have_arrived=code in _UNCERTAIN,
            )
        return found


def _timeline(delivery: Delivery) -> Path | None:
    """Return the first figure of the report, which is the timeline; None without one."""
    if delivery.page is None:
        return None
    figures = (read_result(delivery.page) or {}).get("figures") or ()
    path = delivery.page / str(next(iter(figures), ""))
    return path if path.suffix == ".png" and path.is_file() else None
