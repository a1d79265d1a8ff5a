"""Settings of a team or user: ``watchme.toml``, environment variables and defaults.

A setting has the value of the first of these that states it:

1. the option of the command or the argument of the function, such as ``--timezone``;
2. the environment variable, which is ``WATCHME_`` and the key in capitals, such as ``WATCHME_TIME_ZONE``;
3. the file that ``WATCHME_CONFIG`` names; without it, ``watchme.toml`` in the working directory (or that of
   ``WATCHME_CONFIG_FOLDER``), else in the nearest parent that has one;
4. ``watchme/watchme.toml`` in the user's configuration folder, ``$XDG_CONFIG_HOME`` or ``~/.config``;
5. the default.

A file that was found by the search may be somebody else's: until the user confirms it (`trust_file`), it only
states names of resources, how things are shown, and lower limits.

Entry point: `load_config`.

Imports: the standard library, `errors`, `limits`, `trusted` and `text` only.

Never: writes a file, apart from the confirmation of a file, or changes the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchme_analysis.errors import InputError
from watchme_analysis.limits import LIMIT_KEYS, Limits
from watchme_analysis.redact import described
from watchme_analysis.safe_regex import compiled
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.file_names import is_file_name
from watchme_analysis.text.message import Choice, Message, Names, Resource, Text
from watchme_analysis.text.render import error_message
from watchme_analysis.text.suggestions import nearest
from watchme_analysis.trusted import is_trusted, trust

FILE = "watchme.toml"
PREFIX = "WATCHME_"
# Folder from which files are searched instead of the working directory: that of whoever started a notebook.
FOLDER_VARIABLE = f"{PREFIX}CONFIG_FOLDER"
# File that the user names instead of the search, and thereby trusts.
FILE_VARIABLE = f"{PREFIX}CONFIG"
# Characters of an invalid value that an error quotes.
_LONGEST_QUOTE = 60
# Least similarity of a key to an unknown one for which it is suggested.
_SIMILARITY = 0.6
# Where the language of messages is stated, in the order of POSIX.
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")

# What a value may be


class _Check(NamedTuple):
    """What a value may be: as words for an error, and as a function.

    ``parse`` returns the value to store, and raises ValueError for one that is not allowed.
    """

    allowed: Text
    parse: Callable[[Any], Any]
    is_path: bool = False
    is_required: bool = False


def _matching(pattern: str) -> Callable[[Any], str]:
    """Return a validation of a text by a regular expression."""

    def parse(value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ValueError

    return parse


def _number(
    kind: type[int] | type[float], below: float = inf, text: str | None = None
) -> Callable[[Any], Any]:
    """Return a validation of a number above 0, also from a text of such a form: a variable's value."""

    def parse(value: Any) -> Any:
        if text is not None and isinstance(value, str) and re.fullmatch(text, value):
            value = kind(value)
        if isinstance(value, bool) or not isinstance(value, int | kind) or not 0 < value < below:
            raise ValueError
        return kind(value)

    return parse


