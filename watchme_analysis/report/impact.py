"""Impact of an incident as one sentence: requests that failed, or messages and work that were lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watchme_analysis.text.message import Message, counts_message, message, message_from_dict

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
    # The most that may be missing is no count of what is.
    missed = None if diagnosis.get("missed_work_may_have_run") else diagnosis.get("missed_work")
    counts = {
        "dead": diagnosis.get("dead_letters_of_incident"),
        "lost": diagnosis.get("lost"),
        "missed": None if missed is None else len(missed),
    }
    return None if set(counts.values()) == {None} else counts_message("impact-messages", **counts)


def _within(stored: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a stored message and the sentences that it is made of."""
    yield stored
    if stored.get("id") == "sentences":
        parts = stored.get("values", {}).get("sentences", {}).get("sentences", ())
        for part in parts:
            if isinstance(part, Mapping):
                yield from _within(part)
