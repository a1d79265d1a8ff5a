"""The actions that a case records, as a report and a postmortem list them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.text.message import Message, message, message_from_dict

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case

# Actions of a kind that are told one by one.
_MOST_ALIKE = 3


def actions_taken(case: Case) -> list[tuple[datetime, Message, str]]:
    """Return time, sentence and outcome of each recorded action, in order.

    A redrive takes the same action for each message. So actions that differ only in their values are told
    once, with their number, at the time of the first.

    Parameters
    ----------
    case
        Case with the table ``actions``.

    Raises
    ------
    CaseError
        When the table is damaged.
    """
    groups: dict[tuple[Any, ...], list[tuple[datetime, Message]]] = {}
    for row in case.table("actions").to_dict("records"):
        stored = row["message"] if isinstance(row["message"], Mapping) else json.loads(row["message"])
        said = message_from_dict(stored)
        kind = (row["plan"], row["resource"], said.id, str(row["outcome"]))
        groups.setdefault(kind, []).append((row["time"].to_pydatetime(), said))
    found = []
    for (*_, outcome), same in groups.items():
        if len(same) <= _MOST_ALIKE:
            found += [(time, said, outcome) for time, said in same]
            continue
        (first, said), (last, _) = same[0], same[-1]
        sentence = message("postmortem-alike", first=said, count=len(same) - 1, until=last)
        found.append((first, sentence, outcome))
    return sorted(found, key=lambda action: action[0])
