"""Write docs/generated/settings.md and diagnosis.md from docstrings of the code; run this file to do so."""

from __future__ import annotations

import re
from dataclasses import fields
from inspect import cleandoc
from pathlib import Path
from typing import Any

from watchme_analysis.backlog import diagnosis as backlog
from watchme_analysis.config import LoadSettings, LogWords, RunSettings
from watchme_analysis.health import diagnosis as health
from watchme_analysis.inference.findings import Diagnosis
from watchme_analysis.limits import Limits

FOLDER = Path(__file__).resolve().parents[1] / "generated"
TABLES: dict[str, Any] = {"limits": Limits, "run": RunSettings, "log_words": LogWords, "load": LoadSettings}
SETTINGS = """# Keys of settings

`docs/site/reference.py` writes this page from the code. [Settings](../configuration.md) says where they
are stated.
"""
DIAGNOSIS = """# Fields of a diagnosis

`docs/site/reference.py` writes this page from the code. [Evidence](../evidence.md#output-of-watchme-diagnose)
says how to get them.
"""


def settings_page() -> str:
    """Return the Markdown page with the keys of tables of ``watchme.toml``."""
    parts = [SETTINGS]
    for name, settings in TABLES.items():
        defaults = {field.name: field.default for field in fields(settings)}
        parts.append(f"## `[{name}]`\n\n| key | default | meaning |\n|---|--:|---|")
        for keys, meaning in _entries(settings.__doc__):
            values = ", ".join(_shown(defaults[key]) for key in keys)
            parts.append(f"| {_code(keys)} | {values} | {meaning} |")
        parts.append("")
    return "\n".join(parts)


def diagnosis_page() -> str:
    """Return the Markdown page with the fields of ``watchme diagnose --json``."""
    sources = {
        "Both questions": Diagnosis.to_dict,
        "`health`": health.diagnose,
        "`backlog`": backlog.diagnose,
    }
    parts = [DIAGNOSIS]
    for title, function in sources.items():
        rows = (f"| {_code(keys)} | {meaning} |" for keys, meaning in _entries(function.__doc__))
        parts += [f"## {title}\n\n| field | meaning |\n|---|---|", *rows, ""]
    return "\n".join(parts)


def _entries(docstring: str | None) -> list[tuple[list[str], str]]:
    """Return names and meaning of each entry of the sections Attributes and Returns of a docstring."""
    text = cleandoc(docstring or "")
    sections = re.split(r"^(\w+)\n-+\n", text, flags=re.MULTILINE)[1:]
    parts = [body for title, body in zip(sections[::2], sections[1::2], strict=True) if title != "Parameters"]
    found = re.findall(r"^(\w[\w, ]*)\n((?:    .*(?:\n|\Z))+)", "\n".join(parts), re.MULTILINE)
    return [(names.split(", "), " ".join(meaning.replace("``", "`").split())) for names, meaning in found]


def _code(keys: list[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def _shown(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    (FOLDER / "settings.md").write_text(settings_page(), encoding="utf-8")
    (FOLDER / "diagnosis.md").write_text(diagnosis_page(), encoding="utf-8")
