"""Settings that files state, and the text of a ``watchme.toml`` with all that was found.

:func:`find_in_files` reads the health endpoint and the port of a service from ``nginx.conf`` and compose
files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from watchme_analysis.cloudwatch.account_systems import FoundValue, Proposal, system_name
from watchme_analysis.config import check_text
from watchme_analysis.errors import InputError
from watchme_analysis.evidence import compose
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.nginx_conf import parse
from watchme_analysis.nginx_conf.routing import places_of
from watchme_analysis.text.message import Names, Resource, message
from watchme_analysis.text.render import error_message, note

# Path of an endpoint that reports the health of a service, in the usual spellings.
_HEALTH_PATH = re.compile(
    r"(/[\w.~-]+)*/(health(z|[-_]?check)?|live(z|ness)?|ready(z)?|readiness|ping|status|heartbeat)/?"
)
_URL_PATH = re.compile(r"https?://[^\s/\"']+(/[^\s\"'?#]*)?")
_PORT = re.compile(r":(\d{1,5})$")
_YAML = (".yaml", ".yml")


def find_in_files(paths: Iterable[Path], found: Proposal) -> None:
    """Add the health endpoint and the service port that configurations of Nginx and compose files state.

    They belong to the only system, else to one of their own, named after the service. Raises an InputError if
    a file can't be read, or holds neither a location nor a service.
    """
    stated: dict[str, FoundValue] = {}
    names: list[str] = []
    for path in paths:
        raw = RawFile(path.parent, path.name)
        read = _of_compose if path.suffix.lower() in _YAML else _of_nginx
        values, name = read(raw, found)
        # Clients use the path that Nginx serves, so that it is stronger than a container's own check.
        stated = values | stated if read is _of_compose else stated | values
        names.append(name)
    if not stated:
        return
    only = next(iter(found.systems)) if len(found.systems) == 1 else None
    named = only or system_name(next(filter(None, names), "service"))
    found.systems.setdefault(named, {}).update(stated)


def _of_nginx(raw: RawFile, found: Proposal) -> tuple[dict[str, FoundValue], str]:
    """Return health path and upstream port of a configuration, and the name of its server."""
    directives, _ = parse.read_nginx_config(raw)
    rows = [row for layer in directives["layer"].unique() for row in places_of(directives, str(layer))]
    if not rows:
        raise InputError(error_message("error-no-nginx-server", path=raw.path))
    health = [
        row for row in rows if row["modifier"] in ("", "=", "^~") and _HEALTH_PATH.fullmatch(str(row["path"]))
    ]
    values = {}
    if health:
        values["health"] = FoundValue(health[0]["path"], f"{raw.name}:{health[0]['line']}")
        others = [str(row["path"]) for row in health[1:] if row["path"] != health[0]["path"]]
        if others:
            found.notes.append(
                message(
                    "config-init-several-health",
                    file=Resource(raw.name),
                    path=Resource(str(health[0]["path"])),
                    others=Names(tuple(others)),
                )
            )
    ports = {}
    for row in health[:1] or rows:
        for server in row["upstream_servers"] or ():
            port = _PORT.search(server["address"])
            if port is not None:
                ports[int(port[1])] = FoundValue(int(port[1]), f"{raw.name}:{row['line']}")
    if len(ports) == 1:
        values["port"] = next(iter(ports.values()))
    elif ports:
        found.notes.append(
            message("config-init-several-ports", file=Resource(raw.name), ports=Names(tuple(map(str, ports))))
        )
    hosts = [name for row in rows for name in row["server_names"] if name not in ("_", "localhost", "")]
    return values, next(iter(hosts), "")


def _of_compose(raw: RawFile, found: Proposal) -> tuple[dict[str, FoundValue], str]:
    """Return health path and port of the service with a health check over HTTP, and its name."""
    settings, _ = compose.read_compose(raw)
    services = compose.compose_services(settings)
    if not services:
        raise InputError(error_message("error-no-compose-services", path=raw.path))
    checked = [
        (service, url)
        for service in services
        if service.health and (url := _URL_PATH.search(service.health.test))
    ]
    if len(checked) > 1:
        names = Names(tuple(service.name for service, _ in checked))
        found.notes.append(message("config-init-several-services", file=Resource(raw.name), services=names))
    if len(checked) != 1:
        return {}, ""
    service, url = checked[0]
    source = note("config-source-health-check", service=Resource(service.name), file=Resource(raw.name))
    values = {"health": FoundValue(url[1], source)} if url[1] else {}
    port = urlsplit(url[0]).port
    if port is not None:
        values["port"] = FoundValue(port, source)
    return values, service.name


def toml_text(found: Proposal) -> str:
    """Return a ``watchme.toml`` with the values that were found, each with its source as a comment.

    Raises an InputError if a value is not valid in the file.
    """
    lines = ["# Settings of watchme: docs/configuration.md describes every key.", ""]
    lines += [
        '# time_zone = "Europe/Berlin"    # zone of the times shown; UTC by default',
        '# language = "en"                # en or ja; that of your locale by default',
    ]
    lines += [_line(key, value) for key, value in found.general.items()]
    lines += [
        "",
        "# [work_items]    # how a message names its work; learned from the messages by default",
        '# unit = { en = "order", ja = "注文" }',
        '# item_keys = ["orderId"]',
    ]
    for name, values in found.systems.items():
        lines += ["", f"[systems.{name}]", *(_line(key, value) for key, value in values.items())]
    if not found.systems:
        lines += ["", "# [systems.orders]", '# queue = "orders"', '# function = "orders-worker"']
    text = "\n".join(lines) + "\n"
    check_text(text)
    return text


def _line(key: str, found: FoundValue) -> str:
    source = "".join(letter if letter.isprintable() else "?" for letter in found.source)
    # Strings and lists of JSON are valid in TOML.
    return f"{key} = {json.dumps(found.value, ensure_ascii=False)}  # {source}"
