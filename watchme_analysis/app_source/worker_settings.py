"""Files that set the workers of a server: those of uWSGI, and pools of PHP-FPM.

Both are read line by line, because uWSGI repeats options and PHP-FPM writes keys with brackets. Sources:
https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html and
https://www.php.net/manual/en/install.fpm.configuration.php.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.app_source.start_command import UWSGI_ASYNC
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.storable_values import frame_of_rows
from watchme_analysis.retrieval import Retrieval

if TYPE_CHECKING:
    import pandas as pd

_SECTION = re.compile(r"\s*\[(?P<name>[^\]]+)\]\s*")
_SETTING = re.compile(r"\s*(?P<name>[\w.-]+)\s*=\s*(?P<value>[^;#]*?)\s*(?:[;#].*)?")
_UWSGI = {
    "processes": "workers",
    "workers": "workers",
    "threads": "threads",
    "listen": "backlog",
    "socket": "bind",
    "http": "bind",
    "http-socket": "bind",
}
_PHP_FPM = {"pm.max_children": "workers", "listen.backlog": "backlog", "listen": "bind"}


def _settings(text: str) -> Iterator[tuple[str, int, dict[str, tuple[int, str]]]]:
    """Yield each section's name, its line, and the line and value of its settings; the last one counts."""
    name, at, found = "", 0, dict[str, tuple[int, str]]()
    for number, line in enumerate(text.splitlines(), 1):
        if section := _SECTION.fullmatch(line):
            yield name, at, found
            name, at, found = section["name"], number, {}
        elif setting := _SETTING.fullmatch(line):
            found[setting["name"]] = number, setting["value"]
    yield name, at, found


def _row(columns: dict[str, str], settings: dict[str, tuple[int, str]]) -> dict[str, Any]:
    """Return the columns of ``app_processes`` that settings state; a number in a variable stays unknown."""
    found: dict[str, Any] = {}
    for name, (_, value) in settings.items():
        column = columns.get(name)
        if column == "bind":
            host, _, port = value.rpartition(":")
            if port.isdigit():
                found |= {"port": int(port), "host": host.strip("[]") or None}
        elif column:
            found[column] = int(value) if value.isdigit() else None
    return found


def _uwsgi_rows(text: str) -> Iterable[dict[str, Any]]:
    for name, at, settings in _settings(text):
        if name == "uwsgi":
            many = next((one for one in UWSGI_ASYNC if one in settings), None)
            usual = {"server": "uwsgi", "workers": 1, "threads": 1, "backlog": 100}
            yield {"line": at, **usual, **_row(_UWSGI, settings), "worker_class": many}


def _pool_rows(text: str) -> Iterable[dict[str, Any]]:
    for _, at, settings in _settings(text):
        if "pm.max_children" in settings:
            usual = {"server": "php-fpm", "threads": 1, "backlog": 511}
            yield {"line": at, **usual, **_row(_PHP_FPM, settings)}


def read_uwsgi(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the processes of a file of uWSGI, whose other lines are not counted."""
    return _table(raw, "uwsgi_settings", _uwsgi_rows)


def read_php_fpm(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the pools of a file of PHP-FPM, whose other lines are not counted."""
    return _table(raw, "php_fpm_pool", _pool_rows)


def _table(
    raw: RawFile, source: str, rows_of: Callable[[str], Iterable[dict[str, Any]]]
) -> tuple[pd.DataFrame, Retrieval]:
    text = raw.content.data.decode("utf-8-sig", errors="backslashreplace")
    rows = [{"file": raw.relative, **row} for row in rows_of(text)]
    notes = (raw.content.problem,) if raw.content.problem else ()
    frame = frame_of_rows("app_processes", rows, raw.remarks)
    return frame, Retrieval(source, raw.relative, rows=len(frame), notes=notes)
