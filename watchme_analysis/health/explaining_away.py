"""What one observation of the ``/health`` question explains of others."""

from __future__ import annotations

# What is explained follows from another observation whatever else holds, and says little more. A
# process without CPU, descriptors or connections stands still and answers in bunches, as a blocked loop does.
STANDSTILL = ("stop_and_go", "held_waits", "bunched", "bursts", "cpu_idle", "not_arriving")
# Who waits for a connection holds a thread, and paths that need none do well.
WAITING_FOR_THREADS = ("pool_full", "workers_full", "pool_paths", "pool_work", "some_paths", "cpu_idle")
# Handlers that get too little of the CPU, or of memory, hold their workers for longer.
WAITING_FOR_WORKERS = ("workers_full", "worker_queue_full")
# What runs out under a flood runs out because of it.
UNDER_LOAD = (
    *STANDSTILL,
    *WAITING_FOR_THREADS,
    "cpu_full",
    "cpu_threads",
    "cpu_held",
    "host_cpu_full",
    "queue_full",
    "worker_queue_full",
    "queue_short",
    "connect_slow",
    "files_full",
    "concurrency_limit",
    "memory_full",
    "bystanders_wait",
    "callers_wait",
    "never_served",
    "all_paths",
    "nginx_short_of",
    "fate_slow_header",
    "fate_header_timeout",
    "fate_unavailable",
)
# What callers and logs meet while a container ends and starts again.
RESTARTS = (
    "refused",
    "refused_at_own_port",
    "fate_refused",
    "inside_refused",
    "restarted",
    "restarted_often",
    "container_ended",
    "container_crash_loop",
    "container_probe_refused",
)
EXPLAINS: dict[str, tuple[str, ...]] = {
    # Where no host is, the kernel asks for its address for seconds before a connection fails (arp(7)),
    # whatever is lost on the way.
    "none_connected": (
        "unreachable",
        "connect_slow",
        "connect_lost",
        "fate_slow_connect",
        "fate_connect_timeout",
    ),
    # Whatever meets the address that a container no longer has, and that Nginx asks for as before.
    "stale_address": (
        "none_connected",
        "unreachable",
        "refused",
        "refused_at_own_port",
        "connect_slow",
        "connect_lost",
        "fate_unreachable",
        "fate_refused",
        "fate_connect_timeout",
        "routed_as_before",
        "nginx_passes_on",
        "nginx_plain",
        "restarted",
    ),
    # Only responses that are longer than a packet stop, which some paths have.
    "fate_body_timeout": ("some_paths",),
    # A fate is a second look at what these found by other means.
    "connect_slow": ("fate_connect_timeout", "fate_slow_connect"),
    "queue_full": ("fate_connect_timeout", "fate_slow_connect"),
    "worker_queue_full": ("fate_connect_timeout", "fate_slow_connect"),
    # A request in the queue of the kernel waits for a worker, on every path.
    "workers_full": ("worker_queue_full", "all_routes", "fate_header_timeout", "cpu_idle"),
    "nginx_impatient": ("fate_header_timeout",),
    "nginx_alone": ("fate_nginx_responded",),
    # A connection that Nginx can't accept is in no access log.
    "nginx_short_of": ("all_well",),
    # A port without a listener refuses on all paths, whoever should listen there.
    "fate_refused": ("all_paths",),
    # Who is refused a connection had none.
    "refused": ("fate_refused", "new_alone_bad"),
    "refused_at_own_port": ("fate_refused", "new_alone_bad"),
    # Who is sent elsewhere waits there, whatever the handler calls that usually answers.
    "moved_upstream": ("route_elsewhere", "callers_wait", "fate_header_timeout"),
    "all_paths": ("all_routes",),
    "some_paths": ("same_upstream_served", "health_check_served"),
    "nginx_passes_on": ("routed_well",),
    # What does not arrive is not answered, and a job that waits for lost packets holds its loop, for callers
    # inside as well.
    "connect_lost": (*STANDSTILL, "inside_bad"),
    "connect_slow_from_host": (*STANDSTILL, "inside_bad"),
    # A container without a network does not reach others either: calls that wait for them are bad inside too.
    "unreachable": (*STANDSTILL, "inside_bad"),
    # A dead server is waited for in vain; the log gives that time to the one that answered after it.
    "dead_server": ("not_arriving", "routed_well"),
    # Who connects late arrives late.
    "queue_short": ("inside_bad", "cpu_idle"),
    "cpu_full": WAITING_FOR_WORKERS,
    "cpu_held": (*STANDSTILL, *WAITING_FOR_WORKERS),
    "host_cpu_full": (*STANDSTILL, *WAITING_FOR_WORKERS),
    "starved": STANDSTILL,
    # A process at its limit waits until memory is freed (memory.high in the kernel's cgroup-v2.rst). A killed
    # one refuses connections until it restarts.
    "memory_at_limit": (*STANDSTILL, *WAITING_FOR_WORKERS),
    "memory_lost": (*STANDSTILL, "refused", "refused_at_own_port", "inside_refused", "restarted_often"),
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
    "arrivals_up": UNDER_LOAD,
    "arrivals_absorbed": UNDER_LOAD,
    # Gunicorn ends a worker together with its connection, and starts another one.
    "sync_worker_timeout": ("fate_connection_dropped", "restarted", "restarted_often"),
    "files_full": STANDSTILL,
    "connections_used_up": WAITING_FOR_THREADS,
    # Who awaits one leaves the CPU and all that need none alone.
    "connections_full": ("some_paths", "cpu_idle", "callers_wait"),
    # Who waits for what is slow inside as well may give up, however patient.
    "inside_bad": ("nginx_impatient", "edge_impatient"),
    # Who never asked was not answered badly by anybody.
    "edge_not_reached": ("outside_bad_nginx_fine", "inside_clear"),
    # Who is not kept waiting by one stuck process of several was served by another one.
    "served_beside": ("some_paths", "inside_clear", "callers_wait"),
    # Nginx can but answer by itself what it is asked for under a path or name that it does not pass on.
    "edge_renames": ("nginx_alone", "nginx_mangles", "edge_passes_on"),
    "edge_wrong_host": ("nginx_alone", "edge_passes_on"),
}
