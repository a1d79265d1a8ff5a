"""A sample message to each destination, so that a wrong address shows before an incident does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from watchme_analysis.config import Destination
from watchme_analysis.delivery.content import Content, with_id
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError, Sender
from watchme_analysis.delivery.notice import SAMPLE, notice_of
from watchme_analysis.delivery.outbox import CONFIRMED, FAILED, UNCERTAIN, Pace, delivered, within
from watchme_analysis.text.render import label, masked_text, text_of_error


def send_samples(
    destinations: Mapping[str, Destination], senders: Mapping[str, Sender], language: str, now: datetime
) -> Iterator[dict[str, str]]:
    """Send one sample to each destination, once and in their order; yield the outcome of each.

    Parameters
    ----------
    destinations, senders
        Destinations and their senders, by name.
    language
        Language for destinations that state none.
    now
        Time of the sample, which is part of its id.

    Yields
    ------
    dict
        Outcome as :func:`.outbox.delivered` describes it. Nothing is repeated or recorded, so ``uncertain``
        is a sample that may have arrived.
    """
    for name, destination in destinations.items():
        notice = notice_of(SAMPLE, name, None, now)
        reader = destination.language or language
        content = Content(
            label("delivery-sample-title", reader, name=name),
            (),
            (label("delivery-sample", reader),),
            (),
            (),
            reader,
        )
        delivery = Delivery(notice, with_id(content, notice), None)
        try:
            receipt = within(Pace.call_s, lambda: senders[name].send_sample(delivery))  # noqa: B023  ends here
        except DeliveryError as error:
            status = UNCERTAIN if error.may_have_arrived else FAILED
            yield delivered(name, notice, status, masked_text(text_of_error(error)))
        else:
            yield delivered(name, notice, CONFIRMED, receipt)
