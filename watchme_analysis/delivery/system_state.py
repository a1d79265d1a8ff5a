"""The stored state of a system: its questions, what is still to be delivered, and its last failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from watchme_analysis.delivery.changes import QuestionState
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.delivery.storage import Storage
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

_FILE = "state.json"
_VERSION = 1


@dataclass(frozen=True)
class SystemState:
    """State of a system between two runs; one document, so that a change and its notice are stored together.

    Attributes
    ----------
    questions
        State by question.
    pending
        Notices that not every destination has received.
    failure
        Sentence on the failure of the last run; empty if it succeeded. The same failure again is not
        delivered again.
    failing
        Error of each destination whose last delivery failed, so that it is reported once.
    """

    questions: Mapping[str, QuestionState] = field(default_factory=lambda: MappingProxyType({}))
    pending: tuple[Notice, ...] = ()
    failure: str = ""
    failing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def open_incidents(self) -> frozenset[str]:
        """Ids of the open incidents."""
        return frozenset(each.open.id for each in self.questions.values() if each.open is not None)


def read_state(storage: Storage) -> SystemState:
    """Return the stored state of a system; an empty one without a file.

    Raises
    ------
    InputError
        When the file can't be read, or was written by a newer release.
    """
    data = storage.read(_FILE)
    if data is None:
        return SystemState()
    if data.get("version") != _VERSION:
        raise InputError(
            error_message(
                "error-state-version", path=storage.folder / _FILE, found=data.get("version"), known=_VERSION
            )
        )
    return SystemState(
        {name: QuestionState.from_dict(each) for name, each in data["questions"].items()},
        tuple(map(Notice.from_dict, data["pending"])),
        data["failure"],
        data["failing"],
    )


def write_state(storage: Storage, state: SystemState) -> None:
    """Store the state of a system atomically."""
    data: dict[str, Any] = {
        "version": _VERSION,
        "questions": {name: each.to_dict() for name, each in state.questions.items()},
        "pending": [notice.to_dict() for notice in state.pending],
        "failure": state.failure,
        "failing": dict(state.failing),
    }
    storage.write(_FILE, data)
