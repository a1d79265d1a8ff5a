"""The next test of each hypothesis, and what a case did not let it see."""

from __future__ import annotations

from watchme_analysis.health.hypotheses.connections import connections
from watchme_analysis.health.hypotheses.container import LOOPBACK, variables
from watchme_analysis.health.hypotheses.edge_rules import unread
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.handlers import handlers_by_family, pool_tokens
from watchme_analysis.health.hypotheses.process import own_source
from watchme_analysis.text.shell_quoting import shell_word

_NEEDS = {
    "nginx_config": (
        ("access_log", "what Nginx did with each request"),
        ("config_directives", "Nginx's configuration"),
        ("error_log", "Nginx's errors"),
    ),
    "edge_config": (
        ("edge_log", "what the edge did with each request"),
        ("access_log", "which requests reached Nginx"),
    ),
    "docker_network": (
        ("access_log", "how connections from Nginx fared"),
        ("probes", "how the inside fared"),
    ),
    "app_event_loop": (
        ("app_log", "the rhythm of answers"),
        ("app_calls", "what the source runs on the loop"),
        ("probes", "how the inside fared"),
    ),
    "app_threadpool": (
        ("host_metrics", "threads and open requests"),
        ("app_handlers", "which handlers need a thread"),
    ),
    "app_saturation": (
        ("host_metrics", "CPU, memory and descriptors"),
        ("app_log", "what the process says it lacks"),
    ),
    "none": (),
}


def not_covered(found: Facts, cause: str) -> tuple[str, ...]:
    """Return what a hypothesis could not look at in this case, in sentences."""
    absent = tuple(
        f"No {table}: {what} could not be seen."
        for table, what in _NEEDS[cause]
        if not found.collected(table)
    )
    return (*absent, *unread(found)) if cause == "edge_config" else absent


def next_test(found: Facts, cause: str) -> str:
    """Return the one check that would settle a cause."""
    if cause == "app_saturation":
        return _what_it_lacks(found)
    if cause == "app_threadpool":
        return _what_threads_do(found)
    endpoint = found.endpoints[0] if found.endpoints else "/health"
    service = found.services[0] if found.services else "CONTAINER:PORT"
    inner = found.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
    # What answers at a published port of loopback is a program of the host: no way into the container.
    local = service.rsplit(":", 1)[0] in LOOPBACK
    container = "CONTAINER_IP:PORT" if local else service
    address = shell_word(container.rsplit(":", 1)[0], "CONTAINER_IP")
    tests = {
        "nginx_config": (
            "Ask past Nginx on the host: `curl -m 40 -w '%{time_total}' "
            f"{shell_word(f'http://{service}{inner}', 'URL')}`; if that is well, "
            "compare the endpoint's location with a healthy one in `nginx -T`."
        ),
        "edge_config": (
            "Ask the origin without the edge: `curl -k -m 40 --resolve HOST:443:ORIGIN_IP "
            f"{shell_word(f'https://HOST{endpoint}', 'URL')}`; if that "
            "is well, turn off the edge's cache and rules for the path."
        ),
        "docker_network": (
            f"Send from the host to the container: `ping -M do -s 1472 -c 20 {address}` and "
            f"`curl -m 40 {shell_word(f'http://{container}{inner}', 'URL')}`, and the same inside with "
            "`docker exec`."
        ),
        "app_event_loop": (
            "While it hangs, run `py-spy dump --pid PID`: the main thread stands in the blocking call."
        ),
        "none": (
            "Probe the endpoint from inside, from the host and from outside at the same time for ten minutes."
        ),
    }
    return tests[cause]


def _what_threads_do(found: Facts) -> str:
    """Return how to see that all threads of a pool are taken, as many as the source lets it have."""
    calls = own_source(found, "app_calls")
    handlers = handlers_by_family(own_source(found, "app_handlers"), calls, list(found.families))
    tokens = pool_tokens(calls, found.table("app_processes"), handlers.values(), variables(found))
    workers = f"{tokens} worker threads" if tokens else "all threads called asyncio_N"
    return (
        f"While it hangs, run `py-spy dump --pid PID`: {workers} stand in the same call, "
        "the main thread is idle."
    )


def _what_it_lacks(found: Facts) -> str:
    """Return how to see which resource of a process is used up; of a pool of connections, which one."""
    full = next((one.details["app_saturation"] for one in connections(found)), None)
    if full is not None:
        return f"While it hangs, run `ss -tnp | grep pid=PID` and count: {full}. Then find what keeps them."
    return (
        "While it hangs, run `top -H -p PID`, `vmstat 1 5`, `ls /proc/PID/fd | wc -l` and `ss -ltn`: one "
        "of the process's CPU, the host's, descriptors or the listen queue stands at its limit."
    )
