"""Write docs/generated/settings.md from the docstrings of the settings; run this file to do so."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from watchme_analysis.config import LoadSettings, LogWords, RunSettings
from watchme_analysis.limits import Limits

PAGE = Path(__file__).resolve().parents[1] / "generated" / "settings.md"
TABLES: dict[str, Any] = {"limits": Limits, "run": RunSettings, "log_words": LogWords, "load": LoadSettings}
HEAD = """# Keys of settings

`docs/site/write_settings.py` writes this page from the code. [Settings](../configuration.md) says where they
are stated.
"""


def settings_page() -> str:
    """Return the Markdown page with the keys of tables of ``watchme.toml``."""
    parts = [HEAD]
    for name, settings in TABLES.items():
        defaults = {field.name: field.default for field in fields(settings)}
        parts.append(f"## `[{name}]`\n\n| key | default | meaning |\n|---|--:|---|")
        for keys, meaning in _attributes(settings):
            names = ", ".join(f"`{key}`" for key in keys)
            parts.append(f"| {names} | {', '.join(_shown(defaults[key]) for key in keys)} | {meaning} |")
        parts.append("")
    return "\n".join(parts)


def _attributes(settings: Any) -> list[tuple[list[str], str]]:
    """Return names and meaning of each entry below ``Attributes`` in a docstring."""
    text = settings.__doc__.partition("Attributes\n    ----------\n")[2]
    entries = re.findall(r"^    (\w[\w, ]*)\n((?:        .*(?:\n|\Z))+)", text, re.MULTILINE)
    return [(names.split(", "), " ".join(meaning.replace("``", "`").split())) for names, meaning in entries]


def _shown(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else f"`{value}`"
    )


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
