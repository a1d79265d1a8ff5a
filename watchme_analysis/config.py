"""Settings of a team or user: ``watchme.toml``, environment variables and defaults.

A setting has the value of the first of these that states it:

1. the option of the command or the argument of the function, such as ``--timezone``;
2. the environment variable, which is ``WATCHME_`` and the key in capitals, such as ``WATCHME_TIME_ZONE``;
3. ``watchme.toml`` in the working directory, else in the nearest parent that has one;
4. ``watchme/watchme.toml`` in the user's configuration folder, ``$XDG_CONFIG_HOME`` or ``~/.config``;
5. the default.

Entry point: `load_config`.

Imports: the standard library, `errors` and `limits` only.

Never: writes a file, or changes the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchme_analysis.errors import InputError, reason_of
from watchme_analysis.limits import LIMIT_KEYS, Limits

FILE = "watchme.toml"
PREFIX = "WATCHME_"
LANGUAGES = ("en", "ja")
# Characters of an invalid value that an error quotes.
_LONGEST_QUOTE = 60
# Where the language of messages is stated, in the order of POSIX.
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


@dataclass(frozen=True)
class WorkItemSettings:
    """How messages and logs name the work that they are about.

    Attributes
    ----------
    device_keys
        Keys of a message body that name the device or owner of the work; the first that is present counts.
        In logs, the same names are found in any spelling (``device_id``, ``deviceId``, ``DeviceID``).
    time_keys
        Keys that name the moment of the work.
    day_keys
        Keys that name its local date, for work about a whole day.
    day_in_path
        Regular expression whose group is the local date in the path of a file.
    time_zone
        IANA name of the zone in which local dates are counted.
    """

    device_keys: tuple[str, ...] = ("device_id", "deviceId")
    time_keys: tuple[str, ...] = ("recorded_at", "recordedAt")
    day_keys: tuple[str, ...] = ("local_date", "localDate")
    day_in_path: str = r"/(\d{4}-\d\d-\d\d)/"
    time_zone: str = "UTC"

    def to_dict(self) -> dict[str, object]:
        """Return a JSON-ready dictionary, as the manifest of a case holds it."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> WorkItemSettings:
        """Return the settings of :meth:`to_dict`.

        Raises
        ------
        ValueError
            When a value is not valid.
        """
        found = {key: _work_item_value(key, value) for key, value in data.items()}
        return cls(**found)


def _work_item_value(key: str, value: object) -> Any:
    """Return a validated setting of work items; raises ValueError with the allowed values."""
    if key == "day_in_path":
        try:
            if isinstance(value, str) and re.compile(value).groups == 1:
                return value
        except re.error:
            pass
        raise ValueError("a regular expression with one group, the date")
    if key == "time_zone":
        if isinstance(value, str) and _is_zone(value):
            return value
        raise ValueError(_SETTINGS["time_zone"].allowed)
    if (
        not isinstance(value, (list, tuple))
        or not value
        or not all(isinstance(one, str) and one for one in value)
    ):
        raise ValueError('a list of names, such as ["device_id"]')
    return tuple(value)


WORK_ITEM_KEYS = ("device_keys", "time_keys", "day_keys", "day_in_path")


@dataclass(frozen=True)
class Config:
    """Settings in force.

    Attributes
    ----------
    time_zone
        IANA name of the zone in which times are shown and local dates of work are counted; also of times
        in options and parameters that are written without a zone.
    language
        Language of the reader, ``en`` or ``ja``.
    profile, region
        AWS profile and region; None leaves the choice to the AWS configuration.
    alarms
        YAML file with the alarms to back-test; None for the alarms that the package brings.
    work_items
        How messages name their work, with :attr:`time_zone`. The import of a case stores it there.
    limits
        How much of a file of evidence is read.
    sources
        For each key the place that states it: an environment variable, a file or ``default``.
    """

    time_zone: str = "UTC"
    language: str = "en"
    profile: str | None = None
    region: str | None = None
    alarms: str | None = None
    work_items: WorkItemSettings = WorkItemSettings()
    limits: Limits = field(default_factory=Limits)
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class _Setting(NamedTuple):
    """How a setting is validated, and the variables of AWS that are stronger than a file."""

    allowed: str
    is_valid: Callable[[str], bool]
    aws_variables: tuple[str, ...] = ()
    is_path: bool = False


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


_SETTINGS = {
    "time_zone": _Setting('the IANA name of a time zone, such as "Asia/Tokyo" or "UTC"', _is_zone),
    "language": _Setting('"en" or "ja"', LANGUAGES.__contains__),
    # Access keys in the environment count as well: a profile that is given replaces them.
    "profile": _Setting(
        "the name of a profile of the AWS configuration",
        lambda text: bool(text.strip()),
        ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"),
    ),
    "region": _Setting(
        'an AWS region, such as "us-east-1"',
        lambda text: re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", text) is not None,
        ("AWS_REGION", "AWS_DEFAULT_REGION"),
    ),
    "alarms": _Setting(
        "the path of a YAML file, relative to the file that states it",
        lambda text: bool(text.strip()),
        is_path=True,
    ),
}
KEYS = (*_SETTINGS,)
# Table of the file with the settings of work items, and how a source names one of them.
_WORK_ITEMS = "work_items"
# Table of the file with the limits on evidence.
_LIMITS = "limits"


