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
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
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
from watchme_analysis.trusted import is_trusted, trust

FILE = "watchme.toml"
PREFIX = "WATCHME_"
# Folder from which files are searched instead of the working directory: that of whoever started a notebook.
FOLDER_VARIABLE = f"{PREFIX}CONFIG_FOLDER"
# File that the user names instead of the search, and thereby trusts.
FILE_VARIABLE = f"{PREFIX}CONFIG"
# Characters of an invalid value that an error quotes.
_LONGEST_QUOTE = 60
# Where the language of messages is stated, in the order of POSIX.
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


@dataclass(frozen=True)
class WorkItemSettings:
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

    item_keys: tuple[str, ...] = ()
    time_keys: tuple[str, ...] = ()
    day_keys: tuple[str, ...] = ()
    day_in_path: str = r"/(\d{4}-\d\d-\d\d)/"
    unit_en: str = "work item"
    unit_ja: str = "処理対象"
    time_zone: str = "UTC"

    def to_dict(self) -> dict[str, object]:
        """Return a JSON-ready dictionary, as the manifest of a case holds it."""
        return _json_ready(vars(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> WorkItemSettings:
        """Return the settings of :meth:`to_dict`.

        Raises
        ------
        ValueError
            When a value is not valid.
        """
        return cls(**{key: _checked_value(_WORK_ITEM_FIELDS, key, value) for key, value in data.items()})


@dataclass(frozen=True)
class LogWords:
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

    error: tuple[str, ...] = ()
    no_error: tuple[str, ...] = ()
    timeout: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return a JSON-ready dictionary, as the manifest of a case holds it."""
        return _json_ready(vars(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> LogWords:
        """Return the words of :meth:`to_dict`.

        Raises
        ------
        ValueError
            When a value is not valid.
        """
        return cls(**{key: _checked_value(_LOG_WORD_FIELDS, key, value) for key, value in data.items()})


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

    senders: int = 10
    interval_s: float = 600.0
    together: bool = False


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

    state: str | None = None
    window: str = "24h"
    max_gb: float = 100.0
    max_usd: float = 1.0
    max_gb_per_day: float = 1000.0
    max_usd_per_day: float = 10.0
    usd_per_gb: float = 0.005
    deadline_s: float = 1800.0


@dataclass(frozen=True)
class Destination:
    """Where results of runs are to be delivered; only its settings, which are validated.

    Attributes
    ----------
    name
        Name in the file.
    type
        A key of :data:`DESTINATIONS`.
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
    """A queue with what belongs to it, as ``[systems.NAME]`` states it.

    Attributes
    ----------
    name
        Name in the file.
    queues, dlqs, functions, instances
        Names of queues, dead-letter queues and Lambda functions, and ids of EC2 instances.
    api
        URL of the API that the function calls.
    health
        Path or URL of its health endpoint.
    port
        Port on which the service listens.
    log_groups
        Log groups that queries search; ``*`` stands for any text.
    error_words
        Words for errors in its logs, beside those of ``[log_words]``.
    alarms
        YAML file with the alarms that are required.
    reports
        Folder of reports.
    destinations
        Names of destinations.
    is_test
        Whether this is a test system, which alone may receive a load test.
    """

    name: str
    queues: tuple[str, ...] = ()
    dlqs: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    api: str | None = None
    health: str | None = None
    port: int | None = None
    log_groups: tuple[str, ...] = ()
    error_words: tuple[str, ...] = ()
    alarms: str | None = None
    reports: str | None = None
    destinations: tuple[str, ...] = ()
    is_test: bool = False

    def stated(self) -> dict[str, Any]:
        """Return the values that are stated, by their key in the file."""
        values = {key: getattr(self, _PLURAL.get(key, key)) for key in _SYSTEM_FIELDS}
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


def _json_ready(values: Mapping[str, object]) -> dict[str, object]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


class _Field(NamedTuple):
    """A key of a table: the values that it may have, and how one is validated.

    ``parse`` returns the value to store, and raises ValueError for one that is not allowed.
    """

    allowed: Text
    parse: Callable[[Any], Any]


def _names(value: Any) -> tuple[str, ...]:
    """Return a non-empty list of texts as a tuple."""
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) and one.strip() for one in value):
        return tuple(value)
    raise ValueError


