"""Tables of settings, handlers, processes and containers, cell by cell."""

import pandas as pd
from worlds.messages import messages_in

from watchme_analysis.evidence.compose import compose_services
from watchme_analysis.health.sections.configuration import (
    code_table,
    processes_table,
    settings_table,
    unhealthy_after,
)
from watchme_analysis.schema import conform
from watchme_analysis.text.render import label


def heads(*names):
    return tuple(label(f"column-{name}", "en") for name in names)


def test_settings_have_a_column_for_each_path():
    frame = pd.DataFrame(
        [
            ("edge", "served by", True, "edge.conf:3", "location /", None),
            ("nginx", "asks", False, "nginx.conf:7, nginx.conf:6", "a:1", "a:1"),
            ("nginx", "proxy_cache", True, "nginx.conf:7, nginx.conf:6", "on", float("nan")),
        ],
        columns=["layer", "setting", "differs", "line", "/a", "/b"],
    )
    shown = settings_table(frame, ["/a", "/b"])
    edge, nginx = label("on-edge", "en"), label("on-nginx", "en")
    assert shown.rows == (
        (edge, "served by", "location /", "–", "≠"),
        (nginx, "asks", "a:1", "a:1", ""),
        (nginx, "proxy_cache", "on", "–", "≠"),
    )
    assert shown.heads == (*heads("layer", "setting"), "/a", "/b", "")
    assert shown.caption == label("settings-caption", "en")
    # Each line once.
    assert shown.note == label("settings-note", "en", lines="edge.conf:3; nginx.conf:7, nginx.conf:6")
    assert settings_table(frame[:0], ["/a", "/b"]).note == label("settings-none", "en")


def handlers(count, background=""):
    names = ["route", "function", "written_as", "runs_on", "in_answer", "in_background"]
    rows = [
        (f"GET /{number}", f"f (app.py:{number})", "def", "thread pool", "sleep", background)
        for number in range(count)
    ]
    return pd.DataFrame(rows, columns=names)


def test_handlers_are_listed_with_what_may_block_in_them():
    shown = code_table(handlers(1))
    assert shown.rows == (("GET /0", "f (app.py:0)", "def", "thread pool", "sleep", "–"),)
    assert shown.heads == heads("route", "function", "written-as", "runs-on", "in-answer", "in-background")
    assert (shown.caption, shown.note) == (label("handlers-caption", "en"), label("handlers-note", "en"))
    assert code_table(handlers(0)).note == label("handlers-none", "en")


def test_of_more_than_thirty_handlers_those_that_callers_used_are_listed():
    def shown(count, called=()):
        table = code_table(handlers(count), called)
        note = table.note.removeprefix(label("handlers-note", "en")).strip()
        return [row[0] for row in table.rows], note

    first = [f"GET /{number}" for number in range(30)]
    # Up to thirty all are shown, whoever called them.
    assert shown(30, {"/3"}) == (first, "")
    assert shown(32, {"/3", "/31", "/other"}) == (
        ["GET /3", "GET /31"], label("handlers-more", "en", handlers=30),
    )  # fmt: skip
    assert shown(31) == (first, label("handlers-more", "en", handlers=1))
    assert shown(31, {"/other"}) == (first, label("handlers-more", "en", handlers=1))


def test_a_process_is_listed_with_its_settings_and_what_they_are_unset():
    rows = [
        {"file": "a.txt", "line": 3, "service": "svc", "app": "main:app", "host": "0.0.0.0", "port": 8100,
         "workers": 2, "limit_concurrency": 1000, "backlog": 64, "timeout_keep_alive_s": 7.5,
         "open_files_limit": 4096},
        {"file": "b.txt", "line": 1},
    ]  # fmt: skip
    shown = processes_table(conform("app_processes", pd.DataFrame(rows)), [], {})
    names = ("application", "address", "workers", "connections", "listen-backlog", "keep-alive", "open-files")
    settings = [label(f"setting-{name}", "en") for name in names]
    given = ("main:app", "0.0.0.0:8100", "2", "1,000", "64", "7.5", "4,096")
    no_limit, of_shell = label("setting-no-limit", "en"), label("setting-of-shell", "en")
    # The defaults of Uvicorn: https://www.uvicorn.org/settings/
    unset = [label("setting-unset", "en", default=own) for own in ("–", "1", no_limit, "2048", "5", of_shell)]
    unset.insert(1, "127.0.0.1:8000")
    assert shown.rows == (
        *(("svc", setting, value, "a.txt:3") for setting, value in zip(settings, given, strict=True)),
        *(("–", setting, value, "b.txt:1") for setting, value in zip(settings, unset, strict=True)),
    )
    assert shown.heads == heads("service", "setting", "value", "source")
    assert (shown.caption, shown.note) == (label("processes-caption", "en"), label("processes-note", "en"))
    none = processes_table(conform("app_processes", pd.DataFrame(rows[:0])), [], {})
    assert (none.rows, none.note) == ((), label("processes-none", "en"))


