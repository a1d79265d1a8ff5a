"""The scenarios of a recording: the fault, its truth, and how a seed draws its parameters."""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubelet import Kubelet
from network import free_port, listening
from parameters import Parameters
from testbed import HERE, USUAL_CLIP_BYTES, USUAL_DELAY_S, Testbed

# Beginning of docs/generated/scenarios.md.
PAGE_HEAD = """# Scenarios of the recorder

`benchmarks/recorder/scenarios.py` prints this page. [The recorder](../../benchmarks/recorder/README.md) says
how to record them.

| scenario | fault | cause | sets off |
|---|---|---|---|"""
LAYERS = {
    "nginx_config": "nginx",
    "edge_config": "edge",
    "docker_network": "network",
    "app_event_loop": "process",
    "app_threadpool": "process",
    "app_saturation": "process",
    "app_down": "process",
    "dependency_slow": "dependency",
    "traffic_surge": "client",
    "none": None,
}
# Last part of the address of a container that was created again.
NEW_ADDRESS = 31
Draw = Callable[[random.Random], Any]
Change = Callable[[Testbed, Parameters], None]


def between(low: float, high: float) -> Draw:
    """Return a draw of a number, rounded to two digits; a whole number if both limits are whole."""
    if isinstance(low, int) and isinstance(high, int):
        return lambda rng: rng.randint(low, high)
    return lambda rng: round(rng.uniform(low, high), 2)


def one_of(*values: Any) -> Draw:
    """Return a draw of one of the values; a value that is repeated is drawn more often."""
    return lambda rng: rng.choice(values)


def always(value: Any) -> Draw:
    """Return a draw of the same value each time."""
    return lambda rng: value


def nothing(testbed: Testbed, options: Parameters) -> None:
    """Change nothing."""


@dataclass(frozen=True)
class Scenario:
    """A fault with its truth.

    Attributes
    ----------
    fault
        The fault in words.
    cause, secondary_cause, other_causes
        The truth: the earliest cause, the one that it sets off, and independent ones.
    begin, end
        Start and end of the fault.
    defaults
        Parameters that the scenario needs, if they are not given.
    draws
        How a seed draws parameters.
    """

    fault: str
    cause: str
    begin: Change = nothing
    end: Change = nothing
    defaults: Mapping[str, Any] = field(default_factory=dict)
    draws: Mapping[str, Draw] = field(default_factory=dict)
    secondary_cause: str | None = None
    other_causes: tuple[str, ...] = ()

    @property
    def layer(self) -> str | None:
        """Return the layer of the cause."""
        return LAYERS[self.cause]


# Store


def slow_store(testbed: Testbed, options: Parameters) -> None:
    """Slow every response of the store."""
    testbed.store.delay_s = options.delay


def usual_store(testbed: Testbed, options: Parameters) -> None:
    """Restore the store's response time and the size of its clips."""
    testbed.store.delay_s, testbed.store.clip_bytes = USUAL_DELAY_S, USUAL_CLIP_BYTES
    testbed.store.slow_for = None


def large_clips(testbed: Testbed, options: Parameters) -> None:
    """Let the store send large clips."""
    testbed.store.clip_bytes = options.clip_bytes


def stop_store(testbed: Testbed, options: Parameters) -> None:
    """Let the store refuse connections."""
    testbed.store.refuse()


def start_store(testbed: Testbed, options: Parameters) -> None:
    """Let the store listen again."""
    testbed.store.listen_again()


# Process


def stop(testbed: Testbed, options: Parameters) -> None:
    """Stop the service; nothing starts it again."""
    testbed.target.stop()


def start(testbed: Testbed, options: Parameters) -> None:
    """Start the service as usual and wait until it accepts connections."""
    testbed.target.stop()
    testbed.target.start()
    testbed.await_service(testbed.target)


def deploy_without_setting(testbed: Testbed, options: Parameters) -> None:
    """Deploy a version without a setting that the import needs, so that each start ends in an error."""
    testbed.target.environment.pop("STORE_URL")
    testbed.target.stop()
    testbed.target.start()


def deploy_with_setting(testbed: Testbed, options: Parameters) -> None:
    """Deploy the version with all settings."""
    store = testbed.store
    testbed.target.environment["STORE_URL"] = f"http://{store.server_address[0]}:{store.server_port}"
    start(testbed, options)


def deploy_missing_module(testbed: Testbed, options: Parameters) -> None:
    """Deploy a source that imports a module which is not installed."""
    source = testbed.target.work / "app.py"
    source.write_text(
        source.read_text().replace("import logging\n", "import logging\n\nimport audio_features\n", 1)
    )
    testbed.target.stop()
    testbed.target.start()


