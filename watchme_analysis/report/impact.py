"""Impact of an incident as one sentence: requests that failed, or messages and work that were lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watchme_analysis.text.message import Message, message, message_from_dict

# Sentence of the summary that has the numbers of requests.
_REQUESTS = "health-incident"


def impact_of(diagnosis: Mapping[str, Any]) -> Message | None:
    """Return the impact of a diagnosis; None without an incident, or where it has no numbers.

    Parameters
    ----------
    diagnosis
        Dictionary from :meth:`watchme_analysis.inference.findings.Diagnosis.to_dict`.
    """
    if diagnosis.get("verdict") == "no_incident":
        return None
    if diagnosis.get("question") == "health":
        said = (one for one in diagnosis.get("summary_messages") or () if one)
        found = next((one for each in said for one in _within(each) if one.get("id") == _REQUESTS), None)
        if found is None:
            return None
        values = message_from_dict(found).values
        return message("impact-requests", **{name: values[name] for name in ("bad", "requests", "failed")})
    numbers = [diagnosis.get(name) for name in ("dead_letters_of_incident", "lost")]
    missed = diagnosis.get("missed_work")
    if missed is None or None in numbers:
        return None
    dead, lost = (int(number or 0) for number in numbers)
    return message("impact-messages", dead=dead, lost=lost, missed=len(missed))


def _within(stored: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a stored message and the sentences that it is made of."""
    yield stored
    if stored.get("id") == "sentences":
        parts = stored.get("values", {}).get("sentences", {}).get("sentences", ())
        for part in parts:
            if isinstance(part, Mapping):
                yield from _within(part)