def services(**settings):
    """Services of compose files: each setting's path, value, and the file that sets it."""
    rows = [
        {"service": service, "path": path, "value": value, "file": file}
        for service, given in settings.items()
        for path, value, file in given
    ]
    return compose_services(conform("compose_settings", pd.DataFrame(rows)))


def container(service, measured=None):
    empty = conform("app_processes", pd.DataFrame())
    rows = processes_table(empty, services(svc=service), {} if measured is None else {"svc": measured}).rows
    assert {row[0] for row in rows} == {"svc"}
    return {setting: (value, source) for _, setting, value, source in rows}


def named(**expected):
    return {label(f"setting-{name.replace('_', '-')}", "en"): value for name, value in expected.items()}


def test_a_container_is_listed_with_its_limits_and_health_check():
    file = "compose.yml"
    given = [
        ("image", "example", file), ("command", "run", file), ("cpus", "1.5", file),
        ("mem_limit", "2g", file), ("pids_limit", "256", file), ("ulimits.nofile", "4096", file),
        ("restart", "always", file), ("networks.0", "inner", file), ("networks.1", "outer", file),
        ("ports.0", "127.0.0.1:8017:8017", file), ("ports.1", "9000", file),
        ("healthcheck.test", "curl -f http://localhost/health", file), ("healthcheck.interval", "10s", file),
        ("healthcheck.timeout", "5s", file), ("healthcheck.retries", "2", file),
        ("healthcheck.start_period", "1m", file),
    ]  # fmt: skip
    shown = container(given, measured=812.5)
    any_port = label("setting-any-port", "en")
    interval = label("setting-check-interval-value", "en", interval="10 s", timeout="5 s", retries=2)
    memory = label("setting-memory-measured", "en", limit="2,048 MB", used="812")
    assert {setting: value for setting, (value, _) in shown.items()} == named(
        command="run",
        network="inner, outer",
        ports=f"127.0.0.1:8017 → 8017, 0.0.0.0:{any_port} → 9000",
        cpus="1.5",
        memory=memory,
        processes="256",
        open_files="4,096",
        restart="always",
        health_check="curl -f http://localhost/health",
        check_interval=interval,
        # At once: 10 s between two failures. Hanging: twice 10 s of waiting and 5 s of hanging.
        unhealthy_after=label("setting-unhealthy-after-value", "en", soonest="10 s", latest="30 s"),
        start_period=label("setting-start-period-value", "en", period="60 s"),
    )
    assert {source for _, source in shown.values()} == {file}


def test_a_container_without_settings_has_those_of_docker():
    shown = container([("image", "example", "compose.yml")])
    no_limit = label("setting-no-limit", "en")
    assert {setting: value for setting, (value, _) in shown.items()} == named(
        network="default",
        ports=label("list-empty", "en"),
        cpus=no_limit,
        memory=no_limit,
        processes=no_limit,
        open_files=label("setting-of-docker", "en"),
        restart="no",
        health_check=label("setting-health-check-none", "en"),
    )
    assert container([("image", "x", "c.yml")], 5.0)[label("setting-memory", "en")][0] == label(
        "setting-memory-measured", "en", limit=no_limit, used="5"
    )
    host = container([("network_mode", "host", "c.yml")])
    assert host[label("setting-network", "en")][0] == "host"


def test_a_health_check_is_disabled_or_that_of_the_image():
    disabled = container([("healthcheck.disable", "true", "c.yml")])
    check = label("setting-health-check", "en")
    assert disabled[check][0] == label("setting-health-check-disabled", "en")
    image = container([("healthcheck.interval", "5s", "c.yml")])
    assert image[check][0] == label("setting-health-check-of-image", "en")
    assert label("setting-start-period", "en") not in image
    # Docker's own: three failures, at most 30 s each.
    (service,) = services(svc=[("healthcheck.interval", "5s", "c.yml")])
    assert messages_in(unhealthy_after(service.health)) == {
        "setting-unhealthy-after-value": {"soonest": 10.0, "latest": 105.0}
    }