def deploy_with_module(testbed: Testbed, options: Parameters) -> None:
    """Deploy the source without that import."""
    source = testbed.target.work / "app.py"
    source.write_text(source.read_text().replace("\nimport audio_features\n", "", 1))
    start(testbed, options)


def crash_repeatedly(testbed: Testbed, options: Parameters) -> None:
    """Let each process of the service crash some seconds after it accepts connections."""

    def crash() -> None:
        while testbed.active.is_set():
            testbed.target.crash()
            time.sleep(0.2)
            while testbed.active.is_set() and not listening(testbed.target.address):
                time.sleep(0.1)
            time.sleep(options.crash_after)

    threading.Thread(target=crash, daemon=True).start()


def deploy_slowly(testbed: Testbed, options: Parameters) -> None:
    """Restart the service with a model that takes long to load."""
    testbed.target.stop()
    testbed.target.start(MODEL_LOAD_S=f"{options.fault_for - 1:g}")


def await_start(testbed: Testbed, options: Parameters) -> None:
    """Wait until the service accepts connections."""
    testbed.await_service(testbed.target)


def recover_from_kills(testbed: Testbed, options: Parameters) -> None:
    """Restore the size of clips, and start the service again without those that it kept."""
    usual_store(testbed, options)
    start(testbed, options)


def remove_container(testbed: Testbed, options: Parameters) -> None:
    """Kill the service and remove its network interfaces."""
    testbed.target.stop(signal.SIGKILL)
    if testbed.target.namespace:
        testbed.target.namespace.disconnect()


def create_container(testbed: Testbed, options: Parameters) -> None:
    """Connect the namespace again and start the service."""
    if testbed.target.namespace:
        testbed.target.namespace.connect()
    start(testbed, options)


def start_neighbours(testbed: Testbed, options: Parameters) -> None:
    """Start busy processes in the service's control group."""
    for number in range(options.neighbours):
        testbed.start_neighbour(f"neighbour-{number}")


def end_neighbours(testbed: Testbed, options: Parameters) -> None:
    """Stop the busy processes."""
    for number in range(options.neighbours):
        testbed.end_process(f"neighbour-{number}")


# Orchestrator and addresses


def probe(testbed: Testbed, options: Parameters) -> None:
    """Let a kubelet probe the service."""
    testbed.kubelet = Kubelet(testbed.target, options.probe_timeout, options.probe_period)
    testbed.kubelet.watch()


def end_probe(testbed: Testbed, options: Parameters) -> None:
    """Let no kubelet probe the service."""
    if testbed.kubelet:
        testbed.kubelet.leave()


def deploy_probe(testbed: Testbed, options: Parameters) -> None:
    """Deploy the service with a liveness probe."""
    testbed.kubelet = Kubelet(testbed.target, options.probe_timeout, options.probe_period)
    testbed.kubelet.deploy()


def deploy_without_probe(testbed: Testbed, options: Parameters) -> None:
    """Deploy the service without a probe."""
    end_probe(testbed, options)
    start(testbed, options)


def recreate_elsewhere(testbed: Testbed, options: Parameters) -> None:
    """Create the container again at another address; Nginx keeps the old one."""
    target = testbed.target
    target.stop()
    if target.namespace is None:
        raise RuntimeError("stale_address needs a network namespace.")
    old = target.namespace
    old.disconnect()
    target.namespace = replace(old, address=f"172.28.0.{NEW_ADDRESS}")
    target.address = target.address.replace(old.address, target.namespace.address)
    target.namespace.connect()
    if options.address_taken and testbed.other.namespace:
        testbed.other.namespace.take_address(old.address)
    testbed.write_hosts()
    start(testbed, options)


# Replicas


def stop_replica(testbed: Testbed, options: Parameters) -> None:
    """Stop one process of the service."""
    testbed.replicas[0].stop()


def start_replica(testbed: Testbed, options: Parameters) -> None:
    """Start that process again."""
    testbed.replicas[0].start()
    testbed.await_service(testbed.replicas[0])


def remove_replica(testbed: Testbed, options: Parameters) -> None:
    """Kill one process of the service and remove its network interfaces."""
    replica = testbed.replicas[0]
    replica.stop(signal.SIGKILL)
    if replica.namespace:
        replica.namespace.disconnect()


def create_replica(testbed: Testbed, options: Parameters) -> None:
    """Connect that namespace again and start the process."""
    if testbed.replicas[0].namespace:
        testbed.replicas[0].namespace.connect()
    start_replica(testbed, options)


