"""The contract between the delivery of notices and the senders of each type of destination."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from watchme_analysis.cloudwatch.iam_policy import Grant
from watchme_analysis.config import Destination
from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.delivery.secret_values import secret_value
from watchme_analysis.errors import ServiceError, WatchmeError
from watchme_analysis.text.message import Text
from watchme_analysis.text.render import as_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# Forms of a report: a folder with a page, and a Markdown file.
PAGE_FORM, POSTMORTEM_FORM = "page", "postmortem"
# File that shows whether a place for reports can be written.
SAMPLE_FILE = ".watchme-sample.txt"
# Texts by which a chat notifies a group, mentions somebody or shows a link.
_MENTION = re.compile(r"(?<=@)(?=(?:all|channel|everyone|here)\b)|(?<=<)(?=[!@#])|(?<=\])(?=\()")
_UNSEEN = "\N{ZERO WIDTH SPACE}"
# Returns the account in a region for calls that are not repeated, because a repetition would deliver twice;
# None is the configured region.
AwsOf: TypeAlias = "Callable[[str | None], Aws]"


class DeliveryError(ServiceError):
    """A delivery that a destination did not confirm; the reason is one sentence without secrets.

    ``is_temporary`` tells whether another attempt in the same run may succeed, after the seconds that the
    destination asked for, if any.
    """

    def __init__(
        self,
        said: Text,
        *,
        may_have_arrived: bool = False,
        is_temporary: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(said)
        self.may_have_arrived = may_have_arrived
        self.is_temporary = is_temporary
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Delivery:
    """A notice as a destination receives it.

    ``notice.thread`` names the incident, whose end has `RESOLVED` of `delivery.changes` in ``notice.kinds``.
    ``content`` is in the language and at the level of redaction of the destination, as is ``page``, the
    folder or file of the report in the form of the sender. The last reports of ``open_incidents`` must be
    kept. ``thread_root`` is the receipt of the first message of the same thread here.
    """

    notice: Notice
    content: Content
    page: Path | None
    open_incidents: frozenset[str] = frozenset()
    thread_root: str | None = None


class Sender:
    """A destination, whose settings `config` has validated.

    ``form`` is the form of the report that it delivers, such as :data:`PAGE_FORM`; empty if it delivers texts
    only. ``timeout_s`` bounds each part of a response. Small copies of sites are in the folder of the state.
    """

    form: ClassVar[str] = ""
    timeout_s = 15.0

    def __init__(self, destination: Destination, state: Path, aws_of: AwsOf) -> None:
        self.name, self.type, self.settings = destination.name, destination.type, destination.settings
        self.state, self.aws_of = state, aws_of
        self._secrets: dict[str, str] = {}

    @classmethod
    def grants(cls, settings: Mapping[str, Any]) -> Iterable[Grant]:
        """Yield what IAM must allow for deliveries to a destination."""
        del settings
        return ()

    def send(self, delivery: Delivery) -> str:
        """Deliver a notice; return what the destination calls it. Not confirmed, it is a DeliveryError."""
        raise NotImplementedError

    def send_sample(self, delivery: Delivery) -> str:
        """Deliver a sample without a report, which must not stay among reports; return as :meth:`send`."""
        return self.send(delivery)

    def link(self, delivery: Delivery) -> str | None:
        """Return the URL of the report that was delivered here; None without one."""
        del delivery
        return None

    def secret(self, key: str) -> str:
        """Return the secret that a setting names, which is read once; without it, a delivery has failed."""
        if key not in self._secrets:
            try:
                self._secrets[key] = secret_value(self.settings[key], self.aws_of)
            except WatchmeError as error:
                raise DeliveryError(as_message(error), is_temporary=error.retryable) from error
        return self._secrets[key]


def sample_text(delivery: Delivery) -> bytes:
    """Return the content of the file of a sample."""
    return ("\n".join(delivery.content.lines()) + "\n").encode(errors="backslashreplace")


def mentioning_nobody(text: str) -> str:
    """Return a plain text in which evidence can neither mention anybody in a chat nor make a link."""
    return _MENTION.sub(_UNSEEN, text)


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters, with an ellipsis where it was cut."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
