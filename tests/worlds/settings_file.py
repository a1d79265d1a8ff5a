"""A ``watchme.toml`` as its user has it: written and trusted."""

from contextlib import suppress

from watchme_analysis.config import FILE, trust_file
from watchme_analysis.errors import InputError


def write_settings(folder, text):
    """Write a ``watchme.toml`` into a folder and trust it, unless it is not valid; return its path."""
    path = folder / FILE
    path.write_text(text)
    with suppress(InputError):
        trust_file(path)
    return path
