"""What runs the affected service and which proxy stands before it, and how people handle them there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from watchme_analysis.health.affected_service import own_containers
from watchme_analysis.health.context import HealthContext, once_per_context
from watchme_analysis.inference.known_lines import MOST_TEXTS, written
from watchme_analysis.queues.consumers import systemd_units
from watchme_analysis.text.message import Choice, Message, Text, in_each_language, message
from watchme_analysis.text.render import filled

if TYPE_CHECKING:
    import pandas as pd

# Settings of a service that remedies name; the message `platform-SETTING` says where each platform has it.
SETTINGS = ("memory_setting", "cpu_setting", "files_setting", "restart_setting", "probe_setting")

# Platforms with a proxy of their own, on whose hosts nobody logs in.
MANAGED_PLATFORMS = frozenset({"heroku", "fly", "cloud-run", "render", "lambda"})

# Beginning of the ids of known messages that Lambda writes about a function.
OF_FUNCTION = "lambda-"
# Loggers, or texts that look like one, without which the rest of a line says less: those of Caddy name what
# failed, and Go's reverse proxy, supervisord and uWSGI begin their messages so.
_TELLING = r"http(\.log\..*)?|tls\..*|exited|SIGPIPE"
# How an Application Load Balancer names itself in its access log (load-balancer-access-logs.html, `elb`).
OF_BALANCER = '"elb": "app/'
# Seconds without data after which an Application Load Balancer ends a request unless configured
# (edit-load-balancer-attributes.html, `idle_timeout.timeout_seconds`).
IDLE_TIMEOUT_S = 60.0


@cache
def command_table() -> Mapping[str, Any]:
    """Return the tables of `commands.toml`."""
    return tomllib.loads(files(__package__).joinpath("commands.toml").read_text(encoding="utf-8"))


@cache
def program_table() -> Mapping[str, Any]:
    """Return the tables of `programs.toml`."""
    return tomllib.loads(files(__package__).joinpath("programs.toml").read_text(encoding="utf-8"))


@once_per_context
def platform_of(context: HealthContext) -> str:
    """Return what runs the affected service, as :func:`known_platform`; ``docker`` where it is unknown."""
    return known_platform(context) or "docker"


@once_per_context
def known_platform(context: HealthContext) -> str | None:
    """Return what the data show to run the affected service, None if nothing does.

    It is one of the platforms of `commands.toml`.
    """
    for table in ("container_events", "container_settings"):
        told = own_containers(context, table)["platform"].replace("alb", "ecs")
        if len(told):
            return str(told.mode().iloc[0])
    if context.compose_services:
        return "docker"
    processes = context.table("app_processes")["file"]
    if len(processes) and processes.str.endswith(".service").all():
        return "systemd"
    shown = shown_program(context, "platform")
    return None if shown == "lambda" and has_addresses(context) else shown


def application_texts(log: pd.DataFrame) -> pd.Series:
    """Return the text of each row of ``app_log``, with its logger where that says more."""
    logger = log["logger"].astype("string")
    named = (logger.where(logger.str.fullmatch(_TELLING)) + ": ").fillna("")
    return named + log["message"].astype("string").fillna("")


@once_per_context
def shown_program(context: HealthContext, kind: str) -> str | None:
    """Return the first program of a kind of `programs.toml` whose lines the data hold; None without any."""
    messages, texts = _lines(context)
    for name, program in program_table()[kind].items():
        if any(one.startswith(tuple(program["messages"])) for one in messages):
            return str(name)
        if any(text.str.contains(part, regex=False).any() for text in texts for part in program["parts"]):
            return str(name)
    return None


@once_per_context
def _lines(context: HealthContext) -> tuple[frozenset[str], list[pd.Series]]:
    """Return the ids of known messages in the logs of programs, and the different texts of these logs."""
    log, events = context.table("app_log"), context.table("log_events")
    said, events_said = application_texts(log), events["message"].astype("string").fillna("")
    found = [
        *written("health", "app_log", log, said),
        *written("health", "log_events", events, events_said),
    ]
    extras = (context.table(name)["extra"].dropna().astype("string") for name in ("app_log", "access_log"))
    texts = [each.drop_duplicates().head(MOST_TEXTS) for each in (said, *extras) if len(each)]
    return frozenset(name for name, _ in found), texts


@once_per_context
def words_of(context: HealthContext) -> tuple[tuple[str, str, str], ...]:
    """Return words of texts on Nginx and Python, with what stands for them in English and Japanese."""
    found: list[list[str]] = []
    layers = context.table("config_directives")["layer"]
    is_nginx = len(context.table("error_log")) or layers.eq("nginx").any()
    for kind in ("runtime",) if is_nginx else ("proxy", "runtime"):
        name = shown_program(context, kind)
        found += program_table()[kind][name]["words"] if name else []
    return _words(found)


def in_words_of(context: HealthContext, text: str, language: str) -> str:
    """Return a text on Nginx and Python in the words of the proxy and runtime whose lines a case holds."""
    return _replaced(text, words_of(context), language)


def name_in_message(message_id: str, name: Text) -> Text:
    """Return the name of a cause in the words of the proxy that writes a known message."""
    of_proxies = program_table()["proxy"].values()
    found = (each["words"] for each in of_proxies if message_id.startswith(tuple(each["messages"])))
    words = _words(next(found, []))
    return in_each_language(name, lambda language, text: _replaced(text, words, language))


def _words(entries: Sequence[Sequence[str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple((old, new[0], new[-1]) for old, *new in entries)


def _replaced(text: str, words: Iterable[tuple[str, str, str]], language: str) -> str:
    for old, english, japanese in words:
        text = text.replace(old, japanese if language == "ja" else english)
    return text


def has_addresses(context: HealthContext) -> bool:
    """Return True where a proxy names the address of an upstream, which no Lambda function has."""
    return any(context.table(log)["upstream_addr"].notna().any() for log in ("access_log", "error_log"))


@once_per_context
def balanced(context: HealthContext) -> pd.Series:
    """Return which requests of the access log an Application Load Balancer logged."""
    return context.table("access_log")["extra"].str.contains(OF_BALANCER, regex=False).fillna(False)


def idle_timeout_s(container_settings: pd.DataFrame) -> float:
    """Return the seconds after which a load balancer gives a target up that sends nothing."""
    stated = container_settings["idle_timeout_s"].dropna()
    return float(stated.min()) if len(stated) else IDLE_TIMEOUT_S


@once_per_context
def running_object(context: HealthContext) -> tuple[str, str] | None:
    """Return service and container by what the platform tells; None where it tells nothing.

    The service of Kubernetes is named with its kind, as kubectl takes it; that of systemd is a unit.
    """
    if platform_of(context) == "systemd" and len(units := systemd_units(context.table("app_log"))) == 1:
        return units[0], units[0]
    for table in ("container_events", "container_settings"):
        rows = own_containers(context, table)
        named = rows["service"].dropna()
        if named.empty:
            continue
        service, objects = str(named.mode().iloc[0]), rows["object"].dropna()
        container = str(objects.mode().iloc[0]) if len(objects) else service
        if platform_of(context) == "kubernetes":
            kind = "statefulset" if re.fullmatch(rf"{re.escape(service)}-\d+", container) else "deployment"
            service = f"{kind}/{service}"
        return service, container
    return None


def commands(
    platform: str, service: str, container: str, table: str = "platform", since: str = "1h"
) -> dict[str, str]:
    """Return the commands of a platform by placeholder; service and container are words of a shell.

    Those of the table ``shown_by`` show the value of a word in capitals. Logs are read from ``since`` on.
    """
    named = {"service": service, "container": container, "since": since}
    return {name: filled(text, named, "en") for name, text in command_table()[table][platform].items()}


def settings(platform: str) -> dict[str, Message]:
    """Return where each setting of :data:`SETTINGS` stands on a platform."""
    return {
        name: message(f"platform-{name.replace('_', '-')}", platform=Choice(platform)) for name in SETTINGS
    }
