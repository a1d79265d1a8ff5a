"""Suggestion of the known word that a mistyped word means."""

from __future__ import annotations

from collections.abc import Iterable

from watchme_analysis.text.message import Message, Resource, message

# Letters of a word for each edit that a typing error may make, so that short words are not confused.
_LETTERS_PER_EDIT = 3


def nearest(word: str, known: Iterable[str], most_edits: int | None = None) -> str | None:
    """Return the known word with the fewest edits from a mistyped word; None if all are too far.

    Parameters
    ----------
    word
        The mistyped word.
    known
        Words to choose from. Of several at the same distance, the first is returned.
    most_edits
        Largest number of edits; by default one for each three letters of the word, at least one.
    """
    limit = max(1, len(word) // _LETTERS_PER_EDIT) if most_edits is None else most_edits
    # Words whose lengths differ by more need more edits, and are not compared letter by letter.
    near = (each for each in known if each != word and abs(len(each) - len(word)) <= limit)
    edits, found = min(((edit_count(word, each), each) for each in near), key=_edits, default=(limit + 1, ""))
    return found if edits <= limit else None


def _edits(candidate: tuple[int, str]) -> int:
    return candidate[0]


def edit_count(first: str, second: str) -> int:
    """Return the number of edits that turn one word into another (optimal string alignment distance).

    An edit inserts, removes or replaces a letter, or swaps two neighbours.
    """
    before: list[int] = []
    row = list(range(len(second) + 1))
    for at, letter in enumerate(first, start=1):
        new = [at]
        for to, other in enumerate(second, start=1):
            edits = min(row[to] + 1, new[to - 1] + 1, row[to - 1] + (letter != other))
            if at > 1 and to > 1 and letter == second[to - 2] and first[at - 2] == other:
                edits = min(edits, before[to - 2] + 1)
            new.append(edits)
        before, row = row, new
    return row[-1]


def did_you_mean(suggestion: str | None) -> Message | str:
    """Return the question that follows the sentence of an error; empty without a suggestion."""
    return message("error-did-you-mean", word=Resource(suggestion)) if suggestion else ""
