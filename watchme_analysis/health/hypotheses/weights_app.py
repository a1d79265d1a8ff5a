"""Weights of evidence about the process, its source and its start command, each with its reason.

Part of the table of :mod:`watchme_analysis.health.hypotheses.weights`, which says what a weight means.
"""

from __future__ import annotations

from watchme_analysis.health.hypotheses.weight import Weight, weight

OF_APPLICATION: dict[str, Weight] = {
    "stop_and_go": weight(
        "rhythm",
        "A blocked loop answers no path at all, then all that waited at once; a starved one now and then.",
        loop=3.5, pool=-2.0, saturation=0.7, network=-1.0, nginx=-1.0, edge=-1.0,
    ),
    "bursts": weight(
        "rhythm",
        "Far more answers than before leave right after another: what waits for the loop goes out together.",
        loop=1.5, pool=-0.7, saturation=0.3, network=-0.7,
    ),
    "steady": weight(
        "rhythm",
        "The application kept answering in its usual rhythm, so its loop was never held for long.",
        loop=-2.0, saturation=-0.3,
    ),
    "bunched": weight(
        "rhythm",
        "Slow answers of several endpoints left Nginx within milliseconds of each other.",
        loop=1.5, pool=-1.0, saturation=0.5, network=-1.0,
    ),
    "held_waits": weight(
        "rhythm",
        "While a live process keeps one request waiting, it answers others; a held loop answers none.",
        loop=2.5, pool=-1.5, saturation=0.3, network=-1.0, nginx=-0.7, edge=-0.7,
    ),
    "quick_between": weight(
        "rhythm",
        "A process without CPU, by a quota or by threads that compete for it, answers nothing as quickly as "
        "ever; a loop that is free again does.",
        saturation=-1.0, loop=0.2,
    ),
    "loop_held": weight(
        "log",
        "asyncio, in its debug mode, and gunicorn's master say themselves that a loop did not turn.",
        loop=2.5, saturation=0.3, pool=-1.0, network=-1.0, nginx=-0.7, edge=-0.7,
    ),
    "pool_full": weight(
        "threads",
        "Threads stand at a ceiling while more requests are open than threads can serve.",
        pool=2.8, loop=-1.5, saturation=-0.3, nginx=-1.5, edge=-1.5, network=-1.5,
    ),
    "pool_free": weight(
        "threads",
        "The process had fewer threads or open requests than a thread pool holds, all along.",
        pool=-6.0,
    ),
    "not_arriving": weight(
        "in flight",
        "Nginx had requests open that the application had not begun: they wait before it or for its loop.",
        loop=0.7, saturation=0.4, network=0.7, pool=-2.0,
    ),
    "cpu_full": weight(
        "cpu",
        "The process used all the CPU it can get.",
        saturation=1.6, loop=1.2, network=-2.0, nginx=-1.5, edge=-1.5, pool=-0.3,
    ),
    "cpu_threads": weight(
        "cpu",
        "More threads than before compete for the CPU: the loop is one of many that want it.",
        saturation=1.8, loop=-1.0,
    ),
    "cpu_idle": weight("cpu", "The process had CPU to spare.", saturation=-1.8),
    "cpu_held": weight(
        "cpu",
        "Work comes and goes; CPU that stays level while requests wait is all that the process gets.",
        saturation=3.5, loop=-2.0, pool=-1.0, network=-2.0, nginx=-1.5, edge=-1.5,
    ),
    "starved": weight(
        "cpu",
        "A loop that nothing in the source holds, and that does not compute, stands still where others take "
        "its CPU: a quota, neighbours or threads.",
        saturation=2.5,
    ),
    "host_cpu_full": weight(
        "host cpu",
        "The host or control group is out of CPU, and the process itself uses little of it.",
        saturation=3.5, loop=-1.5, pool=-1.0, network=-0.7, nginx=-0.7, edge=-0.7,
    ),
    "files_full": weight(
        "descriptors",
        "The process can open no more files or connections, or start no more threads.",
        saturation=4.5, loop=-1.5, pool=-1.5, network=-1.5, nginx=-1.5, edge=-1.5,
    ),
    "concurrency_limit": weight(
        "connections",
        "The application server itself turned requests away.",
        saturation=4.5, loop=-1.5, pool=-1.5, network=-2.0, nginx=-1.5, edge=-1.5,
    ),
    "connections_used_up": weight(
        "connections",
        "The application itself says that it waits for a free connection of a pool.",
        saturation=4.5, loop=-1.5, pool=-0.5, network=-1.5, nginx=-1.5, edge=-1.5,
    ),
    "connections_full": weight(
        "connections",
        "More requests that need a connection of a pool were open than it has: the others wait for one.",
        saturation=3.0, loop=-1.5, pool=-1.0, network=-1.5, nginx=-1.0, edge=-1.0,
    ),
    "memory_full": weight(
        "memory",
        "Memory grew to many times the usual, or the process says that it has none left.",
        saturation=2.5, network=-0.5,
    ),
    "memory_at_limit": weight(
        "memory",
        "A process at its limit of memory waits for what is swapped out, collects garbage, or is killed.",
        saturation=3.5, loop=-0.5, pool=-0.5, network=-1.0, nginx=-1.0, edge=-1.0,
    ),
    "memory_lost": weight(
        "memory",
        "Memory that grows and is gone at once, again and again, is a process that is killed for it.",
        saturation=4.0, loop=-1.5, pool=-1.5, network=-1.5, nginx=-1.5, edge=-1.5,
    ),
    "restarted": weight(
        "restarts",
        "The process was ended and started again: for its memory, by a crash, or by a deploy.",
        saturation=1.25, network=-0.25,
    ),
    "restarted_often": weight(
        "restarts",
        "What starts again and again is ended by something, its lack of memory above all.",
        saturation=2.5, network=-0.5,
    ),
    "disk_full": weight(
        "disk",
        "The application says that it can write no more.",
        saturation=4.0, loop=-2.0, pool=-2.0, network=-2.0, nginx=-1.5, edge=-1.5,
    ),
    # Source and start command.
    "blocking_in_loop": weight("source", "The source holds calls that block the event loop.", loop=0.8),
    "no_blocking_in_loop": weight(
        "source",
        "No blocking call in the source is reached from a coroutine.",
        loop=-1.5,
    ),
    "pool_work": weight(
        "source",
        "The affected handler shares the thread pool with blocking work.",
        pool=0.8,
    ),
    "threads_of_its_own": weight(
        "source",
        "The source runs heavy work on threads of its own next to the loop.",
        saturation=0.8,
    ),
    "not_published": weight(
        "ports",
        "Nginx asks a port that served well before and that no container publishes now.",
        network=2.5, nginx=0.3, loop=-1.5, pool=-1.5, saturation=-1.0,
    ),
    "networks_apart": weight(
        "networks",
        "Containers that share no network reach each other by no name.",
        network=2.5, nginx=0.3, loop=-1.5, pool=-1.5, saturation=-1.0,
    ),
    "listens_locally": weight(
        "start command",
        "A server bound to the loopback address can't be reached from outside its container.",
        network=2.0,
    ),
}  # fmt: skip
