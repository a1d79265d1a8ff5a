"""Weights of evidence for the ``/health`` question, each with its reason.

A weight is the natural logarithm of how many times likelier the observation is when the cause holds than
when it doesn't: 0.7 is two to one, 1.6 five to one, 2.3 ten to one, 3 twenty to one. They state the
mechanism, not a fit: where in the chain the time is lost, which paths lose it, and what runs out. Strength,
between 0 and 1, scales a weight by how many rows stand behind the observation.
"""

from __future__ import annotations

from watchme_analysis.health.hypotheses.weight import Weight, weight
from watchme_analysis.health.hypotheses.weights_app import OF_APPLICATION

BEFORE_APPLICATION = ("nginx_config", "edge_config", "docker_network")
# Of the process, not of a handler: they would hold up the endpoint asked about too.
OF_PROCESS = ("app_event_loop", "app_threadpool", "app_saturation")
CAUSES = BEFORE_APPLICATION + OF_PROCESS

# "None of these" starts at one to four against any single cause: who diagnoses has been harmed by something.
NONE_PRIOR = -1.4

# Observations of one incident hang together, so their sum overstates; every weight is multiplied by this.
# Left-out recorded cases would bear a little more (docs/calibration.md): the rest is caution for others.
SHRINK = 0.6
# No evidence of this kind is surer than this.
CEILING = 0.97
# Three to two against all others together is the least that a verdict rests on.
SUPPORTED_AT = 0.6


