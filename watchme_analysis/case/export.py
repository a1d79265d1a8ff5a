"""Export of a case that may be given to others: every table and file at a level of redaction.

Diagnoses, pages, notebooks and lists are made from a case, so none of them holds more than the exported case.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.case.actions import record_actions, recorded_actions
from watchme_analysis.case.case_folder import Case, check_case_path, read_case
from watchme_analysis.case.manifest import MANIFEST, manifest_text
from watchme_analysis.case.writer import sha256_of
from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.files.evidence_file import unpacked_name
from watchme_analysis.files.lines import decoded
from watchme_analysis.redact import MASK, is_secret_value
from watchme_analysis.schema import TABLES, conform
from watchme_analysis.stand_ins import LEVELS, Redactor
from watchme_analysis.storage.leftovers import in_use, remove_leftovers, temporary_path
from watchme_analysis.text.message import stored_texts
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

# Columns whose values name a person or resource, with the kind of the name.
_NAMING = {"remote_user": "user", "user": "user", "host": "host", "server": "host"}
# Texts that are masked as a whole at the level `share`.
_BODIES = {"queue_messages": ("body", "message_attributes"), "rejected_lines": ("text",)}
# Keys that name somebody in any system, beside those of the case.
_ITEM_KEYS = (
    *(f"{owner}_id" for owner in ("device", "user", "customer", "client", "owner")),
    "username",
    "user_name",
)
# Hosts of URLs and owners of home folders, which other texts name by themselves.
_IN_TEXT = re.compile(
    r"://(?:[^/\s@]{1,200}@)?(?P<host>(?!\d)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
    r"|/(?:home|Users)/(?P<user>[\w.-]+)"
    r"|:user/(?:[\w+=,.@-]{1,64}/){0,8}(?P<iam_user>[\w.-]+)"
)
_NO_HOSTS = ("localhost", "_", "-", "default")
_ASSIGNMENT = re.compile(
    r"""^[ \t-]*(?:export\s+|ENV\s+)?["']?(?P<name>[A-Za-z_][\w.-]{0,80})["']?[ \t]*[:=][ \t]*"""
    r"""(?P<quote>["']?)(?P<value>[^\s"'#]+)""",
    re.MULTILINE,
)
# Files in which a word without quotation marks is the name of something, such as a variable or a type.
_SOURCE_CODE = frozenset({".py", ".js", ".mjs", ".cjs", ".ts", ".go", ".java", ".rb", ".rs", ".ipynb"})


def export_case(case: Case, target: Path, level: str, redactor: Redactor | None = None) -> Case:
    """Write a case at a level of redaction into a new folder, and return the new case.

    The levels are ``secrets``, ``ids`` and ``share``, see :mod:`watchme_analysis.stand_ins`. A redactor from
    :func:`redactor_of` uses its stand-ins for texts about the new case as well. CaseError when the folder
    exists, or a table can't be read.
    """
    if level not in LEVELS:
        raise InputError(error_message("error-export-level", level=repr(level), known=", ".join(LEVELS)))
    check_case_path(target)
    if target.exists():
        raise CaseError(error_message("error-target-exists", target=target))
    redactor = redactor or redactor_of(case, level)
    remove_leftovers(target.parent)
    work = temporary_path(target)
    try:
        work.mkdir(parents=True)
        with in_use(work):
            (work / "tables").mkdir()
            _write(case, work, redactor)
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return read_case(target)


def redactor_of(case: Case, level: str) -> Redactor:
    """Return the redaction of the texts of a case, such as its diagnosis, at a level."""
    return Redactor(level, set(_secrets(case)), {} if level == "secrets" else dict(_identities(case)))


