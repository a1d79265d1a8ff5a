"""How a sentence goes on that has named a cause, where there is a second one."""

from __future__ import annotations

_WORDS = {
    "downstream_saturated": "which set off a saturated downstream",
    "downstream_down": "until it no longer answered",
    "throttled": "which set off throttling",
    "mapping_disabled": "after which the mapping was switched off",
}


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
    if secondary in _WORDS:
        return f", {_WORDS[secondary]}"
    return f", and {secondary} beside it"