WEIGHTS: dict[str, Weight] = {
    "all_well": weight(
        "incident",
        "Without an endpoint that was bad for long there is nothing to explain.",
        none=7.0, nginx=-3.0, edge=-3.0, network=-3.0, loop=-3.0, pool=-3.0, saturation=-3.0,
    ),
    "mild": weight(
        "incident",
        "Hardly anything failed or was slow: much of what is a little slower than usual has no cause listed.",
        none=1.0,
    ),
    # Vantages: the same endpoint asked from several places at the same moments.
    "inside_clear": weight(
        "vantages",
        "An application that is stuck is stuck for a caller inside its own network as well.",
        nginx=1.2, edge=1.2, network=1.2, loop=-3.0, pool=-2.5, saturation=-3.0,
    ),
    "inside_bad": weight(
        "vantages",
        "Nothing between the client and the container can slow a caller inside the container.",
        nginx=-3.0, edge=-3.0, network=-3.0, loop=1.0, pool=1.0, saturation=1.0,
    ),
    "inside_bad_too": weight(
        "vantages",
        "Callers were refused at once, which no trouble inside brings about: that stands beside it.",
        nginx=-0.5, edge=-0.5, network=-1.0, loop=1.0, pool=1.0, saturation=1.0,
    ),
    "inside_split": weight(
        "vantages",
        "A stuck or starved process is stuck for every caller inside; an endpoint that asks another machine "
        "needs the way out of the container as well.",
        network=1.8, loop=-2.5, pool=-1.2, saturation=-2.0,
    ),
    "host_bad_inside_clear": weight(
        "host and inside",
        "Only the way from the host into the container lies between the two.",
        network=3.0, nginx=-3.0, edge=-3.0, loop=-2.0, pool=-2.0, saturation=-2.0,
    ),
    "host_clear": weight(
        "vantages",
        "The host reaches the container past Nginx: what is bad must lie before it.",
        nginx=1.5, edge=1.5, network=-3.0, loop=-2.5, pool=-2.5, saturation=-2.5,
    ),
    # Paths: what else is bad at the same time.
    "some_paths": weight(
        "paths",
        "A blocked loop, an exhausted process or a broken link does not choose among the paths of a service.",
        nginx=0.5, edge=0.5, network=-1.0, loop=-3.0, pool=0.3, saturation=-2.0,
    ),
    "all_paths": weight(
        "paths",
        "What every path of a service shares is the process and the way to it.",
        nginx=-0.7, edge=-0.7, network=0.7, loop=0.7, pool=-2.0, saturation=0.7,
    ),
    "all_pool_paths": weight(
        "paths",
        "All paths of the service share the process, the way to it and, by the source, the thread pool.",
        nginx=-0.7, edge=-0.7, network=0.5, loop=0.5, pool=0.5, saturation=0.5,
    ),
    "refused_at_once": weight(
        "answers",
        "Who is stuck or out of threads answers late or not at all; an answer that says no comes from one "
        "who is well, or turns requests away at a limit.",
        network=-1.0, loop=-3.0, pool=-3.0, saturation=-0.5,
    ),
    "pool_paths": weight(
        "handlers",
        "Plain `def` handlers and background tasks share the thread pool, `async def` handlers don't "
        "need it.",
        nginx=-0.3, edge=-0.3, network=-1.0, loop=-2.5, pool=2.5, saturation=-1.5,
    ),
    "loop_paths_too": weight(
        "handlers",
        "An `async def` handler that touches no thread is not slowed by a full thread pool.",
        loop=0.5, pool=-2.5, saturation=0.3, network=0.2,
    ),
    "handler_off_pool": weight(
        "handlers",
        "The handler of the affected endpoint runs on the event loop and calls nothing that needs a thread.",
        pool=-2.0,
    ),
    "others_fine": weight(
        "services",
        "Another service behind the same edge and Nginx did well at the same time.",
        nginx=-0.2, edge=-0.2, network=0.3, loop=0.2, pool=0.1, saturation=0.1,
    ),
    "others_bad": weight(
        "services",
        "Containers have links of their own; what they share is the host, Nginx, the edge and what "
        "they depend on.",
        nginx=0.2, edge=0.3, network=-0.7, saturation=0.4,
    ),
    # The edge.
    "edge_waits": weight(
        "edge",
        "The edge held the request while Nginx had answered quickly or had not been asked.",
        edge=4.0, nginx=-3.0, network=-3.0, loop=-3.0, pool=-3.0, saturation=-3.0,
    ),
    "edge_alone": weight(
        "edge",
        "The edge refused, redirected or answered from its cache without asking the origin.",
        edge=4.0, nginx=-3.0, network=-3.0, loop=-3.0, pool=-3.0, saturation=-3.0,
    ),
    "edge_elsewhere": weight(
        "edge",
        "The edge asked another origin for these paths than for the rest, and Nginx never saw them.",
        edge=4.0, nginx=-2.5, network=-2.5, loop=-3.0, pool=-3.0, saturation=-3.0,
    ),
    "edge_impatient": weight(
        "edge",
        "The edge gave up after less time than the endpoint takes when all is well.",
        edge=3.5, nginx=-1.5, network=-1.5, loop=-1.5, pool=-1.5, saturation=-1.5,
    ),
    "edge_wrong_host": weight(
        "edge",
        "The edge asks Nginx for a name that callers don't use, and that Nginx does not pass on.",
        edge=5.0, nginx=-2.5, network=-3.0, loop=-3.0, pool=-3.0, saturation=-3.0,
    ),
    "edge_renames": weight(
        "edge",
        "The edge asks Nginx for a path that no caller asks for, and for none of those that callers do.",
        edge=5.0, nginx=-2.5, network=-3.0, loop=-3.0, pool=-3.0, saturation=-3.0,
    ),
    "edge_never_arrived": weight(
        "edge",
        "Requests of these paths did not reach Nginx at all while others did.",
        edge=3.0, nginx=-2.0, network=-2.5, loop=-2.5, pool=-2.5, saturation=-2.5,
    ),
    "edge_passes_on": weight(
        "edge",
        "What was bad at the edge was as bad at Nginx, or the origin took the time: the edge added nothing.",
        edge=-3.5,
    ),
    "outside_bad_nginx_fine": weight(
        "edge",
        "Nginx served these paths well while callers beyond the edge were served badly.",
        edge=2.8, nginx=-2.0, network=-2.0, loop=-2.0, pool=-2.0, saturation=-2.0,
    ),
    "edge_not_reached": weight(
        "way to the edge",
        "A probe that never got to ask tells of its own way, where others were served well.",
        none=3.0, nginx=-1.5, network=-2.0, loop=-2.0, pool=-2.0, saturation=-2.0,
    ),
    "edge_rule": weight(
        "edge configuration",
        "The edge treats the affected paths in a way of its own that can have this effect.",
        edge=0.7,
    ),
    "edge_plain": weight(
        "edge configuration",
        "The edge's configuration treats the affected paths as it treats those that did well.",
        edge=-1.0,
    ),
    # Nginx.
    "nginx_alone": weight(
        "nginx",
        "Nginx refused, redirected or answered by itself without asking the application.",
        nginx=4.0, edge=-2.0, network=-3.0, loop=-3.0, pool=-3.0, saturation=-3.0,
    ),
    "nginx_limits": weight(
        "nginx errors",
        "Nginx says that it limited these requests.",
        nginx=3.5, edge=-1.5, network=-2.0, loop=-2.0, pool=-2.0, saturation=-2.0,
    ),
    "nginx_waits": weight(
        "nginx",
        "Nginx held the request itself: the upstream took a small part of the time.",
        nginx=2.5, network=-1.5, loop=-1.5, pool=-1.5, saturation=-1.5,
    ),
    "moved_upstream": weight(
        "upstream",
        "The affected paths go to an address that serves nothing well, unlike before or unlike their "
        "neighbours.",
        nginx=4.0, edge=-2.0, network=-2.5, loop=-3.0, pool=-3.0, saturation=-3.0,
    ),
    "dead_server": weight(
        "upstream",
        "Nginx asks a server for these paths that answers nothing, beside one that does well.",
        nginx=3.5, edge=-2.0, network=-1.5, loop=-2.0, pool=-2.0, saturation=-2.0,
    ),
    "server_down": weight(
        "upstream",
        "Nginx' configuration takes a server out of use, and none of the others serves anything.",
        nginx=4.0, edge=-2.0, network=-2.5, loop=-2.5, pool=-2.5, saturation=-2.5,
    ),
    "nginx_impatient": weight(
        "nginx",
        "Nginx gave up after less time than the endpoint takes when all is well.",
        nginx=3.5, edge=-1.5, network=-1.5, loop=-1.5, pool=-1.5, saturation=-1.5,
    ),
    "nginx_mangles": weight(
        "nginx",
        "The application refuses what Nginx passes on, though it answers the endpoint itself.",
        nginx=2.0, network=-2.0, loop=-2.0, pool=-2.0, saturation=-2.0,
    ),
    "nginx_renames": weight(
        "nginx",
        "Nginx asks the application for a path that no caller asks for and that the application refuses.",
        nginx=3.5, edge=-1.0, network=-2.5, loop=-2.5, pool=-2.5, saturation=-2.5,
    ),
    "header_too_big": weight(
        "nginx errors",
        "The application answered in time; Nginx had no room for the header and sent a 502 in its place.",
        nginx=3.5, edge=-2.0, network=-2.5, loop=-2.5, pool=-2.5, saturation=-2.5,
    ),
    "no_handshake": weight(
        "nginx errors",
        "Nginx was told to speak TLS with an upstream that does not, or whose certificate it refuses.",
        nginx=3.5, edge=-2.0, network=-2.5, loop=-2.5, pool=-2.5, saturation=-2.5,
    ),
    "nginx_short_of": weight(
        "nginx errors",
        "Nginx ran out of what its configuration grants it, or can't resolve what it names.",
        nginx=4.0, edge=-1.5,
    ),
    "nginx_passes_on": weight(
        "nginx",
        "Nginx spent its time waiting for the usual upstream of these paths.",
        nginx=-1.8, edge=-0.5,
    ),
    "nginx_rule": weight(
        "nginx configuration",
        "Nginx treats the affected paths in a way of its own that can have this effect.",
        nginx=0.7,
    ),
    "nginx_plain": weight(
        "nginx configuration",
        "Nginx's configuration treats the affected paths as it treats those that did well.",
        nginx=-1.2,
    ),
    # The way from Nginx to the container.
    "connect_slow": weight(
        "connect",
        "The kernel accepts a connection without the application's help: a slow connect is the way "
        "or a full queue.",
        network=2.8, nginx=-0.5, loop=-1.5, pool=-1.5, saturation=-0.5,
    ),
    "connect_lost": weight(
        "connect",
        "First packets were sent again, as no answer came, though the queue of connections had room: they "
        "were lost. A process that is stuck leaves them be.",
        network=4.0, nginx=-0.5, loop=-2.5, pool=-2.5, saturation=-2.0,
    ),
    "connect_slow_from_host": weight(
        "connect",
        "The kernel accepts connections from inside and from the host into one queue, without the "
        "application's help: what is slow from the host alone is the way.",
        network=4.0, nginx=-0.5, loop=-2.5, pool=-2.5, saturation=-2.5,
    ),
    "cut_from_host": weight(
        "host and inside",
        "A process that dies or refuses does so for callers inside too, and one that is stuck ends nothing "
        "at once: what cuts off callers on the host alone stands on the way.",
        network=4.0, nginx=-2.0, edge=-2.0, loop=-2.5, pool=-2.5, saturation=-2.0,
    ),
    "queue_full": weight(
        "connect",
        "A server that takes no connections lets its queue fill up, and the kernel then drops first packets: "
        "it is stuck, starved, or has a short queue.",
        network=0.3, nginx=-0.5, loop=0.5, saturation=1.0,
    ),
    "queue_short": weight(
        "connect",
        "A queue that fills up before a server that answers at once is too short for its callers.",
        saturation=2.0, network=0.5, loop=-2.0, pool=-2.0,
    ),
    "connect_quick": weight(
        "connect",
        "Connections were made at once: the way to the container passes small packets.",
        network=-0.8,
    ),
    "new_alone_bad": weight(
        "new and kept connections",
        "A process that is stuck is stuck for kept connections too. Opening one takes the way and a process "
        "that is there, takes it, and has room for it.",
        network=0.7, nginx=-0.5, loop=-1.5, pool=-1.5, saturation=0.7,
    ),
    "refused": weight(
        "connect",
        "The usual address refuses or is unreachable: no port is published, no one listens, or a "
        "route is gone.",
        network=1.5, loop=-2.0, pool=-2.0, saturation=-0.3, nginx=0.3,
    ),
    "unreachable": weight(
        "connect",
        "The kernel finds no host at the usual address: its interface, its network or its route is gone.",
        network=4.0, loop=-3.0, pool=-3.0, saturation=-2.5, nginx=0.3,
    ),
    "retransmitted": weight(
        "connect",
        "Waits cluster just above 0.2 s, the shortest time after which TCP sends a lost packet again.",
        network=2.2, nginx=-0.7, edge=-0.7, loop=-1.0, pool=-1.0, saturation=-1.0,
    ),
    "body_stalls": weight(
        "body",
        "The header came at once and the rest did not: large packets are lost on the way.",
        network=3.5, nginx=-0.7, edge=-1.0, loop=-2.0, pool=-2.0, saturation=-1.5,
    ),
    # The process, its source and its start command.
    **OF_APPLICATION,
}  # fmt: skip
