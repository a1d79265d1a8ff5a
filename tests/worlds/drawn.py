"""Drawn examples that are the same each time, unless a seed asks for others."""

import os

from hypothesis import seed, settings

SECONDS = float(os.environ.get("WATCHME_FUZZ_SECONDS", "0"))
SEED = os.environ.get("WATCHME_FUZZ_SEED")


def drawn(*, least, per_s):
    """Return a decorator of a test with drawn examples.

    Without WATCHME_FUZZ_SEED they are the same each time: a change is refused for what it does, not for a
    draw. With it, they depend on it, as each night.

    Parameters
    ----------
    least
        Least number of examples.
    per_s
        Number of examples for each of the WATCHME_FUZZ_SECONDS.
    """

    def decorated(test):
        options = settings(max_examples=max(least, int(per_s * SECONDS)), derandomize=SEED is None)
        return seed(int(SEED))(options(test)) if SEED else options(test)

    return decorated