def _date_pattern(value: Any) -> str:
    if isinstance(value, str) and compiled(value).groups == 1:
        return value
    raise ValueError


def _name(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError


def _zone(value: Any) -> str:
    if isinstance(value, str) and _is_zone(value):
        return value
    raise ValueError


def _name_or_names(value: Any) -> tuple[str, ...]:
    """Return a name or a non-empty list of names as a tuple."""
    found = (_name(value),) if isinstance(value, str) else _names(value)
    if not found:
        raise ValueError
    return found


def _matching(pattern: str) -> Callable[[Any], str]:
    """Return a validation of a text by a regular expression."""

    def parse(value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ValueError

    return parse


def _one_of(*allowed: str) -> _Field:
    return _Field(_listed(*allowed), _matching("|".join(map(re.escape, allowed))))


def _listed(*allowed: str) -> Message:
    """Return the choices of a setting, quoted as TOML has them."""
    *rest, last = (f'"{each}"' for each in allowed)
    return error_message("allowed-choices", rest=Resource(", ".join(rest)), last=Resource(last))


def _allowed(message_id: str, example: str) -> Message:
    return error_message(message_id, example=Resource(example))


def _port(value: Any) -> int:
    if _whole_number(value) < 65_536:
        return int(value)
    raise ValueError


def _whole_number(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError


def _limit(value: Any) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value) else value
    Limits.from_dict({"lines": number})
    return int(number)


def _seconds(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf"):
        return float(value)
    raise ValueError


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


def _amount(value: Any) -> float:
    """Return a number above 0, also from the text of an environment variable."""
    return _seconds(float(value) if isinstance(value, str) and re.fullmatch(r"[\d.]{1,15}", value) else value)


_KEYS = _Field(error_message("allowed-names"), _names)
_WORDS = _Field(error_message("allowed-words"), _names)
_UNIT = _Field(error_message("allowed-noun"), _name)
_WORK_ITEM_FIELDS = {
    "item_keys": _KEYS,
    "time_keys": _KEYS,
    "day_keys": _KEYS,
    "day_in_path": _Field(error_message("allowed-date-pattern"), _date_pattern),
    "unit_en": _UNIT,
    "unit_ja": _UNIT,
    "time_zone": _Field(error_message("allowed-zone"), _zone),
}
_LOG_WORD_FIELDS = dict.fromkeys(("error", "no_error", "timeout", "status", "done"), _WORDS)
_LOAD_FIELDS = {
    "senders": _Field(error_message("allowed-whole-number"), _whole_number),
    "interval_s": _Field(error_message("allowed-seconds"), _seconds),
    "together": _Field(error_message("allowed-truth"), _truth),
}
_AMOUNT = _Field(error_message("allowed-amount"), _amount)
_PATH = _Field(error_message("allowed-path"), _name)
# Keys in the file; see `_PLURAL` for attributes with another name.
_SYSTEM_FIELDS = {
    "queue": _Field(_allowed("allowed-name-or-names", '"orders"'), _name_or_names),
    "dlq": _Field(_allowed("allowed-name-or-names", '"orders-dlq"'), _name_or_names),
    "function": _Field(_allowed("allowed-name-or-names", '"orders-worker"'), _name_or_names),
    "instance": _Field(
        error_message("allowed-ids"),
        lambda value: tuple(map(_matching("i-[0-9a-f]{8,17}"), _name_or_names(value))),
    ),
    "api": _Field(
        _allowed("allowed-url", '"https://api.example.com/orders"'), _matching(r"https?://[^\s/]+\S*")
    ),
    "health": _Field(error_message("allowed-path-or-url"), _matching(r"/\S*|https?://[^\s/]+\S*")),
    "port": _Field(error_message("allowed-port"), _port),
    "log_groups": _Field(error_message("allowed-patterns"), _names),
    "error_words": _WORDS,
    "alarms": _PATH,
    "reports": _PATH,
    "destinations": _Field(error_message("allowed-destinations"), _names),
    "test": _Field(error_message("allowed-truth"), _truth),
}
_SYSTEM_PATHS = frozenset({"alarms", "reports"})
_PLURAL = {
    "queue": "queues",
    "dlq": "dlqs",
    "function": "functions",
    "instance": "instances",
    "test": "is_test",
}
_SECRET = _Field(
    error_message("allowed-secret"),
    _matching(r"(env|file|secretsmanager|ssm):\S+"),
)
_ADDRESSES = _Field(
    error_message("allowed-addresses"),
    lambda value: tuple(map(_matching(r"[^@\s]+@[^@\s]+"), _name_or_names(value))),
)
_ADDRESS = _Field(error_message("allowed-address"), _matching(r"[^@\s]+@[^@\s]+"))
_DAYS = _Field(error_message("allowed-days"), _matching(r"[1-9]\d*d"))
_URL = _Field(_allowed("allowed-url", '"https://reports.example.com/"'), _matching(r"https?://[^\s/]+\S*"))
_RETENTION: dict[str, tuple[_Field, bool]] = {
    "keep": (_DAYS, False),
    "keep_incidents": (_Field(error_message("allowed-truth"), _truth), False),
}
# Keys of each type of destination; those marked are required.
DESTINATIONS: dict[str, dict[str, tuple[_Field, bool]]] = {
    "files": {"folder": (_PATH, True), "url": (_URL, False), **_RETENTION},
    "s3": {
        "bucket": (
            _Field(error_message("allowed-bucket"), _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")),
            True,
        ),
        "prefix": (_Field(error_message("allowed-text"), _name), False),
        "encryption": (_one_of("AES256", "aws:kms"), False),
        "kms_key": (_Field(error_message("allowed-kms-key"), _name), False),
        "link_valid": (
            _Field(error_message("allowed-week"), _matching(r"[1-7]d|[1-9]\d?h")),
            False,
        ),
        **_RETENTION,
    },
    "sns": {
        "topic": (
            _Field(error_message("allowed-topic"), _matching(r"arn:aws[\w-]*:sns:\S+:\d{12}:\S+")),
            True,
        ),
        "format": (_one_of("text", "amazon-q"), False),
    },
    "slack": {
        "webhook": (_SECRET, True),
        "token": (_SECRET, False),
        "channel": (_Field(error_message("allowed-channel"), _matching(r"#?[^\s#]+")), False),
        "api": (_URL, False),
    },
    "teams": {"webhook": (_SECRET, True)},
    "email": {
        "to": (_ADDRESSES, True),
        "from": (_ADDRESS, True),
        "smtp": (_Field(error_message("allowed-host-port"), _matching(r"[\w.-]+:\d+")), True),
        "tls": (_one_of("starttls", "tls", "none"), False),
        "user": (_Field(error_message("allowed-smtp-user"), _name), False),
        "password": (_SECRET, False),
    },
    "eventbridge": {"bus": (_Field(error_message("allowed-bus"), _name), True)},
    "markdown": {"folder": (_PATH, True)},
}
# Keys that replace a required one, by type and key.
_INSTEAD = {("slack", "webhook"): ("token", "channel")}
_COMMON_OF_DESTINATIONS = {
    "type": _one_of(*DESTINATIONS),
    "when": _one_of("every-run", "changes", "failures"),
    "language": _one_of(*LANGUAGES),
    "redact": _one_of("secrets", "ids", "share"),
    "errors": _Field(error_message("allowed-truth"), _truth),
}
# Tables of the file with their keys. The zone of work items is that of the file.
_TABLES: dict[str, dict[str, _Field]] = {
    "work_items": {key: each for key, each in _WORK_ITEM_FIELDS.items() if key != "time_zone"},
    "log_words": _LOG_WORD_FIELDS,
    "load": _LOAD_FIELDS,
    "limits": dict.fromkeys(LIMIT_KEYS, _Field(error_message("allowed-from-one"), _limit)),
    "run": {
        "state": _PATH,
        "window": _Field(error_message("allowed-span"), _matching(r"[1-9]\d{0,4}[mhdw]")),
        **dict.fromkeys(
            ("max_gb", "max_usd", "max_gb_per_day", "max_usd_per_day", "usd_per_gb", "deadline_s"), _AMOUNT
        ),
    },
}
# Tables whose keys have environment variables, with what stands before the key.
_TABLE_VARIABLES = {"limits": f"{PREFIX}LIMIT_", "run": f"{PREFIX}RUN_"}
# Keys of tables that are paths, relative to the file that states them.
_TABLE_PATHS = frozenset({"run.state"})
TABLE_KEYS = tuple(f"{table}.{key}" for table, fields in _TABLES.items() for key in fields)
# What counts in a file that nobody has confirmed: names of resources and how things are shown. Limits are
# only lowered. ``health`` counts where it is a path, since a URL is an address.
_UNCONFIRMED = frozenset({"time_zone", "language", "region", "system", "work_items", "log_words", "limits"})
_UNCONFIRMED_OF_SYSTEMS = frozenset({"queue", "dlq", "function", "instance", "log_groups", "error_words"})


def _checked_value(fields: Mapping[str, _Field], key: str, value: object) -> Any:
    """Return a validated value of a table; raises ValueError with the allowed values."""
    found = fields.get(key)
    if found is None:
        raise ValueError(error_message("allowed-keys", names=Resource(", ".join(fields))))
    try:
        return found.parse(value)
    except ValueError:
        raise ValueError(found.allowed) from None


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

        Parameters
        ----------
        keys
            Settings that are needed, such as ``profile``: an unconfirmed file in force must state none of
            them. Without keys, no unconfirmed file may be in force.

        Raises
        ------
        InputError
            When an unconfirmed file states them. The sentence names the command that confirms it.
        """
        if self.unconfirmed is None or (keys and not set(keys) & set(self.ignored)):
            return
        raise InputError(error_message("error-config-unconfirmed", path=self.unconfirmed))

    def chosen_system(self, name: str | None = None) -> System | None:
        """Return a system by name, else that of the setting ``system``, else the only one.

        None without systems, or with several of which none is chosen.

        Raises
        ------
        InputError
            When there is no system of that name.
        """
        wanted = name or self.system
        if wanted is None:
            return next(iter(self.systems.values())) if len(self.systems) == 1 else None
        if wanted in self.systems:
            return self.systems[wanted]
        if not self.systems:
            raise InputError(error_message("error-config-no-systems", name=repr(wanted), file=FILE))
        raise InputError(
            error_message(
                "error-config-no-such-system",
                name=repr(wanted),
                known=_suggestion(wanted, self.systems, "systems"),
            )
        )


class _Setting(NamedTuple):
    """How a setting is validated, and the variables of AWS that are stronger than a file."""

    allowed: Text
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
    "time_zone": _Setting(_WORK_ITEM_FIELDS["time_zone"].allowed, _is_zone),
    "language": _Setting(_listed(*LANGUAGES), LANGUAGES.__contains__),
    # Access keys in the environment count as well: a profile that is given replaces them.
    "profile": _Setting(
        error_message("allowed-profile"),
        lambda text: bool(text.strip()),
        ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"),
    ),
    "region": _Setting(
        error_message("allowed-region"),
        lambda text: re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", text) is not None,
        ("AWS_REGION", "AWS_DEFAULT_REGION"),
    ),
    "alarms": _Setting(
        error_message("allowed-yaml"),
        lambda text: bool(text.strip()),
        is_path=True,
    ),
    "system": _Setting(error_message("allowed-system"), lambda text: bool(text.strip())),
}
KEYS = (*_SETTINGS,)
# Variables that leave a setting of a file without effect.
_STRONGER = frozenset(
    (
        *(PREFIX + key.upper() for key in KEYS),
        *(variable for setting in _SETTINGS.values() for variable in setting.aws_variables),
        *(_TABLE_VARIABLES[table] + key.upper() for table in _TABLE_VARIABLES for key in _TABLES[table]),
    )
)
# How the variables begin that state a setting: others change without a change of the settings.
_VARIABLES = (PREFIX, "AWS_", *_LOCALE_VARIABLES)


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

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        When the file can't be read or is not valid, or the confirmation can't be stored.
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
    tables: dict[str, dict[str, Any]] = {}
    for table, fields in _TABLES.items():
        tables[table] = {}
        for key in fields:
            variable = f"{_TABLE_VARIABLES[table]}{key.upper()}" if table in _TABLE_VARIABLES else ""
            if environ.get(variable):
                checked = _checked_key(variable, table, fields, key, environ[variable])
                tables[table][key], sources[f"{table}.{key}"] = checked, variable
                continue
            given = next(((path, data[table][key]) for path, data in files if key in data[table]), None)
            sources[f"{table}.{key}"] = "default" if given is None else str(given[0])
            if given is not None:
                path, value = given
                is_path = f"{table}.{key}" in _TABLE_PATHS
                tables[table][key] = str(path.parent / value) if is_path else value
    limits = Limits.from_dict(tables["limits"])
    for key, value in lowered.items():
        if sources[f"limits.{key}"] not in _STRONGER and value < getattr(limits, key):
            limits, sources[f"limits.{key}"] = replace(limits, **{key: value}), str(unconfirmed)
        elif value > getattr(limits, key):
            ignored.append(f"limits.{key}")
    zone = str(values["time_zone"])
    systems = _systems(files, sources)
    destinations = _destinations(files, sources)
    words = LogWords(**tables["log_words"])
    of_systems = (word for system in systems.values() for word in system.error_words)
    return Config(
        time_zone=zone,
        language=str(values["language"]),
        profile=values.get("profile"),
        region=values.get("region"),
        alarms=values.get("alarms"),
        work_items=WorkItemSettings(**tables["work_items"], time_zone=zone),
        log_words=replace(words, error=tuple(dict.fromkeys((*words.error, *of_systems)))),
        load=LoadSettings(**tables["load"]),
        system=values.get("system"),
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
    kept: dict[str, Any] = {}
    ignored = []
    for key, value in data.items():
        if key == "systems":
            kept[key] = {name: dict(table) for name, table in value.items()}
            for name, table in kept[key].items():
                for each in list(table):
                    is_path = each == "health" and table[each].startswith("/")
                    if each not in _UNCONFIRMED_OF_SYSTEMS and not is_path:
                        del table[each]
                        ignored.append(f"systems.{name}.{each}")
        elif key == "log_words":
            # What counts as processed decides what a redrive deletes.
            kept[key] = {name: words for name, words in value.items() if name != "done"}
            ignored += ["log_words.done"] if "done" in value else []
        elif key in _UNCONFIRMED:
            kept[key] = value
        elif isinstance(value, dict):
            kept[key] = {}
            ignored += [f"{key}.{each}" for each in value]
        else:
            ignored.append(key)
    return kept, tuple(sorted(ignored))


def _systems(files: list[tuple[Path, dict[str, Any]]], sources: dict[str, str]) -> dict[str, System]:
    """Return the systems of all files; each key comes from the first file that states it."""
    found: dict[str, dict[str, Any]] = {}
    for path, data in reversed(files):
        for name, table in data["systems"].items():
            found.setdefault(name, {})
            for key, value in table.items():
                stated = str(path.parent / value) if key in _SYSTEM_PATHS else value
                found[name][_PLURAL.get(key, key)] = stated
                sources[f"systems.{name}.{key}"] = str(path)
    return {name: System(name, **table) for name, table in found.items()}


def _destinations(
    files: list[tuple[Path, dict[str, Any]]], sources: dict[str, str]
) -> dict[str, Destination]:
    """Return the destinations of all files; one that several files state is that of the first."""
    found: dict[str, Destination] = {}
    for path, data in reversed(files):
        for name, table in data["destinations"].items():
            common = {key: value for key, value in table.items() if key in _COMMON_OF_DESTINATIONS}
            rest = {
                key: str(path.parent / value) if key == "folder" else value
                for key, value in table.items()
                if key not in common
            }
            found[name] = Destination(name, **common, settings=MappingProxyType(rest))
            sources[f"destinations.{name}"] = str(path)
    return found


def source_kind(source: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the kind of a source of :attr:`Config.sources`.

    Returns
    -------
    str
        ``default``, ``environment``, ``user-file`` for the file in the user's configuration folder, or
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
    """Check the text of a ``watchme.toml`` before it is written.

    Raises
    ------
    InputError
        When it is not valid.
    """
    _validated(Path(FILE), tomllib.loads(text))


def _validated(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a file's content, checked."""
    known = (*KEYS, *_TABLES, "systems", "destinations")
    for key in data:
        if key not in known:
            raise InputError(
                error_message(
                    "error-config-unknown-key", path=path, key=_quoted(key), known=_suggestion(key, known)
                )
            )
    tables = {table: _table(path, table, data.pop(table, {}), fields) for table, fields in _TABLES.items()}
    tables["systems"] = {
        name: _table(path, f"systems.{name}", stated, _SYSTEM_FIELDS)
        for name, stated in _named(path, "systems", data.pop("systems", {})).items()
    }
    tables["destinations"] = {
        name: _destination(path, f"destinations.{name}", stated)
        for name, stated in _named(path, "destinations", data.pop("destinations", {})).items()
    }
    for name, system in tables["systems"].items():
        for wanted in system.get("destinations", ()):
            if wanted not in tables["destinations"]:
                near = _suggestion(wanted, tables["destinations"], "destinations")
                raise InputError(
                    error_message(
                        "error-config-no-destination", path=path, system=name, name=repr(wanted), known=near
                    )
                )
    return {key: _checked(key, value, str(path)) for key, value in data.items()} | tables


def _named(path: Path, table: str, stated: object) -> dict[str, Any]:
    """Return a table of named tables, such as ``[systems.orders]``."""
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
    if "type" not in stated:
        raise InputError(
            error_message(
                "error-config-no-type", path=path, name=name, allowed=_COMMON_OF_DESTINATIONS["type"].allowed
            )
        )
    of_type = DESTINATIONS.get(stated["type"], {}) if isinstance(stated["type"], str) else {}
    fields = _COMMON_OF_DESTINATIONS | {key: each for key, (each, _) in of_type.items()}
    if not of_type:  # the other keys of an unknown type are not known either
        fields, stated = {"type": fields["type"]}, {"type": stated["type"]}
    found = _table(path, name, stated, fields)
    required = {key for key, (_, is_required) in of_type.items() if is_required}
    for key in sorted(required):
        others = _INSTEAD.get((found["type"], key), ())
        if others and not found.keys().isdisjoint(others):
            if key in found:
                raise InputError(
                    error_message(
                        "error-config-both", path=path, name=name, key=key, others=Names(tuple(others))
                    )
                )
            required = required - {key} | set(others)
    for key, (each, _) in of_type.items():
        if key in required and key not in found:
            raise InputError(
                error_message("error-config-lacks-key", path=path, name=name, key=key, allowed=each.allowed)
            )
    return found


def _table(path: Path, name: str, stated: object, fields: Mapping[str, _Field]) -> dict[str, Any]:
    """Return a table of a file, checked."""
    if not isinstance(stated, dict):
        raise InputError(
            error_message("error-config-no-table", path=path, name=name, value=_quoted(stated), example=name)
        )
    found = {}
    for key, value in _units(stated).items():
        if key not in fields:
            raise InputError(
                error_message(
                    "error-config-unknown-table-key",
                    path=path,
                    table=name,
                    key=_quoted(key),
                    known=_suggestion(key, fields),
                )
            )
        found[key] = _checked_key(str(path), name, fields, key, value)
    return found


def _checked_key(source: str, table: str, fields: Mapping[str, _Field], key: str, value: object) -> Any:
    """Return a validated value of a table's key; its error names the source and the allowed values."""
    try:
        return _checked_value(fields, key, value)
    except ValueError as error:
        raise InputError(
            error_message(
                "error-config-table-value",
                source=source,
                table=table,
                key=key,
                value=_quoted(value),
                allowed=error,
            )
        ) from error


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
    from difflib import get_close_matches

    listed = list(known)
    near = get_close_matches(word.lower(), listed, 1)
    if near:
        return error_message("config-near", word=Resource(near[0]))
    names = Resource(", ".join(listed)) if listed else error_message("list-empty")
    return error_message("config-known", kind=Choice(kind), names=names)


def _checked(key: str, value: object, source: str) -> str:
    setting = _SETTINGS[key]
    if not isinstance(value, str) or not setting.is_valid(value):
        raise InputError(
            error_message(
                "error-config-value", source=source, key=key, value=_quoted(value), allowed=setting.allowed
            )
        )
    return value


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"


def _locale_language(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the language of the locale, ``ja`` for ``ja_JP.UTF-8``, with its variable; else English."""
    variable = next((name for name in _LOCALE_VARIABLES if environ.get(name)), None)
    language = "" if variable is None else re.split(r"[_.@]", environ[variable])[0].lower()
    return (language, str(variable)) if language in LANGUAGES else ("en", "default")
