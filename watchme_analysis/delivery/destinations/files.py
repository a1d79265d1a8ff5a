"""Folder of reports with an index; reports older than the retention are removed.

A report is copied to a hidden name and renamed, so that the folder holds complete reports only, also on a
network file system. The index is that of `watchme report`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from watchme_analysis.delivery.destinations.base import (
    PAGE_FORM,
    SAMPLE_FILE,
    Delivery,
    DeliveryError,
    Sender,
    sample_text,
)
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.report.folder import ABOUT, PAGE, RESULT, locked, prepare, read_result
from watchme_analysis.report.html_page import check_index, write_index
from watchme_analysis.storage.atomic_write import write_atomically
from watchme_analysis.storage.leftovers import in_use, remove_leftovers, temporary_path
from watchme_analysis.text.render import as_message, error_message

# Time of a report at the beginning of the name of its folder.
_TIME = re.compile(r"(\d{8}T\d{6})Z-")


@dataclass(frozen=True)
class Retention:
    """How long reports are kept.

    Those older than ``keep`` are removed; None keeps all, and ``keep_incidents`` those of incidents.
    """

    keep: timedelta | None = None
    keep_incidents: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Retention:
        """Return the retention that the settings of a destination state."""
        stated = settings.get("keep")
        days = None if stated is None else timedelta(days=int(str(stated)[:-1]))
        return cls(days, bool(settings.get("keep_incidents")))

    def expired(self, folder: Path, delivery: Delivery) -> list[str]:
        """Return the names of the reports to remove; never the last report of an open incident.

        Reports of incidents of other systems are left to the runs of these systems, which know whether an
        incident is open.

        A report that no run has delivered has no note on its incident. It is kept if its own result shows an
        incident without an end.
        """
        if self.keep is None:
            return []
        oldest = f"{delivery.notice.created_at - self.keep:%Y%m%dT%H%M%S}"
        names = sorted((name for name in os.listdir(folder) if _TIME.match(name)), reverse=True)  # noqa: PTH208
        old = [name for name in names if name[:15] < oldest]
        found, kept_for = [], None
        for name in old:
            system, incident = _about(folder / name)
            is_foreign = system is not None and system != delivery.notice.system
            if incident is not None and (self.keep_incidents or is_foreign or incident == _UNKNOWN):
                continue
            if incident in delivery.open_incidents:
                if kept_for is None:  # only now, because it reads every newer report
                    kept_for = {_about(folder / newer)[1] for newer in names[: len(names) - len(old)]}
                if incident not in kept_for:
                    kept_for.add(incident)
                    continue
            found.append(name)
        return found


# Incident of a report without a note that shows an incident without an end.
_UNKNOWN = "unknown"


def _about(report: Path) -> tuple[str | None, str | None]:
    """Return the system and the incident of a report by its note, else by its result; None without one."""
    try:
        found = json.loads((report / ABOUT).read_text(encoding="utf-8"))
        return str(found["system"]), None if found["incident"] is None else str(found["incident"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    diagnosis = (read_result(report) or {}).get("diagnosis") or {}
    incident = diagnosis.get("incident") or {}
    if not incident.get("start"):
        return None, None
    return None, _UNKNOWN if incident.get("end") is None else report.name


def note_of(delivery: Delivery) -> bytes:
    """Return the note that is stored beside a report."""
    notice = delivery.notice
    note = {
        "system": notice.system,
        "incident": notice.incident.id if notice.incident else None,
        "notice": notice.id,
        "kinds": notice.kinds,
    }
    return (json.dumps(note, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


class FilesSender(Sender):
    """Delivery of reports to a folder, which is created when missing, and may be served under a URL."""

    form: ClassVar[str] = PAGE_FORM

    def send(self, delivery: Delivery) -> str:
        """Copy the report into the folder, remove old ones, and write the index; return its path."""
        if delivery.page is None:
            raise DeliveryError(error_message("error-no-report-delivered"))
        folder = Path(self.settings["folder"]).absolute()
        try:
            check_index(folder)
            prepare(folder)
            target = folder / delivery.page.name
            if not (target / RESULT).is_file():
                copy_report(delivery.page, target, note_of(delivery))
            with locked(folder):
                for name in Retention.of(self.settings).expired(folder, delivery):
                    remove_report(folder / name)
            write_index(folder, delivery.content.language)
        except InputError as error:
            raise DeliveryError(as_message(error)) from error
        except (OSError, WatchmeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DeliveryError(
                error_message("error-report-unwritable", folder=folder, reason=reason), is_temporary=True
            ) from error
        return str(target)

    def send_sample(self, delivery: Delivery) -> str:
        """Write the file of the sample; return its path."""
        return write_sample(Path(self.settings["folder"]).absolute(), delivery)

    def link(self, delivery: Delivery) -> str | None:
        """Return the URL of the page."""
        url = self.settings.get("url")
        if url is None or delivery.page is None:
            return None
        return f"{url.rstrip('/')}/{quote(delivery.page.name)}/{PAGE}"


def write_sample(folder: Path, delivery: Delivery) -> str:
    """Write the file of a sample into a folder; return its path."""
    path = folder / SAMPLE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, sample_text(delivery), follow_links=False)
    except OSError as error:
        raise DeliveryError(error_message("error-destination-unwritable", path=path, reason=error)) from error
    return str(path)


def copy_report(report: Path, target: Path, note: bytes, only: Sequence[str] | None = None) -> None:
    """Copy a report with a note so that it appears complete or not at all.

    ``only`` names the files to copy, and the others become empty files; None copies all.
    """
    remove_leftovers(target.parent)
    work = temporary_path(target)
    work.mkdir()
    try:
        with in_use(work):
            for path in report.iterdir():
                if only is None or path.name in only:
                    shutil.copyfile(path, work / path.name)
                else:
                    (work / path.name).touch()
            (work / ABOUT).write_bytes(note)
            for path in work.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def remove_report(report: Path) -> None:
    """Remove a report; it disappears from the index first, also if this is interrupted."""
    aside = temporary_path(report)
    report.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
