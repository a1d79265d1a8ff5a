"""``case.toml``: settings that describe a folder of evidence.

::

    title = "Health timeouts of 11 December"    # or { en = "...", ja = "..." }
    time_zone = "Europe/Berlin"         # of log times without a zone
    work_time_zone = "Europe/Berlin"    # of the local dates of work items
    log_format = "timed"                # a name in nginx.conf, or the format itself
    collected_at = "2025-12-11T12:05Z"  # when commands ran whose output states ages, such as kubectl

    [window]
    start = "2025-12-11T10:00+01:00"
    end = "2025-12-11T12:00+01:00"

    [files]
    "export-3.txt" = "access.log"       # a name of docs/evidence.md, or a reader's name
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from watchme_analysis.config import LogWords, WorkItemSettings, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.files.evidence_file import link_problem
from watchme_analysis.text.message import in_both_languages
from watchme_analysis.text.render import error_message
from watchme_analysis.window import Window, parse_time, parse_zone

FILE = "case.toml"
_KNOWN = {"title", "time_zone", "timezone", "window", "log_format", "files", "work_time_zone", "collected_at"}


@dataclass(frozen=True)
class CaseSettings:
    """Settings of a folder of evidence; those of work items and log words are from ``watchme.toml``."""

    file: str | None = None  # name of the settings file; None without such a file
    title: str | None = None
    zone: tzinfo = UTC  # of times without a zone
    zone_name: str = "UTC"
    states_zone: bool = False  # whether the file sets the zone
    zone_is_assumed: bool = False  # whether neither the file nor the user states the zone
    window: dict[str, str] | None = None  # ISO bounds
    log_format: str | None = None  # name or text of the access log's format
    collected_at: datetime | None = None  # moment from which ages count back that commands printed
    kinds: dict[str, str] = field(default_factory=dict)  # file name to kind, for files named in ``[files]``
    work_items: WorkItemSettings = field(default_factory=WorkItemSettings)
    log_words: LogWords = field(default_factory=LogWords)

    @property
    def of_readers(self) -> dict[str, Any]:
        """Return the settings that file readers may use."""
        stated: dict[str, Any] = {"log_format": self.log_format} if self.log_format else {}
        if self.collected_at is not None:
            stated["collected_at"] = self.collected_at
        configured = {"work_items": self.work_items, "log_words": self.log_words}
        return {**stated, **configured, "zone_is_assumed": self.zone_is_assumed}

    @property
    def of_manifest(self) -> dict[str, Any]:
        """Return the settings that the manifest stores, so that they do not depend on who reads the case."""
        return {"work_items": self.work_items.to_dict(), "log_words": self.log_words.to_dict()}


def read_settings(folder: Path, zone_name: str | None = None) -> CaseSettings:
    """Return the settings from the ``case.toml`` of a folder; the defaults without such a file.

    ``zone_name`` is the zone of times without a zone when the file does not set it. InputError when the file
    is not TOML or has an invalid setting, or the zone is unknown.
    """
    path = folder / FILE
    default = zone_name or "UTC"
    config = load_config()
    work_items, log_words = config.work_items, config.log_words
    if problem := link_problem(folder, path):
        raise InputError(error_message("error-settings-link", path=path, problem=problem))
    has_file = path.is_file()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8")) if has_file else {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(error_message("error-case-settings-unreadable", path=path, reason=error)) from error
    unknown = sorted(set(data) - _KNOWN)
    if unknown:
        raise InputError(
            error_message(
                "error-case-unknown-setting",
                path=path,
                names=", ".join(unknown),
                known=", ".join(sorted(_KNOWN)),
            )
        )
    stated = data.get("time_zone", data.get("timezone"))
    is_assumed = stated is None and zone_name is None
    zone_name = default if stated is None else str(stated)
    zone = parse_zone(zone_name)
    if "work_time_zone" in data:
        parse_zone(str(data["work_time_zone"]))
        work_items = replace(work_items, time_zone=str(data["work_time_zone"]))
    kinds = data.get("files", {})
    if not isinstance(kinds, dict) or not all(isinstance(kind, str) for kind in kinds.values()):
        raise InputError(error_message("error-case-files-table", path=path))
    for name in kinds:
        if not (folder / name).is_file():
            raise InputError(
                error_message("error-case-names-missing-file", path=path, name=repr(name), folder=folder)
            )
    return CaseSettings(
        file=FILE if has_file else None,
        title=_title(path, data.get("title")),
        zone=zone,
        zone_name=zone_name,
        states_zone=stated is not None,
        zone_is_assumed=is_assumed,
        window=_window(path, data.get("window"), zone),
        log_format=data.get("log_format"),
        collected_at=_moment(data["collected_at"], zone) if "collected_at" in data else None,
        kinds=kinds,
        work_items=work_items,
        log_words=log_words,
    )


def _title(path: Path, value: Any) -> str | None:
    """Return the title; of a title in both languages, the text that carries both."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict) and value.keys() == {"en", "ja"} and all(map(_is_text, value.values())):
        return in_both_languages(value["en"], value["ja"])
    raise InputError(error_message("error-case-title", path=path))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _window(path: Path, value: Any, zone: tzinfo) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"start", "end"}:
        raise InputError(error_message("error-case-window-table", path=path))
    moments = [_moment(value[name], zone) for name in ("start", "end")]
    window = Window(*moments)
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}


def _moment(value: Any, zone: tzinfo) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    return parse_time(str(value), zone)