def stop_replicas(testbed: Testbed, options: Parameters) -> None:
    """Stop all processes of the service."""
    for service in (testbed.target, *testbed.replicas):
        service.stop()


def start_replicas(testbed: Testbed, options: Parameters) -> None:
    """Start all processes of the service."""
    for service in (testbed.target, *testbed.replicas):
        service.start()
    for service in (testbed.target, *testbed.replicas):
        testbed.await_service(service)


def slow_store_of_replica(testbed: Testbed, options: Parameters) -> None:
    """Slow the responses of the store to one process of the service."""
    testbed.store.slow_for = testbed.replicas[0].address.rpartition(":")[0]
    slow_store(testbed, options)


def replace_in_turn(testbed: Testbed, options: Parameters) -> None:
    """Deploy all processes of the service, one after another, as soon as Nginx uses the last one again."""
    for service in (testbed.target, *testbed.replicas):
        service.stop()
        service.start()
        testbed.await_service(service)
        # The default of `fail_timeout`, for which Nginx leaves a failed address out.
        time.sleep(11)


# Network


def lose_packets(testbed: Testbed, options: Parameters) -> None:
    """Drop packets that arrive at the service."""
    testbed.lose_packets(options.loss)


def keep_packets(testbed: Testbed, options: Parameters) -> None:
    """Drop no packets."""
    testbed.lose_packets(0)


# Nginx and edge


def usual_origin(testbed: Testbed, options: Parameters) -> None:
    """Reload the usual configuration."""
    testbed.reload_origin()


def _address_without_listener(testbed: Testbed) -> str:
    host, _, port = testbed.target.address.rpartition(":")
    return f"{host}:{int(port) + 54}" if testbed.network.isolated else f"{host}:{free_port()}"


def route_health_astray(testbed: Testbed, options: Parameters) -> None:
    """Route ``/health`` of the service to a port without a listener."""
    path = "/health" if testbed.prefix(testbed.target.name) else ""
    testbed.reload_origin(health=f"proxy_pass http://{_address_without_listener(testbed)}{path};\n")


def wrong_port(testbed: Testbed, options: Parameters) -> None:
    """Route all requests of the service to a port without a listener."""
    testbed.reload_origin(upstream=_address_without_listener(testbed))


def short_read_timeout(testbed: Testbed, options: Parameters) -> None:
    """Give responses of the service one second, which summaries exceed at all times."""
    testbed.reload_origin(location="proxy_read_timeout 1s;\n")


def small_bodies(testbed: Testbed, options: Parameters) -> None:
    """Allow request bodies of half the usual size."""
    testbed.reload_origin(server=f"client_max_body_size {options.body_bytes // 2};\n")


def redirect_loop(testbed: Testbed, options: Parameters) -> None:
    """Redirect ``/health`` to itself."""
    testbed.reload_origin(health="absolute_redirect off;\nreturn 301 $request_uri;\n")


def limit_health(testbed: Testbed, options: Parameters) -> None:
    """Limit ``/health`` to fewer requests per minute than its callers send."""
    zone = f"limit_req_zone $server_name zone=health:1m rate={options.limit_per_minute}r/m;\n"
    testbed.reload_origin(http=zone, health="limit_req zone=health burst=1 nodelay;\nUPSTREAM")


def deny_health(testbed: Testbed, options: Parameters) -> None:
    """Deny ``/health`` to all addresses."""
    testbed.reload_origin(health="deny all;\nUPSTREAM")


def keep_prefix(testbed: Testbed, options: Parameters) -> None:
    """Send requests on with their prefix, which the service does not know."""
    testbed.reload_origin(keeps_prefix=True)


def few_connections(testbed: Testbed, options: Parameters) -> None:
    """Allow the worker process fewer connections than its callers and upstreams need."""
    testbed.reload_origin(worker_connections=options.connections)


def keep_connections(testbed: Testbed, options: Parameters) -> None:
    """Keep connections for longer than the service keeps them."""
    testbed.reload_origin(keepalive=16)


def harmless_reload(testbed: Testbed, options: Parameters) -> None:
    """Reload the origin with one more response header."""
    testbed.reload_origin(server="add_header X-Release 42;\n")


def edge_rule(testbed: Testbed, options: Parameters) -> None:
    """Let the edge send ``/health`` to an origin port without a listener."""
    testbed.reload_edge(f"{testbed.network.origin.rpartition(':')[0]}:{free_port()}")


def usual_edge(testbed: Testbed, options: Parameters) -> None:
    """Reload the edge's usual configuration."""
    testbed.reload_edge(None)


# Clients