def load_config(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Return the settings in force, each with its source.

    Parameters
    ----------
    folder
        Folder from which ``watchme.toml`` is searched upwards; the working directory unless given.
    environ
        Environment variables; those of the process unless given.

    Raises
    ------
    InputError
        When a file can't be read or has an unknown key, or a value isn't allowed. The sentence names the
        file or variable, the key and the allowed values.
    """
    environ = os.environ if environ is None else environ
    files = [(path, _read(path)) for path in _files(folder, environ)]
    language, language_source = _locale_language(environ)
    values: dict[str, str | None] = {"time_zone": "UTC", "language": language}
    sources = dict.fromkeys(KEYS, "default") | {"language": language_source}
    for key, setting in _SETTINGS.items():
        variable = PREFIX + key.upper()
        if environ.get(variable):
            values[key], sources[key] = _checked(key, environ[variable], variable), variable
            continue
        stronger = next((name for name in setting.aws_variables if environ.get(name)), None)
        if stronger is not None:
            sources[key] = stronger
            continue
        stated = next(((path, data[key]) for path, data in files if key in data), None)
        if stated is not None:
            path, value = stated
            values[key], sources[key] = str(path.parent / value) if setting.is_path else value, str(path)
    work_items: dict[str, Any] = {}
    for key in WORK_ITEM_KEYS:
        given = next(
            ((path, table[key]) for path, data in files if key in (table := data.get(_WORK_ITEMS, {}))), None
        )
        sources[f"{_WORK_ITEMS}.{key}"] = "default" if given is None else str(given[0])
        if given is not None:
            work_items[key] = given[1]
    limits: dict[str, int] = {}
    for key in LIMIT_KEYS:
        variable = f"{PREFIX}LIMIT_{key.upper()}"
        found = [(variable, environ[variable])] if environ.get(variable) else []
        found += [(str(path), table[key]) for path, data in files if key in (table := data.get(_LIMITS, {}))]
        sources[f"{_LIMITS}.{key}"] = found[0][0] if found else "default"
        if found:
            limits[key] = _checked_limit(key, *found[0])
    return Config(
        time_zone=str(values["time_zone"]),
        language=str(values["language"]),
        profile=values.get("profile"),
        region=values.get("region"),
        alarms=values.get("alarms"),
        work_items=WorkItemSettings(**work_items, time_zone=str(values["time_zone"])),
        limits=Limits.from_dict(limits),
        sources=MappingProxyType(sources),
    )


def _checked_limit(key: str, source: str, value: object) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value) else value
    try:
        Limits.from_dict({key: number})
    except ValueError as error:
        raise InputError(f"{source}: {_LIMITS}.{key} is {_quoted(value)}, but must be {error}.") from error
    assert isinstance(number, int)
    return number


def _files(folder: Path | None, environ: Mapping[str, str]) -> list[Path]:
    """Return the files in force, the strongest first."""
    found = []
    try:
        start = Path.cwd() if folder is None else folder.absolute()
    except FileNotFoundError:  # the working directory was deleted
        start = None
    if start is not None:
        near = (place / FILE for place in (start, *start.parents))
        found += [path for path in near if os.path.isfile(path)][:1]  # noqa: PTH113  never raises
    home = environ.get("XDG_CONFIG_HOME") or (Path(environ["HOME"], ".config") if "HOME" in environ else None)
    if home is not None:
        own = Path(home, "watchme", FILE)
        if os.path.isfile(own) and own not in found:  # noqa: PTH113
            found.append(own)
    return found


def _read(path: Path) -> dict[str, Any]:
    """Return the settings of a file, checked."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} can't be read: {reason_of(error)}. Correct or remove the file.") from error
    known = (*KEYS, _WORK_ITEMS, _LIMITS)
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise InputError(
            f"{path} has the unknown key {_quoted(unknown[0])}: the keys are {', '.join(known)}."
        )
    table = data.pop(_WORK_ITEMS, {})
    if not isinstance(table, dict) or not set(table) <= set(WORK_ITEM_KEYS):
        raise InputError(f"{path}: [{_WORK_ITEMS}] has the keys {', '.join(WORK_ITEM_KEYS)} only.")
    work_items = {}
    for key, value in table.items():
        try:
            work_items[key] = _work_item_value(key, value)
        except ValueError as error:
            raise InputError(
                f"{path}: {_WORK_ITEMS}.{key} is {_quoted(value)}, but must be {error}."
            ) from error
    limits = data.pop(_LIMITS, {})
    if not isinstance(limits, dict) or not set(limits) <= set(LIMIT_KEYS):
        raise InputError(f"{path}: [{_LIMITS}] has the keys {', '.join(LIMIT_KEYS)} only.")
    for key, value in limits.items():
        _checked_limit(key, str(path), value)
    tables = {_WORK_ITEMS: work_items, _LIMITS: limits}
    return {key: _checked(key, value, str(path)) for key, value in data.items()} | tables


def _checked(key: str, value: object, source: str) -> str:
    setting = _SETTINGS[key]
    if not isinstance(value, str) or not setting.is_valid(value):
        raise InputError(f"{source}: {key} is {_quoted(value)}, but must be {setting.allowed}.")
    return value


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"


def _locale_language(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the language of the locale, ``ja`` for ``ja_JP.UTF-8``, with its variable; else English."""
    variable = next((name for name in _LOCALE_VARIABLES if environ.get(name)), None)
    language = "" if variable is None else re.split(r"[_.@]", environ[variable])[0].lower()
    return (language, str(variable)) if language in LANGUAGES else ("en", "default")
