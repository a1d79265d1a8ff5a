"""Every service that Apprise knows [1]_, such as Microsoft Teams, Discord or PagerDuty: a title and a text.

.. [1] https://appriseit.com/services/
"""

from __future__ import annotations

import logging
import os
import re

from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError, Sender, mentioning_nobody
from watchme_analysis.delivery.destinations.http_post import status_error
from watchme_analysis.errors import InputError
from watchme_analysis.installation import require
from watchme_analysis.text.render import as_message, error_message

# Apprise returns whether a message was sent. Why it was not is in its log: the status of the response, or the
# exception where none came.
_STATUS = re.compile(r"^\S+ \S+ - WARNING - .*\berror=(\d{3})", re.MULTILINE)
_BROKEN = re.compile(r"^\S+ \S+ - DEBUG - Socket Exception: (.*)", re.MULTILINE)
_UNREACHABLE = re.compile(r"NewConnectionError|ConnectTimeoutError|NameResolutionError")
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


class AppriseSender(Sender):
    """Delivery to a service by its Apprise URL, which is a secret."""

    def send(self, delivery: Delivery) -> str:
        """Send the message; return the name of the service."""
        try:
            require("chat", "chat")
        except InputError as error:
            raise DeliveryError(as_message(error)) from error
        from apprise import Apprise, LogCapture

        service = Apprise.instantiate(self.secret("url"))
        if service is None:
            raise DeliveryError(error_message("error-apprise-url"))
        service.socket_connect_timeout = service.socket_read_timeout = self.timeout_s
        if service.verify_certificate and (authority := os.environ.get("SSL_CERT_FILE")):
            service.verify_certificate = authority  # type: ignore[assignment]  # for `verify` of requests
        chat = Apprise()
        chat.add(service)
        title, *lines = map(mentioning_nobody, delivery.content.lines())
        with LogCapture(level=logging.DEBUG) as log:  # type: ignore[no-untyped-call]
            if chat.notify("\n".join(lines).strip(), title):
                return str(service.service_name)
            raise _refused(str(service.service_name), log.getvalue())


def _refused(service: str, log: str) -> DeliveryError:
    """Return the error of a message that Apprise could not send."""
    if status := _STATUS.search(log):
        return status_error(int(status[1]))
    broken = _BROKEN.search(log)
    reason = broken[1] if broken else ""
    if _UNTRUSTED in reason:
        return DeliveryError(error_message("error-tls-failed", reason=_UNTRUSTED), is_temporary=True)
    if unreachable := _UNREACHABLE.search(reason):
        said = error_message("error-destination-unreachable", reason=unreachable[0])
        return DeliveryError(said, is_temporary=True)
    said = error_message("error-apprise-failed", service=service)
    return DeliveryError(said, may_have_arrived=True, is_temporary=True)