def _write(case: Case, target: Path, redactor: Redactor) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stored = stored_texts(case.manifest)
    manifest = redactor.value({key: item for key, item in stored.items() if key != "tables"})
    manifest["tables"] = {name: redactor.value(entry) for name, entry in stored["tables"].items()}
    for name in case.manifest["tables"]:
        path = target / "tables" / f"{name}.parquet"
        frame = conform(name, _redacted_table(name, case.table(name), redactor))
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, compression="zstd")
        manifest["tables"][name]["sha256"] = sha256_of(path)
    record_actions(target, redactor.value(recorded_actions(case.path)))
    hashes = {}
    for path in _copies(case):
        name = redactor.text(path.relative_to(case.path / "files").as_posix())
        copy = target / "files" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(redactor.text(decoded(path.read_bytes())), encoding="utf-8")
        hashes[name] = sha256_of(copy)
    for entry in manifest["inputs"]:
        # The hash of evidence would confirm a guess of its secrets.
        entry["sha256"] = hashes.get(unpacked_name(str(entry["file"])), "")
        if entry["sha256"]:
            entry["file"] = unpacked_name(str(entry["file"]))
    for key in ("format_version", "made_with", "work_items", "time_zone", "window"):
        manifest[key] = case.manifest.get(key, {})
    for key in ("fingerprint", "evidence"):  # hashes of what is not exported
        manifest.pop(key, None)
    manifest["redacted"] = redactor.level
    (target / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")


def _redacted_table(name: str, frame: pd.DataFrame, redactor: Redactor) -> pd.DataFrame:
    changed = {}
    bodies = _BODIES.get(name, ()) if redactor.level == "share" else ()
    for column in TABLES[name].columns:
        if column.kind not in ("text", "json"):
            continue
        values = frame[column.name]
        if column.name in bodies:
            changed[column.name] = values.mask(
                values.notna(), json.dumps(MASK) if column.kind == "json" else MASK
            )
            continue
        known = values.dropna().unique()
        made = {
            text: redactor.value(str(text)) if column.kind == "text" else redactor.json_text(str(text))
            for text in known
        }
        changed[column.name] = values.map(made, na_action="ignore")
    return frame.assign(**changed)


def _copies(case: Case) -> list[Path]:
    return [
        path for path in sorted((case.path / "files").rglob("*")) if path.is_file() and not path.is_symlink()
    ]


def _secrets(case: Case) -> Iterator[str]:
    """Yield the values of variables and keys with a secret name in the configurations of the case."""
    for path in _copies(case):
        is_code = path.suffix in _SOURCE_CODE
        for found in _ASSIGNMENT.finditer(decoded(path.read_bytes())):
            value = found["value"].rstrip(",;")
            if (is_code and not found["quote"]) or value.startswith(("$", "{", "[", MASK)):
                continue
            if is_secret_value(found["name"], value):
                yield value


def _identities(case: Case) -> Iterator[tuple[str, str]]:
    """Yield the values that name devices, users and hosts, with their kind."""
    named = dict.fromkeys((*case.work_items.item_keys, *_ITEM_KEYS))
    keys = "|".join(re.escape(key).replace("_", "[_-]?") for key in named)
    device = re.compile(
        rf"""(?<![A-Za-z0-9])(?:{keys})\\*["']?\s*[:=]\s*\\*["']?(?P<id>[\w.-]*\w)""", re.IGNORECASE
    )
    for name in case.manifest["tables"]:
        frame: Any = case.table(name)
        for column in TABLES[name].columns:
            if column.kind not in ("text", "json"):
                continue
            kind = _NAMING.get(column.name)
            for text in map(str, frame[column.name].dropna().unique()):
                if kind and text not in _NO_HOSTS:
                    yield text, kind
                for found in device.finditer(text):
                    yield found["id"], "device"
                for found in _IN_TEXT.finditer(text):
                    if found["host"]:
                        yield found["host"], "host"
                    else:
                        yield found["user"] or found["iam_user"], "user"
    yield from _server_names(case)


def _server_names(case: Case) -> Iterator[tuple[str, str]]:
    """Yield the hosts of ``server_name``; a name without a dot is usually that of a service."""
    directives: Any = case.table("config_directives")
    for args in directives.loc[directives["directive"] == "server_name", "args"].dropna():
        for name in json.loads(args):
            host = name.strip("*.")
            if "." in host and not name.startswith("~"):
                yield host, "host"