def _start_flood(testbed: Testbed, options: Parameters, paths: tuple[str, ...], agent: str) -> None:
    words = [sys.executable, str(HERE / "flood.py"), testbed.front, "--rate", f"{options.flood_rate:g}"]
    for path in paths:
        words += ["--path", path]
    for number in range(options.flood_clients):
        address = testbed.network.client(100 + number)
        words += ["--address", address] if address else []
    testbed.start_process("flood", [*words, "--agent", agent])


def flood_report(testbed: Testbed, options: Parameters) -> None:
    """Flood a cheap route that runs on the event loop."""
    prefix = testbed.prefix(testbed.target.name)
    _start_flood(testbed, options, (f"{prefix}/v1/report",), "python-requests/2.32")


def flood_summary(testbed: Testbed, options: Parameters) -> None:
    """Flood a route whose handler holds a thread of the pool for ``summary_s`` at all times."""
    prefix = testbed.prefix(testbed.target.name)
    _start_flood(testbed, options, (f"{prefix}/v1/summary",), "python-requests/2.32")


def burst(testbed: Testbed, options: Parameters) -> None:
    """Send more of the usual reads, from more of the usual clients."""
    prefix = testbed.prefix(testbed.target.name)
    paths = (f"{prefix}/v1/report", f"{prefix}/v1/results/00001")
    _start_flood(testbed, options, paths, "capture-app/5.4")


def scan(testbed: Testbed, options: Parameters) -> None:
    """Ask for pages that no service has, as scanners do."""
    _start_flood(
        testbed, options, ("/wp-login.php", "/.env", "/admin/config.php", "/.git/config"), "zgrab/0.x"
    )


def end_flood(testbed: Testbed, options: Parameters) -> None:
    """Stop the flood."""
    testbed.end_process("flood")


# Two faults


def deny_and_stop_other(testbed: Testbed, options: Parameters) -> None:
    """Deny ``/health`` of one service, and stop the other."""
    deny_health(testbed, options)
    testbed.other.stop()


def allow_and_start_other(testbed: Testbed, options: Parameters) -> None:
    """Undo both."""
    usual_origin(testbed, options)
    testbed.other.start()
    testbed.await_service(testbed.other)


_GUNICORN = {"server": "gunicorn", "app": "flask_reads", "workers": 3}
_NODE = {"server": "node", "app": "node_api"}
_APART = {"network": "namespace"}
_STORE_APPS = {"app": one_of("async_client", "deep_health", "sync_reads")}
# Paces of a production system: few requests, checks with their own intervals, short outages.
COMMON_DRAWS: dict[str, Draw] = {
    "seconds": between(70, 84),
    "fault_at": between(18, 26),
    "fault_for": one_of(8, 20, 25, 30, 35),
    "rate": between(1.0, 5.0),
    "clients": between(2, 9),
    "monitor_every": one_of(0, 2, 3, 5),
    "probe_every": one_of(1, 1, 2, 3, 5),
    "client_timeout": one_of(6, 8, 10),
    "read_timeout": one_of(4, 5, 6),
    "services": always(2),
    "prefixes": one_of(False, False, True),
    "edge": one_of(True, True, True, False),
    "log_format": one_of("timed", "json", "combined"),
    "error_level": one_of("notice", "notice", "warn", "error"),
    "keepalive": one_of(0, 8, 16),
    "app": one_of("async_client", "deep_health", "sync_reads", "thread_pool"),
}

