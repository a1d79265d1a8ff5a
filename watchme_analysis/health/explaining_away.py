"""What one observation of the ``/health`` question explains of others."""

from __future__ import annotations

# What callers and logs meet while a container ends and starts again.
RESTARTS = (
    "refused_at_own_port",
    "fate_refused",
    "inside_refused",
    "restarted",
    "restarted_often",
    "container_ended",
    "container_crash_loop",
    "container_probe_refused",
)
# A process without CPU, descriptors or a way to its callers stands still and responds in bursts, as a held
# loop does.
STANDSTILL = ("stop_and_go", "stop_and_go_or_no_cpu", "bunched")
# Handlers that get too little of the CPU hold their workers for longer.
WAITING_FOR_WORKERS = ("workers_full", "worker_queue_full")
# What is explained follows from the other observation, whatever else holds, and says little more.
EXPLAINS: dict[str, tuple[str, ...]] = {
    # Where no host is, the kernel asks for its address for seconds before a connection fails (arp(7)),
    # whatever is lost on the way.
    "none_connected": ("connect_lost", "fate_connect_timeout", "not_arriving"),
    # Whatever meets the address that a container no longer has, and that Nginx asks for as before.
    "stale_address": ("unreachable", "fate_unreachable", "nginx_passes_on", "restarted"),
    # Only responses that are longer than a packet stop, which some paths have.
    "fate_body_timeout": ("some_paths",),
    # A fate is a second look at what these found by other means.
    "connect_slow": ("fate_connect_timeout",),
    "queue_full": ("fate_connect_timeout",),
    # A request in the queue of the kernel waits for a worker, on every path.
    "workers_full": ("worker_queue_full", "all_routes", "fate_header_timeout", "cpu_idle"),
    "refused_at_own_port": ("fate_refused",),
    # The upstream drops a request at once whose connection it has just closed.
    "keepalive_race": ("closed_at_once", "nginx_passes_on", "routed_well"),
    # Only handlers that look a name up wait or fail, as where a service that they call is slow; the way from
    # Nginx to the process is another one than that to the name server.
    "lookups_fail": (
        "fate_application_error",
        "some_paths",
        "callers_wait",
        "client_timeouts",
        "same_upstream_served",
        "connect_quick",
    ),
    # A port without a listener refuses on all paths, whoever should listen there.
    "fate_refused": ("all_paths",),
    # Who is sent elsewhere waits there, whatever the handler calls that usually answers.
    "moved_upstream": ("callers_wait", "fate_header_timeout"),
    "all_paths": ("all_routes",),
    # What does not arrive is not answered, and a job that waits for lost packets holds its loop, for callers
    # inside as well.
    "connect_lost": (*STANDSTILL, "not_arriving", "inside_bad"),
    "connect_slow_from_host": (*STANDSTILL, "inside_bad"),
    # A container without a network does not reach others either: calls that wait for them are bad inside too.
    "unreachable": (*STANDSTILL, "not_arriving", "inside_bad"),
    # Who waits for what is slow inside as well may give up, however patient.
    "inside_bad": ("nginx_impatient", "edge_impatient"),
    "cpu_full": WAITING_FOR_WORKERS,
    "cpu_held": (*STANDSTILL, *WAITING_FOR_WORKERS),
    "host_cpu_full": (*STANDSTILL, *WAITING_FOR_WORKERS),
    "files_full": STANDSTILL,
    "memory_at_limit": STANDSTILL,
    # A killed process refuses connections until it restarts.
    "memory_lost": (*STANDSTILL, "cpu_idle", "refused_at_own_port", "inside_refused", "restarted_often"),
    # The kernel kills a container at its memory limit, before it is restarted; a known line says it again.
    "container_out_of_memory": (
        *STANDSTILL,
        *RESTARTS,
        "container_probe_timeout",
        "target_timeout",
        "kernel-oom",
        "container-oom-killed",
    ),
    # A kubelet restarts a container whose liveness probe fails, and a load balancer's target is replaced.
    "container_probe_timeout": RESTARTS,
    "target_timeout": RESTARTS,
    "container_crash_loop": ("container_ended", "container_probe_refused", "kubernetes-crash-loop"),
    "container_not_started": ("kubernetes-image", "kubernetes-unschedulable"),
    # What runs out under a flood runs out because of it.
    "arrivals_up": (
        *STANDSTILL,
        *WAITING_FOR_WORKERS,
        "pool_full",
        "pool_paths",
        "pool_work",
        "cpu_full",
        "host_cpu_full",
        "queue_full",
        "files_full",
        "concurrency_limit",
        "memory_full",
        "bystanders_wait",
        "callers_wait",
        "all_paths",
        "nginx_short_of",
        "fate_slow_header",
        "fate_header_timeout",
        "fate_unavailable",
    ),
    # Gunicorn ends a worker whose loop is held, together with its connections.
    "loop_held": ("fate_connection_dropped", "restarted", "restarted_often"),
    # A request that waits for a connection of the pool uses no CPU, and has not called the dependency yet.
    "connections_used_up": (
        "pool_full",
        "pool_paths",
        "pool_work",
        "cpu_idle",
        "some_paths",
        "callers_wait",
        "client_timeouts",
    ),
    "connections_full": ("some_paths", "cpu_idle", "callers_wait"),
    # Who never asked was not answered badly by anybody.
    "edge_not_reached": ("outside_bad_nginx_fine",),
    # Who is not kept waiting by one stuck process of several was served by another one.
    "served_beside": ("some_paths", "inside_clear", "callers_wait"),
    # Nginx can but answer by itself what it is asked for under a path or name that it does not pass on.
    "edge_renames": ("nginx_alone", "fate_nginx_responded", "edge_passes_on"),
    "edge_wrong_host": ("nginx_alone", "fate_nginx_responded", "edge_passes_on"),
}
