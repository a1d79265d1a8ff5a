"""Signals of known log lines, which say what happened where too few requests show an incident."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.affected_service import service_name
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import Rows, lines, quoted
from watchme_analysis.health.running_platform import (
    OF_FUNCTION,
    application_texts,
    balanced,
    has_addresses,
    idle_timeout_s,
    known_platform,
    platform_of,
)
from watchme_analysis.health.signals.nginx import LOG_RESOLUTION_S
from watchme_analysis.health.thresholds import MANY
from watchme_analysis.inference.known_lines import (
    GROUP,
    Written,
    facts_of,
    statement,
    weighed_messages,
    written,
)
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.observations import FATE_OF_LINE

if TYPE_CHECKING:
    import pandas as pd

# Nginx writes times in whole seconds.
LOG_RESOLUTION = timedelta(seconds=LOG_RESOLUTION_S)

# Seconds after which an Application Load Balancer gives a connection up; no setting changes it
# (load-balancer-troubleshooting.html).
CONNECT_S = 10

# Columns in which proxies log why they ended a request: termination state of HAProxy
# (docs.haproxy.org, 8.5), response flags of Envoy, code of Heroku's router (devcenter.heroku.com).
_REASON = (
    r'"(?:termination_state": "(?P<state>[A-Za-z][^"]+)|response_flags": "(?P<flags>[^"]+)'
    r'|code": "(?P<code>H\d\d))"'
)

# What stands before the status of a request in most logs, by which a status is recognised.
_RESPONDED = 'HTTP/1.1" '

# Kinds of lines of Nginx's error log that are weighed as the fates of their requests. A full listen queue is
# weighed there as a connection that timed out, which says less.
_FATES = FATE_OF_LINE.keys() - {"upstream_queue_full"}


@detects(*weighed_messages("health"), group=GROUP, needs=("error_log", "app_log", "access_log", "log_events"))
def known_lines(context: HealthContext) -> list[Observation]:
    """Return an observation of each known message that names a fault."""
    found: dict[str, list[Written]] = {}
    for table, frame, texts in _texts(context):
        for name, shown in written("health", table, frame, texts):
            if not _is_over(context, shown.rows) and not _is_of_function(context, name):
                found.setdefault(name, []).append(shown)
    elsewhere = () if platform_of(context) == "docker" else ("docker",)
    return [_observation(name, shown, elsewhere) for name, shown in found.items()]


def _is_over(context: HealthContext, rows: pd.DataFrame) -> bool:
    """Return True when many callers fared well after some lines: what these say holds no more.

    Lines of an incident hold for it, also when it has ended. Without one, only callers of the same endpoints
    and of the same upstream count: those of another service may fare well at any time.
    """
    if context.incident is not None:
        return False
    later = context.outer[context.outer["start"] > rows["time"].max()]
    if "path" in rows and rows["path"].notna().all():
        log = context.table("access_log")
        # An application's own log names no upstream.
        either = rows.reindex(columns=["upstream", "upstream_addr"]).astype("string")
        named = either["upstream"].fillna(either["upstream_addr"])
        upstreams = named.str.extract(r"^(?:\w+://)?([^/]+)")[0].dropna()
        served = log.loc[log["upstream_addr"].isin(upstreams), "path"]
        routes = {*route_templates(rows["path"]), *route_templates(served)}
        # A log without upstreams shows by common failures which routes have the same one.
        if log["upstream_addr"].isna().all():
            first, last = rows["time"].min() - LOG_RESOLUTION, rows["time"].max() + LOG_RESOLUTION
            failed = context.outer["bad"] & context.outer["start"].between(first, last)
            routes |= set(context.outer.loc[failed, "route"])
        later = later[later["route"].isin(routes)]
    return int((~later["bad"]).sum()) >= MANY


def _is_of_function(context: HealthContext, name: str) -> bool:
    """Return True for a line of a Lambda function, where the endpoint is served by a host with an address."""
    return name.startswith(OF_FUNCTION) and has_addresses(context)


def _texts(context: HealthContext) -> Iterator[tuple[str, pd.DataFrame, pd.Series]]:
    """Yield the tables, and the text of each row as far as the table keeps it.

    Of an incident, lines that say more than the fates of requests, which are weighed as such, and lines that
    are about no other service.
    """
    import pandas as pd

    errors, application = context.table("error_log"), context.table("app_log")
    if context.incident is not None:
        errors, application = (
            pd.concat([context.of_incident(frame), frame[frame["time"].isna()]])
            for frame in (errors, application)
        )
        is_own = errors["path"].isna() | route_templates(errors["path"]).isin(context.routes)
        errors = errors[is_own & ~errors["kind"].isin(_FATES)]
        # A log with requests is that of one server.
        serving = set(application.loc[application["kind"].eq("access"), "service"])
        others = serving - {service_name(context, context.table("app_log"))}
        application = application[~application["service"].isin(others)]
    if len(errors):
        upstream = (', upstream: "' + errors["upstream"].astype("string") + '"').fillna("")
        # Nginx did not start: the level says it, in whatever words.
        level = errors["level"].where(errors["level"].eq("emerg")).map("[{}] ".format, na_action="ignore")
        said = level.astype("string").fillna("") + errors["message"].astype("string").fillna("")
        yield "error_log", errors, said + _limited(errors) + upstream
    if len(application):
        yield "app_log", application, application_texts(application)
    events = context.table("log_events")
    if len(events) and known_platform(context) == "lambda":
        yield "log_events", events, events["message"].astype("string").fillna("")
    requests = context.table("access_log")
    of_balancer = requests[balanced(context) & requests["upstream_status"].isna()]
    others = requests.drop(of_balancer.index)
    if context.incident is not None:
        of_balancer = context.of_incident(of_balancer)
        # Where upstreams or errors are logged, the fates of the requests say more.
        is_all = requests[["upstream_addr", "upstream_status"]].isna().all(axis=None)
        is_all = is_all and context.table("error_log").empty
        others = context.of_incident(others) if is_all else others[:0]
    if len(others):
        yield "access_log", others, _of_proxy(others)
    if len(of_balancer):
        idle_s = idle_timeout_s(context.table("container_settings"))
        yield "access_log", of_balancer, _of_balancer(of_balancer, idle_s)


def _of_proxy(requests: pd.DataFrame) -> pd.Series:
    """Return how a proxy logs the status of requests and its reason for it, if it states any."""
    status = requests["status"].astype("string").fillna("-") + " "
    reason = requests["extra"].astype("string").str.extract(_REASON)
    # HAProxy's mark of a request that it gave to no server.
    server = status.where(requests["upstream_addr"].notna(), "<NOSRV> " + status)
    own = (server + reason["state"] + " ").fillna("code=" + reason["code"])
    return own.fillna(_RESPONDED + status + (reason["flags"] + " ").fillna(""))


def _of_balancer(requests: pd.DataFrame, idle_s: float) -> pd.Series:
    """Return how a load balancer logs unanswered requests, with its metric for those not connected.

    An idle timeout of ``idle_s`` seconds that ends requests at the same time leaves open which it was.
    """
    target = requests["upstream_addr"].astype("string").fillna("-")
    # A target that was connected has a time, also if it sent nothing.
    waited = requests["upstream_response_time_s"].astype("string").fillna("-1")
    logged = target + " -1 " + waited + " -1 " + requests["status"].astype("string").fillna("-") + " - "
    in_vain = requests["status"].eq(504) & requests["request_time_s"].between(
        CONNECT_S, CONNECT_S + 1, "left"
    )
    is_certain = not CONNECT_S <= idle_s < CONNECT_S + 1
    return logged.mask(in_vain.fillna(False) & is_certain, "TargetConnectionErrorCount: " + logged)


def _limited(errors: pd.DataFrame) -> pd.Series:
    """Return the clients of requests that a limit held back, which tell whose limit it was."""
    client = (", client: " + errors["client_addr"].astype("string") + ",").fillna("")
    return client.where(errors["kind"].isin(["limit_req", "limit_conn"]), "")


def _observation(name: str, shown: list[Written], elsewhere: tuple[str, ...]) -> Observation:
    import pandas as pd

    table = shown[0].table
    of_table = pd.concat([each.rows for each in shown if each.table == table])
    # Events of a log group have no lines of a file.
    texts = ", ".join(quoted(text) for text in of_table["message"].unique()) if "line" not in of_table else ""
    query = f"select * from {table} where message in ({texts})"
    rows = Rows(table, len(of_table), query) if texts else lines(table, of_table)
    # Of a request only its status and the proxy's reason are known to stand in the log in these words.
    first = shown[0]._replace(sample=shown[0].sample.removeprefix(_RESPONDED).strip())
    said = statement("health", name, first, rows.rows)
    return Observation(name, said, *rows, facts=facts_of("health", name, shown[0], elsewhere))