SCENARIOS: dict[str, Scenario] = {
    "healthy": Scenario("none", "none", draws=_STORE_APPS),
    "event_loop": Scenario(
        "the store becomes slow, and a coroutine waits for it with a blocking call",
        "app_event_loop",
        slow_store,
        usual_store,
        defaults={"app": "event_loop", "delay": 1.5},
        draws={"delay": between(0.8, 2.5), "rate": between(1.0, 2.5)},
    ),
    "thread_pool": Scenario(
        "the store becomes slow, and each job holds one of the 40 threads that `/health` also needs",
        "app_threadpool",
        slow_store,
        usual_store,
        defaults={"app": "thread_pool"},
        draws={"delay": between(8.0, 14.0), "rate": between(6.0, 9.0), "fault_for": one_of(25, 30)},
        secondary_cause="dependency_slow",
    ),
    "own_threads": Scenario(
        "clips become large, and twelve threads of the application compute on them",
        "app_saturation",
        large_clips,
        usual_store,
        defaults={"app": "own_threads"},
        draws={
            "fault_for": one_of(20, 25, 30),
            "clip_bytes": between(1_200_000, 2_000_000),
            "cpus": between(0.4, 0.6),
            "rate": between(2.0, 4.0),
        },
    ),
    "neighbours": Scenario(
        "busy processes share the application's CPU quota",
        "app_saturation",
        start_neighbours,
        end_neighbours,
        defaults={"cpus": 0.25},
        draws={"cpus": between(0.2, 0.3), "neighbours": between(8, 16), "fault_for": one_of(20, 25, 30)},
    ),
    "memory_kills": Scenario(
        "clips become large, the application keeps them, and the kernel kills it repeatedly at its limit",
        "app_saturation",
        large_clips,
        recover_from_kills,
        defaults={"app": "result_cache", "memory_mb": 128, "clip_bytes": 3_000_000},
        draws={
            "clip_bytes": between(3_000_000, 8_000_000),
            "memory_mb": between(100, 180),
            "rate": between(3.0, 6.0),
            "fault_for": one_of(25, 30, 35),
        },
        secondary_cause="app_down",
    ),
    "stopped": Scenario("the process is stopped and started later", "app_down", stop, start),
    "crash_on_start": Scenario(
        "a deployment lacks a setting: each start fails at import, and restarts come ever later",
        "app_down",
        deploy_without_setting,
        deploy_with_setting,
    ),
    "missing_module": Scenario(
        "a deployment lacks a module: each start fails at import, and restarts come ever later",
        "app_down",
        deploy_missing_module,
        deploy_with_module,
    ),
    "segfault": Scenario(
        "the process crashes some seconds after each start and is restarted",
        "app_down",
        crash_repeatedly,
        await_start,
        draws={"crash_after": between(1.5, 5.0), "fault_for": one_of(20, 25, 30)},
    ),
    "slow_start": Scenario(
        "after a deployment the import takes as long as the fault",
        "app_down",
        deploy_slowly,
        await_start,
    ),
    "container_removed": Scenario(
        "the container with its network interface is removed and created again later",
        "app_down",
        remove_container,
        create_container,
        defaults={"network": "namespace"},
    ),
    "packet_loss": Scenario(
        "a percentage of the packets to the container's network namespace is dropped",
        "docker_network",
        lose_packets,
        keep_packets,
        defaults={"link_delay": 0.0} | _APART,
        draws={"loss": between(25, 45), "fault_for": one_of(25, 30, 35)},
    ),
    "slow_dependency": Scenario(
        "the store becomes slow; its callers wait with an asynchronous client, and nothing else does",
        "dependency_slow",
        slow_store,
        usual_store,
        defaults={"app": "async_client"},
        draws={"app": one_of("async_client", "deep_health"), "delay": between(2.0, 8.0)},
    ),
    "dependency_timeout": Scenario(
        "the store becomes slow; the application times out and responds with 503 itself",
        "dependency_slow",
        slow_store,
        usual_store,
        defaults={"app": "async_client", "fetch_timeout": 2.0, "delay": 8.0},
        draws={
            "app": one_of("async_client", "deep_health"),
            "fetch_timeout": between(1.0, 3.0),
            "delay": between(6.0, 20.0),
        },
    ),
    "dependency_stopped": Scenario(
        "the store refuses connections; the application responds to its callers with 503",
        "dependency_slow",
        stop_store,
        start_store,
        defaults={"app": "async_client"},
        draws={"app": one_of("async_client", "deep_health")},
    ),
    "dependency_raises": Scenario(
        "the store refuses connections; handlers raise the error, and the application responds with 500",
        "dependency_slow",
        stop_store,
        start_store,
        defaults={"app": "sync_reads"},
    ),
    "slow_dependency_pool": Scenario(
        "the store becomes slow; its callers are plain functions, which fill the pool that `/health` needs",
        "app_threadpool",
        slow_store,
        usual_store,
        defaults={"app": "sync_reads"},
        draws={"delay": between(8.0, 14.0), "rate": between(4.0, 7.0), "fault_for": one_of(25, 30, 35)},
        secondary_cause="dependency_slow",
    ),
    "flood_cpu": Scenario(
        "a flood of cheap requests uses up the CPU limit",
        "traffic_surge",
        flood_report,
        end_flood,
        defaults={"app": "async_client", "cpus": 0.25, "flood_rate": 250.0},
        draws={
            "flood_rate": between(220, 320),
            "flood_clients": one_of(1, 1, 24),
            "cpus": between(0.2, 0.3),
            "app": one_of("async_client", "deep_health"),
        },
        secondary_cause="app_saturation",
    ),
    "flood_pool": Scenario(
        "a flood of short reads uses up the thread pool that `/health` needs",
        "traffic_surge",
        flood_summary,
        end_flood,
        defaults={"app": "sync_reads", "flood_rate": 150.0, "summary_s": 0.5},
        draws={
            "flood_rate": between(120, 180),
            "flood_clients": one_of(1, 1, 24),
            "summary_s": between(0.4, 0.7),
        },
        secondary_cause="app_threadpool",
    ),
    "flood_limited": Scenario(
        "a flood from one client, which a rate limit of the origin holds back without harm to others",
        "none",
        flood_report,
        end_flood,
        defaults={"client_limit": 15, "flood_rate": 150.0},
        draws={"flood_rate": between(60, 160), "client_limit": between(10, 25)},
    ),
    "routing": Scenario(
        "a reload routes `/health` to a port without a listener",
        "nginx_config",
        route_health_astray,
        usual_origin,
    ),
    "wrong_port": Scenario(
        "a reload routes all requests of a service to a port without a listener",
        "nginx_config",
        wrong_port,
        usual_origin,
    ),
    "read_timeout": Scenario(
        "a reload sets `proxy_read_timeout` to one second; summaries always took longer",
        "nginx_config",
        short_read_timeout,
        usual_origin,
        defaults={"app": "async_client", "summary_s": 2.0},
        draws={"app": one_of("async_client", "sync_reads"), "summary_s": between(1.3, 3.0)},
    ),
    "body_limit": Scenario(
        "a reload sets `client_max_body_size` below the size of a job's request: 413",
        "nginx_config",
        small_bodies,
        usual_origin,
        defaults={"body_bytes": 20_000},
        draws={"body_bytes": between(4_000, 60_000)},
    ),
    "redirect_loop": Scenario(
        "a reload redirects `/health` to itself",
        "nginx_config",
        redirect_loop,
        usual_origin,
    ),
    "rate_limit_health": Scenario(
        "a reload limits `/health` to fewer requests than its callers send",
        "nginx_config",
        limit_health,
        usual_origin,
        draws={"limit_per_minute": between(2, 10), "fault_for": one_of(20, 25, 30)},
    ),
    "denied": Scenario("a reload denies `/health`: 403", "nginx_config", deny_health, usual_origin),
    "few_connections": Scenario(
        "a reload allows the origin fewer connections than it needs",
        "nginx_config",
        few_connections,
        usual_origin,
        draws={"connections": between(6, 9), "rate": between(3.0, 6.0)},
    ),
    "prefix_kept": Scenario(
        "a reload no longer strips the prefix of a service, which responds with 404",
        "nginx_config",
        keep_prefix,
        usual_origin,
        defaults={"prefixes": True, "services": 2},
    ),
    "edge_rule": Scenario(
        "an edge rule routes `/health` to an origin port without a listener",
        "edge_config",
        edge_rule,
        usual_edge,
        defaults={"edge": True},
    ),
    "two_faults": Scenario(
        "a reload denies `/health` of one service, and the other service is stopped",
        "nginx_config",
        deny_and_stop_other,
        allow_and_start_other,
        defaults={"services": 2},
        other_causes=("app_down",),
    ),
    "burst": Scenario(
        "more of the usual requests, without harm",
        "none",
        burst,
        end_flood,
        defaults={"app": "async_client", "flood_rate": 20.0, "flood_clients": 12},
        draws={"app": one_of("async_client", "deep_health"), "flood_rate": between(10, 25)},
    ),
    "reload": Scenario(
        "a harmless reload of the origin", "none", harmless_reload, usual_origin, draws=_STORE_APPS
    ),
    "slow_by_nature": Scenario(
        "summaries take seconds at all times",
        "none",
        defaults={"app": "async_client", "summary_s": 2.0},
        draws={"app": one_of("async_client", "deep_health", "sync_reads"), "summary_s": between(1.5, 3.5)},
    ),
    "scanner": Scenario(
        "a scanner asks for pages that do not exist",
        "none",
        scan,
        end_flood,
        defaults={"flood_rate": 5.0},
        draws={"flood_rate": between(2, 8)},
    ),
    "gunicorn": Scenario(
        "none: gunicorn with sync workers",
        "none",
        defaults=_GUNICORN,
        draws={"workers": between(2, 4), "threads": one_of(1, 4)},
    ),
    "gunicorn_sync": Scenario(
        "the store becomes slow, and requests that wait for it hold all sync workers of gunicorn",
        "app_threadpool",
        slow_store,
        usual_store,
        defaults=_GUNICORN,
        draws={
            "workers": between(2, 4),
            "delay": between(6.0, 12.0),
            "rate": between(2.0, 4.0),
            "fault_for": one_of(25, 30, 35),
        },
        secondary_cause="dependency_slow",
    ),
    "gunicorn_timeout": Scenario(
        "the store takes longer than gunicorn's `--timeout`, which ends the sync workers that wait for it",
        "app_threadpool",
        slow_store,
        usual_store,
        defaults=_GUNICORN | {"delay": 20.0, "worker_timeout": 4},
        draws={
            "workers": between(2, 4),
            "delay": between(12.0, 20.0),
            "worker_timeout": between(3, 5),
            "read_timeout": one_of(5, 10),
            "rate": between(2.0, 4.0),
            "fault_for": one_of(25, 30, 35),
        },
        secondary_cause="dependency_slow",
    ),
    "gunicorn_threads": Scenario(
        "the store becomes slow, and requests that wait for it hold all threads of gunicorn's workers",
        "app_threadpool",
        slow_store,
        usual_store,
        defaults=_GUNICORN | {"threads": 4, "workers": 2},
        draws={
            "threads": between(3, 5),
            "delay": between(8.0, 14.0),
            "rate": between(3.0, 5.0),
            "fault_for": one_of(25, 30, 35),
        },
        secondary_cause="dependency_slow",
    ),
    "gunicorn_event_loop": Scenario(
        "the store becomes slow, and coroutines in gunicorn's UvicornWorkers block their event loops",
        "app_event_loop",
        slow_store,
        usual_store,
        defaults={"server": "gunicorn", "app": "event_loop", "workers": 2, "delay": 3.0},
        draws={
            "delay": between(2.0, 4.0),
            "rate": between(1.5, 2.5),
            "worker_timeout": one_of(3, 30),
            "fault_for": one_of(20, 25, 30),
        },
    ),
    "gunicorn_dependency": Scenario(
        "the store becomes slow; its callers in gunicorn's UvicornWorkers wait with an asynchronous client",
        "dependency_slow",
        slow_store,
        usual_store,
        defaults={"server": "gunicorn", "app": "async_client", "workers": 2, "delay": 8.0},
        draws={"delay": between(7.0, 12.0), "fault_for": one_of(20, 25, 30)},
    ),
    "node": Scenario("none: Node", "none", defaults=_NODE),
    "node_event_loop": Scenario(
        "clips become large, and Node computes on them in its event loop",
        "app_event_loop",
        large_clips,
        usual_store,
        defaults=_NODE | {"clip_bytes": 3_000_000, "rate": 2.0},
        draws={"clip_bytes": between(2_000_000, 4_000_000), "rate": between(1.0, 2.5)},
    ),
    "node_dependency": Scenario(
        "the store becomes slow; Node waits for it without blocking",
        "dependency_slow",
        slow_store,
        usual_store,
        defaults=_NODE | {"delay": 8.0},
        draws={"delay": between(7.0, 12.0), "fault_for": one_of(20, 25, 30)},
    ),
    "node_crash": Scenario(
        "clips are empty, and an uncaught exception ends Node after each start",
        "app_down",
        large_clips,
        usual_store,
        defaults=_NODE | {"clip_bytes": 0},
        draws={"fault_for": one_of(20, 25, 30)},
    ),
    "replicas": Scenario(
        "one of several processes behind an upstream is stopped; Nginx sends its requests to the others",
        "none",
        stop_replica,
        start_replica,
        defaults={"replicas": 3, "app": "async_client"},
        draws={"replicas": between(2, 3)},
    ),
    "replicas_in_turn": Scenario(
        "a deployment replaces several processes one after another, without harm",
        "none",
        replace_in_turn,
        defaults={"replicas": 2, "app": "async_client", "keepalive": 0},
        draws={"fault_for": one_of(30, 35)},
    ),
    "replica_removed": Scenario(
        "the container of one of several processes is removed, and Nginx retries no request",
        "app_down",
        remove_replica,
        create_replica,
        defaults={"replicas": 2, "app": "async_client", "retries": False} | _APART,
        draws={"replicas": between(2, 3), "fault_for": one_of(25, 30, 35), "rate": between(3.0, 5.0)},
    ),
    "replicas_stopped": Scenario(
        "all processes behind an upstream are stopped and started later",
        "app_down",
        stop_replicas,
        start_replicas,
        defaults={"replicas": 3},
        draws={"replicas": between(2, 3)},
    ),
    "replica_event_loop": Scenario(
        "the store becomes slow for one of several processes, which waits for it with blocking calls",
        "app_event_loop",
        slow_store_of_replica,
        usual_store,
        defaults={"replicas": 2, "app": "event_loop", "delay": 3.0} | _APART,
        draws={
            "replicas": between(2, 3),
            "retries": one_of(True, False),
            "delay": between(2.0, 4.0),
            "rate": between(2.0, 4.0),
            "fault_for": one_of(20, 25, 30),
        },
    ),
    "replica_dependency": Scenario(
        "the store becomes slow for one of several processes, which times out and responds with 503",
        "dependency_slow",
        slow_store_of_replica,
        usual_store,
        defaults={"replicas": 2, "app": "async_client", "fetch_timeout": 2.0, "delay": 8.0} | _APART,
        draws={
            "replicas": between(2, 3),
            "fetch_timeout": between(1.0, 3.0),
            "delay": between(6.0, 20.0),
            "fault_for": one_of(20, 25, 30),
        },
    ),
    "remote": Scenario(
        "none: the service is in another region, 80 to 150 ms away",
        "none",
        defaults={"link_delay": 0.1, "keepalive": 0} | _APART,
        draws=_STORE_APPS | {"link_delay": between(0.08, 0.15)},
    ),
    "remote_loss": Scenario(
        "a percentage of the packets to a service in another region is dropped",
        "docker_network",
        lose_packets,
        keep_packets,
        defaults={"link_delay": 0.1, "keepalive": 0} | _APART,
        draws={
            "link_delay": between(0.08, 0.15),
            "loss": between(45, 60),
            "fault_for": one_of(25, 30, 35),
            "rate": between(2.0, 5.0),
        },
    ),
    "keepalive_race": Scenario(
        "a reload keeps connections for longer than the service does, which closes some as they are used",
        "nginx_config",
        keep_connections,
        usual_origin,
        defaults={"app": "async_client", "timeout_keep_alive": 1, "keepalive": 0, "retries": False}
        | _APART
        | {"link_delay": 0.12, "rate": 1.0},
        draws={
            "link_delay": between(0.1, 0.15),
            "rate": between(0.7, 1.5),
            "probe_every": one_of(1, 2, 3),
            "fault_for": one_of(60, 70),
            "seconds": between(110, 120),
        },
    ),
    "db_pool": Scenario(
        "queries become slow and hold all connections of the pool that `/health` also needs",
        "app_saturation",
        slow_store,
        usual_store,
        defaults={"app": "db_pool", "delay": 6.0, "rate": 3.0},
        draws={"delay": between(5.0, 10.0), "rate": between(2.0, 4.0), "fault_for": one_of(20, 25, 30)},
        secondary_cause="dependency_slow",
    ),
    "db_pool_usual": Scenario("none: a pool of database connections", "none", defaults={"app": "db_pool"}),
    "strict_probe": Scenario(
        "a deployment adds a liveness probe that waits one second for a `/health` that usually takes longer",
        "app_down",
        deploy_probe,
        deploy_without_probe,
        defaults={"app": "deep_health", "health_s": 1.4},
        draws={
            "health_s": between(1.2, 1.8),
            "probe_period": between(2, 3),
            "fault_for": one_of(30, 35),
            "error_level": one_of("notice", "error"),
        },
    ),
    "lenient_probe": Scenario(
        "none: a liveness probe that waits for longer than `/health` takes",
        "none",
        probe,
        end_probe,
        defaults={"app": "deep_health", "health_s": 1.4, "probe_timeout": 5.0},
        draws={"health_s": between(1.2, 1.8), "fault_for": one_of(25, 30)},
    ),
    "stale_address": Scenario(
        "the container is created again at another address, and Nginx keeps the one of its start",
        "nginx_config",
        recreate_elsewhere,
        usual_origin,
        defaults={"names": True, "services": 2} | _APART,
        draws={"address_taken": one_of(False, True)},
    ),
}


def drawn_parameters(name: str, seed: int) -> dict[str, Any]:
    """Return the parameters that a seed draws for a scenario; the same seed always draws the same."""
    scenario = SCENARIOS[name]
    draws = (
        COMMON_DRAWS | {option: always(value) for option, value in scenario.defaults.items()} | scenario.draws
    )
    # A generator for each option: a new option leaves the draws of the others as they were.
    return {option: draw(random.Random(f"{name} {seed} {option}")) for option, draw in draws.items()}


def page() -> str:
    """Return the Markdown page of all scenarios with their truth."""
    rows = []
    for name, one in SCENARIOS.items():
        consequence = f"`{one.secondary_cause}`" if one.secondary_cause else ""
        rows.append(f"| `{name}` | {one.fault} | `{one.cause}` | {consequence} |")
    return "\n".join((PAGE_HEAD, *rows)) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
