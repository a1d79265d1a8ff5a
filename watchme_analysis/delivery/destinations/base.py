"""The contract between the delivery of notices and the senders of each type of destination."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.message import Text

# Forms of a report: a folder with a page, and a Markdown file.
PAGE_FORM, POSTMORTEM_FORM = "page", "postmortem"


class DeliveryError(ServiceError):
    """A delivery that a destination did not confirm.

    Parameters
    ----------
    said
        Reason in one sentence, without secrets.
    may_have_arrived
        Whether the destination may have received it, so that it must not be repeated.
    is_temporary
        Whether another attempt in the same run may succeed.
    retry_after_s
        Seconds to wait that the destination asked for; None without a wish.
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

    Attributes
    ----------
    notice
        The notice.
    content
        Its texts in the language and at the level of redaction of the destination.
    page
        Folder or file of the report at that language and level, in the form of the sender; None without one.
    open_incidents
        Ids of the incidents of the system that are open, whose last report must be kept.
    thread_root
        Receipt of the first message of the same thread here; None before one.
    """

    notice: Notice
    content: Content
    page: Path | None
    open_incidents: frozenset[str] = frozenset()
    thread_root: str | None = None


class Sender(Protocol):
    """A destination."""

    @property
    def form(self) -> str:
        """Form of the report that it delivers, such as :data:`PAGE_FORM`; empty if it delivers texts only."""

    def send(self, delivery: Delivery) -> str:
        """Deliver a notice; return what the destination calls it.

        Raises
        ------
        DeliveryError
            When it is not confirmed.
        """

    def link(self, delivery: Delivery) -> str | None:
        """Return the URL of the report that was delivered here; None without one."""