def _name(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError


def _names(value: Any) -> tuple[str, ...]:
    """Return a list of texts as a tuple."""
    if isinstance(value, list | tuple):
        return tuple(map(_name, value))
    raise ValueError


def _name_or_names(value: Any) -> tuple[str, ...]:
    """Return a name or a non-empty list of names as a tuple."""
    if found := (value,) if isinstance(value, str) else _names(value):
        return _names(found)
    raise ValueError


def _each(parse: Callable[[Any], str]) -> Callable[[Any], tuple[str, ...]]:
    return lambda value: tuple(map(parse, _name_or_names(value)))


def _date_pattern(value: Any) -> str:
    if isinstance(value, str) and compiled(value).groups == 1:
        return value
    raise ValueError


def _zone(value: Any) -> str:
    try:
        ZoneInfo(_name(value))
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError from error
    return str(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


def _one_of(*allowed: str) -> _Check:
    """Return a choice, whose values an error quotes as TOML has them."""
    *rest, last = (f'"{each}"' for each in allowed)
    said = error_message("allowed-choices", rest=Resource(", ".join(rest)), last=Resource(last))
    return _Check(said, _matching("|".join(map(re.escape, allowed))))


def _required(check: _Check) -> _Check:
    """Return the check of a key without which a table is refused."""
    return check._replace(is_required=True)


def _allowed(message_id: str, example: str) -> Message:
    return error_message(message_id, example=Resource(example))


_URL_FORM = r"https?://[^\s/]+\S*"
_ADDRESS_FORM = _matching(r"[^@\s]+@[^@\s]+")
_AMOUNT = _Check(error_message("allowed-amount"), _number(float, text=r"[\d.]{1,15}"))
_DAYS = _Check(error_message("allowed-days"), _matching(r"[1-9]\d*d"))
_KEYS = _Check(error_message("allowed-names"), _names)
_LIMIT = _Check(error_message("allowed-from-one"), _number(int, text=r"[0-9]{1,15}"))
_PATH = _Check(error_message("allowed-path"), _name, is_path=True)
_SECRET = _Check(error_message("allowed-secret"), _matching(r"(env|file|secretsmanager|ssm):\S+"))
_TRUTH = _Check(error_message("allowed-truth"), _truth)
_UNIT = _Check(error_message("allowed-noun"), _name)
_URL = _Check(_allowed("allowed-url", '"https://reports.example.com/"'), _matching(_URL_FORM))
_WORDS = _Check(error_message("allowed-words"), _names)
_ZONE = _Check(error_message("allowed-zone"), _zone)


def _key(check: _Check, default: Any = (), *, key: str | None = None) -> Any:
    """Return a field of a dataclass for a key of a table, which may have another name in the file."""
    return field(default=default, metadata={"check": check, "key": key})


def _named(example: str, key: str) -> Any:
    return _key(_Check(_allowed("allowed-name-or-names", f'"{example}"'), _name_or_names), key=key)


def _checks(settings: type) -> dict[str, _Check]:
    """Return the check of each key of a table that a dataclass holds, by its name in the file."""
    return {
        each.metadata["key"] or each.name: each.metadata["check"]
        for each in fields(settings)
        if "check" in each.metadata
    }


# The tables


class _OfManifest:
    """A table that the manifest of a case holds as well."""

    def to_dict(self) -> dict[str, object]:
        """Return a JSON-ready dictionary."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """Return the settings of :meth:`to_dict`; ValueError for a value that is not valid."""
        return cls(**{key: _checked_value(_checks(cls), key, value) for key, value in data.items()})


@dataclass(frozen=True)
class WorkItemSettings(_OfManifest):
    """How messages and logs name the work that they are about.

    Attributes
    ----------
    item_keys
        Keys of a message body that name what the work is about, such as an order or a device; the first that
        is present counts. In logs, the same names are found in any spelling (``order_id``, ``orderId``,
        ``OrderID``). Without keys, they are learned from the bodies of the messages, as are the following.
    time_keys
        Keys that name the moment of the work.
    day_keys
        Keys that name its local date, for work about a whole day.
    day_in_path
        Regular expression whose group is the local date in the path of a file.
    unit_en, unit_ja
        What the value of an item key is called, in each language.
    time_zone
        IANA name of the zone in which local dates are counted.
    """

    item_keys: tuple[str, ...] = _key(_KEYS)
    time_keys: tuple[str, ...] = _key(_KEYS)
    day_keys: tuple[str, ...] = _key(_KEYS)
    day_in_path: str = _key(
        _Check(error_message("allowed-date-pattern"), _date_pattern), r"/(\d{4}-\d\d-\d\d)/"
    )
    unit_en: str = _key(_UNIT, "work item")
    unit_ja: str = _key(_UNIT, "処理対象")
    time_zone: str = _key(_ZONE, "UTC")


@dataclass(frozen=True)
class LogWords(_OfManifest):
    """Words by which log lines state errors, and work that was done, beside the usual ones in English.

    Attributes
    ----------
    error
        Words that make a line an error.
    no_error
        Words that, after such a word, say that there was none.
    timeout
        Words that make an error a timeout.
    status
        Words before the status code of an HTTP response.
    done
        Words by which a line says that the work of the message that it names was done.
    """

    error: tuple[str, ...] = _key(_WORDS)
    no_error: tuple[str, ...] = _key(_WORDS)
    timeout: tuple[str, ...] = _key(_WORDS)
    status: tuple[str, ...] = _key(_WORDS)
    done: tuple[str, ...] = _key(_WORDS)


@dataclass(frozen=True)
class LoadSettings:
    """Messages that `watchme simulate` sends without a case.

    Attributes
    ----------
    senders
        Senders of one message each per interval; each is a message group of a FIFO queue.
    interval_s
        Seconds between two messages of a sender.
    together
        Whether all senders send at the same time, instead of evenly over the interval.
    """

    senders: int = _key(_Check(error_message("allowed-whole-number"), _number(int)), 10)
    interval_s: float = _key(_Check(error_message("allowed-seconds"), _number(float)), 600.0)
    together: bool = _key(_TRUTH, default=False)


@dataclass(frozen=True)
class RunSettings:
    """Window and limits of ``watchme run``.

    Attributes
    ----------
    state
        Folder of the state of all systems; None for ``.watchme`` beside the file that states the system.
    window
        Span before now that a run looks at, such as ``24h``; also the least span before an alarm.
    max_gb, max_usd
        Most that the log queries of one run may scan, in GB and USD.
    max_gb_per_day, max_usd_per_day
        The same for all runs of a day in UTC.
    usd_per_gb
        Price of scanning one GB in the region.
    deadline_s
        Seconds after which a run of one system ends.
    """

    state: str | None = _key(_PATH, None)
    window: str = _key(_Check(error_message("allowed-span"), _matching(r"[1-9]\d{0,4}[mhdw]")), "24h")
    max_gb: float = _key(_AMOUNT, 100.0)
    max_usd: float = _key(_AMOUNT, 1.0)
    max_gb_per_day: float = _key(_AMOUNT, 1000.0)
    max_usd_per_day: float = _key(_AMOUNT, 10.0)
    usd_per_gb: float = _key(_AMOUNT, 0.005)
    deadline_s: float = _key(_AMOUNT, 1800.0)


@dataclass(frozen=True)
class Destination:
    """Where results of runs are to be delivered; only its settings, which are validated.

    Attributes
    ----------
    name
        Name in the file.
    type
        Type, such as ``s3`` or ``slack``.
    when
        ``every-run``, ``changes`` or ``failures``.
    language
        Language of the texts; None for that of the reader.
    redact
        Level of redaction: ``secrets``, ``ids`` or ``share``.
    errors
        Whether failed runs and failed deliveries to other destinations are reported here as well.
    settings
        Keys of this type, such as ``bucket``. Secrets are references such as ``env:SLACK_URL``.
    """

    name: str
    type: str
    when: str = "changes"
    language: str | None = None
    redact: str = "secrets"
    errors: bool = False
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class System:
    """A queue with what belongs to it, as ``[systems.NAME]`` of the file states it.

    ``error_words`` are words for errors in its logs, beside those of ``[log_words]``. ``alarms`` is a YAML
    file with the alarms that are required. Only a test system may receive a load test.
    """

    name: str
    queues: tuple[str, ...] = _named("orders", "queue")
    dlqs: tuple[str, ...] = _named("orders-dlq", "dlq")
    functions: tuple[str, ...] = _named("orders-worker", "function")
    instances: tuple[str, ...] = _key(
        _Check(error_message("allowed-ids"), _each(_matching("i-[0-9a-f]{8,17}"))), key="instance"
    )
    api: str | None = _key(
        _Check(_allowed("allowed-url", '"https://api.example.com/orders"'), _matching(_URL_FORM)), None
    )
    health: str | None = _key(
        _Check(error_message("allowed-path-or-url"), _matching(rf"/\S*|{_URL_FORM}")), None
    )
    port: int | None = _key(_Check(error_message("allowed-port"), _number(int, 65_536)), None)
    log_groups: tuple[str, ...] = _key(_Check(error_message("allowed-patterns"), _names))
    error_words: tuple[str, ...] = _key(_WORDS)
    alarms: str | None = _key(_PATH, None)
    reports: str | None = _key(_PATH, None)
    destinations: tuple[str, ...] = _key(_Check(error_message("allowed-destinations"), _names))
    is_test: bool = _key(_TRUTH, default=False, key="test")

    def stated(self) -> dict[str, Any]:
        """Return the values that are stated, by their key in the file."""
        values = {key: getattr(self, name) for key, name in _SYSTEM_NAMES.items()}
        return {key: value for key, value in values.items() if value not in (None, (), False)}

    @property
    def health_path(self) -> str | None:
        """Path of the health endpoint; None when it is not stated."""
        return None if self.health is None else urlsplit(self.health).path or "/"

    @property
    def health_url(self) -> str | None:
        """URL of the health endpoint as clients call it: ``health``, or its path on the host of ``api``."""
        if self.health is None or not self.health.startswith("/"):
            return self.health
        api = urlsplit(self.api or "")
        return f"{api.scheme}://{api.netloc}{self.health}" if api.netloc else None

    @property
    def local_health_url(self) -> str | None:
        """URL of the health endpoint on the machine or in the container of the service."""
        return None if self.port is None else f"http://127.0.0.1:{self.port}{self.health_path or '/'}"


_SYSTEM_CHECKS = _checks(System)
# Attribute of each key.
_SYSTEM_NAMES = {
    each.metadata["key"] or each.name: each.name for each in fields(System) if "check" in each.metadata
}
_RETENTION = {"keep": _DAYS, "keep_incidents": _TRUTH}
# Keys of each type of destination.
_DESTINATIONS: dict[str, dict[str, _Check]] = {
    "files": {"folder": _required(_PATH), "url": _URL, **_RETENTION},
    "s3": {
        "bucket": _required(
            _Check(error_message("allowed-bucket"), _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"))
        ),
        "prefix": _Check(error_message("allowed-text"), _name),
        "encryption": _one_of("AES256", "aws:kms"),
        "kms_key": _Check(error_message("allowed-kms-key"), _name),
        "link_valid": _Check(error_message("allowed-week"), _matching(r"[1-7]d|[1-9]\d?h")),
        **_RETENTION,
    },
    "sns": {
        "topic": _required(
            _Check(error_message("allowed-topic"), _matching(r"arn:aws[\w-]*:sns:\S+:\d{12}:\S+"))
        ),
        "format": _one_of("text", "amazon-q"),
    },
    "slack": {
        "webhook": _required(_SECRET),
        "token": _SECRET,
        "channel": _Check(error_message("allowed-channel"), _matching(r"#?[^\s#]+")),
        "api": _URL,
    },
    "apprise": {"url": _required(_SECRET)},
    "email": {
        "to": _required(_Check(error_message("allowed-addresses"), _each(_ADDRESS_FORM))),
        "from": _required(_Check(error_message("allowed-address"), _ADDRESS_FORM)),
        "smtp": _required(_Check(error_message("allowed-host-port"), _matching(r"[\w.-]+:\d+"))),
        "tls": _one_of("starttls", "tls", "none"),
        "user": _Check(error_message("allowed-smtp-user"), _name),
        "password": _SECRET,
    },
    "eventbridge": {"bus": _required(_Check(error_message("allowed-bus"), _name))},
    "markdown": {"folder": _required(_PATH)},
}
# Keys that replace a required one, by type and key.
_INSTEAD = {("slack", "webhook"): ("token", "channel")}
_OF_ALL_DESTINATIONS = {
    "type": _one_of(*_DESTINATIONS),
    "when": _one_of("every-run", "changes", "failures"),
    "language": _one_of(*LANGUAGES),
    "redact": _one_of("secrets", "ids", "share"),
    "errors": _TRUTH,
}
_SETTINGS = {
    "time_zone": _ZONE,
    "language": _one_of(*LANGUAGES),
    "profile": _Check(error_message("allowed-profile"), _name),
    "region": _Check(error_message("allowed-region"), _matching(r"[a-z0-9]+(-[a-z0-9]+)+")),
    "alarms": _Check(error_message("allowed-yaml"), _name, is_path=True),
    "system": _Check(error_message("allowed-system"), _name),
}
# Tables of the file with their keys; the empty name is that of keys without a table. The zone of work items
# is that of the file.
_TABLES: dict[str, dict[str, _Check]] = {
    "": _SETTINGS,
    "work_items": {key: each for key, each in _checks(WorkItemSettings).items() if key != "time_zone"},
    "log_words": _checks(LogWords),
    "load": _checks(LoadSettings),
    "limits": dict.fromkeys(LIMIT_KEYS, _LIMIT),
    "run": _checks(RunSettings),
}
# Tables whose keys have environment variables, with what stands before the key.
_TABLE_VARIABLES = {"": PREFIX, "limits": f"{PREFIX}LIMIT_", "run": f"{PREFIX}RUN_"}
# Variables of AWS that are stronger than a file. A profile that is given replaces access keys.
_AWS_VARIABLES = {
    "profile": ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
}
KEYS = (*_SETTINGS,)
TABLE_KEYS = tuple(f"{table}.{key}" for table, checks in _TABLES.items() if table for key in checks)
# Variables that leave a setting of a file without effect.
_STRONGER = frozenset(
    (
        *(variable for names in _AWS_VARIABLES.values() for variable in names),
        *(before + key.upper() for table, before in _TABLE_VARIABLES.items() for key in _TABLES[table]),
    )
)
# How the variables begin that state a setting: others change without a change of the settings.
_VARIABLES = (PREFIX, "AWS_", *_LOCALE_VARIABLES)
# What counts in a file that nobody has confirmed: names of resources and how things are shown. Limits are
# only lowered. ``health`` counts where it is a path, since a URL is an address.
_UNCONFIRMED = frozenset({"time_zone", "language", "region", "system"})
_UNCONFIRMED_TABLES = frozenset({"work_items", "log_words", "limits"})
_UNCONFIRMED_OF_SYSTEMS = frozenset({"queue", "dlq", "function", "instance", "log_groups", "error_words"})


def _checked_value(checks: Mapping[str, _Check], key: str, value: object) -> Any:
    """Return a validated value of a table; raises ValueError with the allowed values."""
    check = checks.get(key)
    if check is None:
        raise ValueError(error_message("allowed-keys", names=Resource(", ".join(checks))))
    try:
        return check.parse(value)
    except (ValueError, OverflowError):
        raise ValueError(check.allowed) from None


@dataclass(frozen=True, repr=False)
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
    log_words
        Further words for errors in logs. The import of a case stores them there.
    load
        Load of a simulation without a case.
    system
        Name of the system that commands use without ``--system``; None for the only one.
    systems, destinations
        Systems and destinations by name.
    limits
        How much of a file of evidence is read.
    run
        Window and limits of ``watchme run``.
    sources
        For each key the place that states it: an environment variable, a file or ``default``. Keys of a table
        are named with it: ``work_items.item_keys``.
    unconfirmed
        File that was found and that the user has not confirmed; None without such a file.
    ignored
        Keys of this file that have no effect until it is confirmed.
    """

    time_zone: str = "UTC"
    language: str = "en"
    profile: str | None = None
    region: str | None = None
    alarms: str | None = None
    work_items: WorkItemSettings = WorkItemSettings()
    log_words: LogWords = LogWords()
    load: LoadSettings = LoadSettings()
    system: str | None = None
    systems: Mapping[str, System] = field(default_factory=lambda: MappingProxyType({}))
    destinations: Mapping[str, Destination] = field(default_factory=lambda: MappingProxyType({}))
    limits: Limits = field(default_factory=Limits)
    run: RunSettings = RunSettings()
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unconfirmed: Path | None = None
    ignored: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return systems, time zone and language in one line."""
        return described(self, f"of {len(self.systems)} systems, {self.time_zone}, {self.language}")

    def check_confirmed(self, *keys: str) -> None:
        """Check that the file in force is the user's, before something is done that it orders.

        An unconfirmed file in force must state none of the settings that are needed, such as ``profile``;
        without keys, none may be in force. The InputError names the command that confirms it.
        """
        if self.unconfirmed is None or (keys and not set(keys) & set(self.ignored)):
            return
        raise InputError(error_message("error-config-unconfirmed", path=self.unconfirmed))

    def chosen_system(self, name: str | None = None) -> System | None:
        """Return a system by name, else that of the setting ``system``, else the only one.

        None without systems, or with several of which none is chosen; an InputError for an unknown name.
        """
        wanted = name or self.system
        if wanted is None:
            return next(iter(self.systems.values())) if len(self.systems) == 1 else None
        if wanted in self.systems:
            return self.systems[wanted]
        if not self.systems:
            raise InputError(error_message("error-config-no-systems", name=repr(wanted), file=FILE))
        known = _suggestion(wanted, self.systems, "systems")
        raise InputError(error_message("error-config-no-such-system", name=repr(wanted), known=known))


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
    files = tuple(_stated(path, environ) for path in _files(folder, environ))
    read = tuple((name, environ[name]) for name in environ if name.startswith(_VARIABLES))
    return _config(files, read)


class _Stated(NamedTuple):
    """A file in force: its text, and whether it is the user's."""

    path: Path
    text: str
    is_confirmed: bool


def _stated(path: Path, environ: Mapping[str, str]) -> _Stated:
    text = _text(path)
    is_own = path in (_named_file(environ), _user_file(environ))
    return _Stated(path, text, is_own or is_trusted(path, text.encode(), environ))


def found_file() -> Path | None:
    """Return the ``watchme.toml`` that the search finds or the environment names; None without one."""
    return next((path for path in _files(None, os.environ) if path != _user_file(os.environ)), None)


def trust_file(path: Path) -> tuple[str, ...]:
    """Confirm the present content of a ``watchme.toml``; return its keys that only now have an effect.

    An InputError says that the file can't be read or is not valid, or that the confirmation can't be stored.
    """
    text = _text(path)
    _, ignored = _unconfirmed(_settings_in(path, text))
    try:
        trust(path, text.encode(), os.environ)
    except OSError as error:
        raise InputError(error_message("error-config-trust", path=path, reason=error)) from error
    return ignored


@lru_cache(maxsize=8)  # an import asks for the limits several times for each file
def _config(read: tuple[_Stated, ...], variables: tuple[tuple[str, str], ...]) -> Config:
    """Return the settings of these files, the strongest first, and of these environment variables."""
    environ = dict(variables)
    files = [(each.path, _settings_in(each.path, each.text)) for each in read]
    unconfirmed = next((each.path for each in read if not each.is_confirmed), None)
    lowered, ignored = ({}, []) if unconfirmed is None else _confined(files)
    tables: dict[str, dict[str, Any]] = {}
    sources: dict[str, str] = {}
    for table, checks in _TABLES.items():
        tables[table] = {}
        for key, check in checks.items():
            name = f"{table}.{key}" if table else key
            variable = _TABLE_VARIABLES[table] + key.upper() if table in _TABLE_VARIABLES else ""
            of_aws = () if table else _AWS_VARIABLES.get(key, ())
            stronger = next((each for each in of_aws if environ.get(each)), None)
            stated = next(((path, data[table][key]) for path, data in files if key in data[table]), None)
            if environ.get(variable):
                tables[table][key] = _checked(variable, table, checks, key, environ[variable])
                sources[name] = variable
            elif stronger is not None:
                sources[name] = stronger
            elif stated is not None:
                path, value = stated
                tables[table][key] = str(path.parent / value) if check.is_path else value
                sources[name] = str(path)
            else:
                sources[name] = "default"
    if "language" not in tables[""]:
        tables[""]["language"], sources["language"] = _locale_language(environ)
    limits = Limits(**tables["limits"])
    for key, value in lowered.items():
        if sources[f"limits.{key}"] not in _STRONGER and value < getattr(limits, key):
            limits, sources[f"limits.{key}"] = replace(limits, **{key: value}), str(unconfirmed)
        elif value > getattr(limits, key):
            ignored.append(f"limits.{key}")
    systems = _systems(files, sources)
    destinations = _destinations(files, sources)
    words = LogWords(**tables["log_words"])
    of_systems = (word for system in systems.values() for word in system.error_words)
    zone = {key: value for key, value in tables[""].items() if key == "time_zone"}
    return Config(
        **tables[""],
        work_items=WorkItemSettings(**tables["work_items"], **zone),
        log_words=replace(words, error=tuple(dict.fromkeys((*words.error, *of_systems)))),
        load=LoadSettings(**tables["load"]),
        systems=MappingProxyType(systems),
        destinations=MappingProxyType(destinations),
        limits=limits,
        run=RunSettings(**tables["run"]),
        sources=MappingProxyType(sources),
        unconfirmed=unconfirmed,
        ignored=tuple(sorted(key for key in ignored if sources.get(key) not in _STRONGER)),
    )


def _confined(files: list[tuple[Path, dict[str, Any]]]) -> tuple[dict[str, int], list[str]]:
    """Leave in the first file what an unconfirmed file may state; return its limits, and what is left out."""
    (path, data), *others = files
    kept, left_out = _unconfirmed(data)
    of_user = {name for _, other in others for name in other["systems"]}
    ignored = [*left_out, *(f"systems.{name}" for name in kept["systems"] if name in of_user)]
    kept["systems"] = {name: table for name, table in kept["systems"].items() if name not in of_user}
    limits = dict(kept["limits"])
    files[0] = (path, kept | {"limits": {}})
    return limits, ignored


def _unconfirmed(data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what counts of the settings of an unconfirmed file, and the keys that do not."""
    kept: dict[str, Any] = {table: {} for table in data}
    ignored = []
    for table, values in data.items():
        for key, value in values.items():
            # What counts as processed decides what a redrive deletes.
            counts = table in _UNCONFIRMED_TABLES and (table, key) != ("log_words", "done")
            if table == "systems":
                kept[table][key] = {}
                for each, stated in value.items():
                    if each in _UNCONFIRMED_OF_SYSTEMS or (each == "health" and stated.startswith("/")):
                        kept[table][key][each] = stated
                    else:
                        ignored.append(f"systems.{key}.{each}")
            elif counts or (table == "" and key in _UNCONFIRMED):
                kept[table][key] = value
            else:
                ignored.append(f"{table}.{key}" if table else key)
    return kept, tuple(sorted(ignored))


def _systems(files: list[tuple[Path, dict[str, Any]]], sources: dict[str, str]) -> dict[str, System]:
    """Return the systems of all files; each key comes from the first file that states it."""
    found: dict[str, dict[str, Any]] = {}
    for path, data in reversed(files):
        for name, table in data["systems"].items():
            found.setdefault(name, {})
            for key, value in table.items():
                stated = str(path.parent / value) if _SYSTEM_CHECKS[key].is_path else value
                found[name][_SYSTEM_NAMES[key]] = stated
                sources[f"systems.{name}.{key}"] = str(path)
    return {name: System(name, **table) for name, table in found.items()}


def _destinations(
    files: list[tuple[Path, dict[str, Any]]], sources: dict[str, str]
) -> dict[str, Destination]:
    """Return the destinations of all files; one that several files state is that of the first."""
    found: dict[str, Destination] = {}
    for path, data in reversed(files):
        for name, table in data["destinations"].items():
            common = {key: value for key, value in table.items() if key in _OF_ALL_DESTINATIONS}
            checks = _DESTINATIONS[table["type"]]
            rest = {
                key: str(path.parent / value) if checks[key].is_path else value
                for key, value in table.items()
                if key not in common
            }
            found[name] = Destination(name, **common, settings=MappingProxyType(rest))
            sources[f"destinations.{name}"] = str(path)
    return found


def source_kind(source: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the kind of a source of :attr:`Config.sources`.

    It is ``default``, ``environment``, ``user-file`` for the file in the user's configuration folder, or
    ``file`` for another one.
    """
    if source == "default":
        return source
    if not source.endswith(f"{os.sep}{FILE}"):
        return "environment"
    return "user-file" if Path(source) == _user_file(os.environ if environ is None else environ) else "file"


def _user_file(environ: Mapping[str, str]) -> Path | None:
    """Return the path of the file in the user's configuration folder; None without a home."""
    home = environ.get("XDG_CONFIG_HOME") or (Path(environ["HOME"], ".config") if "HOME" in environ else None)
    return None if home is None else Path(home, "watchme", FILE)


def _named_file(environ: Mapping[str, str]) -> Path | None:
    """Return the path of the file that the environment names; None when it names none."""
    named = environ.get(FILE_VARIABLE)
    return Path(named).absolute() if named else None


def inherited_variables() -> dict[str, str]:
    """Return the variables that say where settings are, for a process with another working directory."""
    return {
        name: os.path.abspath(os.environ[name])  # noqa: PTH100  no link is followed
        for name in (FILE_VARIABLE, FOLDER_VARIABLE)
        if os.environ.get(name)
    }


def _files(folder: Path | None, environ: Mapping[str, str]) -> list[Path]:
    """Return the files in force, the strongest first."""
    found: list[Path] = []
    named = _named_file(environ)
    own = _user_file(environ)
    if folder is None and named is not None:
        return [named] if own is None or own == named or not own.is_file() else [named, own]
    try:
        given = folder or environ.get(FOLDER_VARIABLE)
        start = Path(given).absolute() if given else Path.cwd()
    except FileNotFoundError:  # the working directory was deleted
        start = None
    if start is not None:
        found += [path for path in _near(start) if os.path.isfile(path)][:1]  # noqa: PTH113  never raises
    if own is not None and os.path.isfile(own) and own not in found:  # noqa: PTH113
        found.append(own)
    return found


@lru_cache(maxsize=8)  # like _config
def _near(start: Path) -> tuple[Path, ...]:
    """Return the paths that the file may have in a folder and above, the nearest first."""
    return tuple(place / FILE for place in (start, *start.parents))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _settings_in(path: Path, text: str) -> dict[str, Any]:
    """Return the settings in the text of a file, checked."""
    try:
        return _validated(path, tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(error_message("error-config-unreadable", path=path, reason=error))


def check_text(text: str) -> None:
    """Check the text of a ``watchme.toml`` before it is written; an InputError says what is not valid."""
    _validated(Path(FILE), tomllib.loads(text))


def _validated(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a file's content by table, checked."""
    known = (*KEYS, *filter(None, _TABLES), "systems", "destinations")
    for key in data:
        if key not in known:
            near = _suggestion(key, known)
            raise InputError(
                error_message("error-config-unknown-key", path=path, key=_quoted(key), known=near)
            )
    settings = {key: data.pop(key) for key in KEYS if key in data}
    tables = {table: _table(path, table, data.get(table, {}), checks) for table, checks in _TABLES.items()}
    tables[""] = {key: _checked(str(path), "", _SETTINGS, key, value) for key, value in settings.items()}
    tables["systems"] = {
        name: _table(path, f"systems.{name}", stated, _SYSTEM_CHECKS)
        for name, stated in _tables_in(path, "systems", data).items()
    }
    tables["destinations"] = {
        name: _destination(path, f"destinations.{name}", stated)
        for name, stated in _tables_in(path, "destinations", data).items()
    }
    for name, system in tables["systems"].items():
        for wanted in system.get("destinations", ()):
            if wanted not in tables["destinations"]:
                near = _suggestion(wanted, tables["destinations"], "destinations")
                about = {"system": name, "name": repr(wanted), "known": near}
                raise InputError(error_message("error-config-no-destination", path=path, **about))
    return tables


def _tables_in(path: Path, table: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of named tables, such as ``[systems.orders]``."""
    stated = data.get(table, {})
    if not isinstance(stated, dict) or not all(isinstance(each, dict) for each in stated.values()):
        raise InputError(error_message("error-config-named-tables", path=path, table=table, example=table))
    for name in stated:
        if not is_file_name(name) or not re.fullmatch(r"[\w.-]+", name):
            raise InputError(
                error_message("error-config-table-name", path=path, table=table, name=_quoted(name))
            )
    return stated


def _destination(path: Path, name: str, stated: dict[str, Any]) -> dict[str, Any]:
    """Return a destination of a file, checked by its type."""
    about = {"path": path, "name": name}
    if "type" not in stated:
        allowed = _OF_ALL_DESTINATIONS["type"].allowed
        raise InputError(error_message("error-config-no-type", **about, allowed=allowed))
    of_type = _DESTINATIONS.get(stated["type"], {}) if isinstance(stated["type"], str) else {}
    if not of_type:  # the other keys of an unknown type are not known either
        stated = {"type": stated["type"]}
    found = _table(path, name, stated, _OF_ALL_DESTINATIONS | of_type)
    kind = found["type"]
    for key in (key for key, check in of_type.items() if check.is_required):
        others = _INSTEAD.get((kind, key), ())
        is_replaced = not found.keys().isdisjoint(others)
        if is_replaced and key in found:
            raise InputError(error_message("error-config-both", **about, key=key, others=Names(others)))
        for needed in others if is_replaced else (key,):
            if needed not in found:
                lacking = {"key": needed, "allowed": of_type[needed].allowed}
                raise InputError(error_message("error-config-lacks-key", **about, **lacking))
    return found


def _table(path: Path, name: str, stated: object, checks: Mapping[str, _Check]) -> dict[str, Any]:
    """Return a table of a file, checked."""
    if not isinstance(stated, dict):
        raise InputError(
            error_message("error-config-no-table", path=path, name=name, value=_quoted(stated), example=name)
        )
    found = {}
    for key, value in _units(stated).items():
        if key not in checks:
            about = {"table": name, "key": _quoted(key), "known": _suggestion(key, checks)}
            raise InputError(error_message("error-config-unknown-table-key", path=path, **about))
        found[key] = _checked(str(path), name, checks, key, value)
    return found


def _checked(source: str, table: str, checks: Mapping[str, _Check], key: str, value: object) -> Any:
    """Return a validated value of a key; its error names the source and the allowed values."""
    try:
        return _checked_value(checks, key, value)
    except ValueError as error:
        about = {"source": source, "key": key, "value": _quoted(value), "allowed": error}
        if table:
            raise InputError(error_message("error-config-table-value", table=table, **about)) from error
        raise InputError(error_message("error-config-value", **about)) from error


def _units(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table in which ``unit = {en = ..., ja = ...}`` is ``unit_en`` and ``unit_ja``."""
    unit = stated.get("unit")
    if not isinstance(unit, dict):
        return dict(stated)
    both = {"en": unit.get("en", unit.get("ja")), "ja": unit.get("ja", unit.get("en"))} | unit
    rest = {key: value for key, value in stated.items() if key != "unit"}
    return rest | {f"unit_{language}": value for language, value in both.items()}


def _suggestion(word: str, known: Iterable[str], kind: str = "keys") -> Message:
    """Return the end of a sentence on an unknown name: the nearest known one, or all of them."""
    listed = list(known)
    lower = word.lower()
    near = lower if lower in listed else nearest(lower, listed, _SIMILARITY)
    if near is not None:
        return error_message("config-near", word=Resource(near))
    names = Resource(", ".join(listed)) if listed else error_message("list-empty")
    return error_message("config-known", kind=Choice(kind), names=names)


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"


def _locale_language(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the language of the locale, ``ja`` for ``ja_JP.UTF-8``, with its variable; else English."""
    variable = next((name for name in _LOCALE_VARIABLES if environ.get(name)), None)
    language = "" if variable is None else re.split(r"[_.@]", environ[variable])[0].lower()
    return (language, str(variable)) if language in LANGUAGES else ("en", "default")
