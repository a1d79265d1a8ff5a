"""How a sentence goes on that has named a cause, where there is a second one."""

from __future__ import annotations

_SET_OFF = {"downstream_saturated": "a saturated downstream", "throttled": "throttling"}


def aftermath(secondary: str | None) -> str:
    """Return ``, which set off throttling``; empty without a second cause.

    Parameters
    ----------
    secondary
        The second cause, a word of its question's list. A second fault of ``/health`` may have nothing to do
        with the first one, so that nothing is said to have set it off.
    """
    if secondary is None:
        return ""
    if secondary in _SET_OFF:
        return f", which set off {_SET_OFF[secondary]}"
    return f", and {secondary} beside it"
