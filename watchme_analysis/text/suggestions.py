"""Suggestion of the known word that a mistyped word means."""

from __future__ import annotations

from collections.abc import Collection

from watchme_analysis.text.message import Message, Resource, message


def nearest(word: str, known: Collection[str], similarity: float = 0.75) -> str | None:
    """Return the known word that resembles another word most; None if all are less similar than stated.

    The similarity, 0 to 1, is the share of letters that both words have in the same order, see `difflib`.
    The only word that begins with the other one counts as similar.
    """
    from difflib import get_close_matches

    longer = [each for each in known if len(word) > 1 and each != word and each.startswith(word)]
    if len(longer) == 1:
        return longer[0]
    return next(iter(get_close_matches(word, [each for each in known if each != word], 1, similarity)), None)


def did_you_mean(suggestion: str | None) -> Message | str:
    """Return the question that follows the sentence of an error; empty without a suggestion."""
    return message("error-did-you-mean", word=Resource(suggestion)) if suggestion else ""
