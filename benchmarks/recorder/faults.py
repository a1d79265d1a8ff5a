"""The faults of a recording: start and end of each."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed import Testbed, free_port

CAUSES = {
    "event_loop": "app_event_loop",
    "thread_pool": "app_threadpool",
    "own_threads": "app_saturation",
    "neighbours": "app_saturation",
    "packet_loss": "docker_network",
    "routing": "nginx_config",
    "edge_rule": "edge_config",
    "healthy": "none",
}
# Scenarios that need one particular application; the others run with any.
APPS = {"event_loop": "event_loop", "own_threads": "own_threads"}
USUAL_DELAY_S = 0.02
USUAL_CLIP_BYTES = 4096
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Strength:
    """The parameters that set the strength of a fault.

    Attributes
    ----------
    delay_s
        Response time of the store, in seconds.
    loss_pct
        Percentage of packets to the container that are dropped.
    clip_bytes
        Size of a clip in bytes; a job's CPU time grows with it.
    neighbours
        Number of busy processes in the application's control group.
    """

    delay_s: float
    loss_pct: float
    clip_bytes: int
    neighbours: int


def inject(testbed: Testbed, scenario: str, strength: Strength) -> None:
    """Start the fault of a scenario."""
    if scenario == "routing":
        testbed.reload_origin(f"127.0.0.1:{free_port()}")
    elif scenario == "edge_rule":
        testbed.reload_edge(free_port())
    elif scenario == "packet_loss":
        lose_packets(testbed, strength.loss_pct)
    elif scenario == "own_threads":
        testbed.store.clip_bytes = strength.clip_bytes
    elif scenario == "neighbours":
        for number in range(strength.neighbours):
            testbed.start_neighbour(f"neighbour-{number}")
    elif scenario != "healthy":
        testbed.store.delay_s = strength.delay_s


def heal(testbed: Testbed, scenario: str) -> None:
    """End the fault of a scenario and restore the usual settings."""
    if scenario == "routing":
        testbed.reload_origin(None)
    elif scenario == "edge_rule":
        testbed.reload_edge(None)
    elif scenario == "packet_loss":
        lose_packets(testbed, 0)
    testbed.end_neighbours()
    testbed.store.delay_s, testbed.store.clip_bytes = USUAL_DELAY_S, USUAL_CLIP_BYTES


def lose_packets(testbed: Testbed, share_pct: float) -> None:
    """Drop a percentage of the packets that arrive at the container; 0 removes the rule.

    Uses netem if the kernel has it, else nftables, else iptables; the latter two run inside the container's
    network namespace.

    Raises
    ------
    RuntimeError
        When none of the three is available.
    """
    ours, theirs = testbed.interfaces
    rule = f"ip protocol tcp numgen random mod 1000 < {round(share_pct * 10)} drop"
    chain = f"chain arriving {{\ntype filter hook input priority 0\niifname {theirs} {rule}\n}}"
    table = f"table ip loss {{\n{chain}\n}}\n"
    chance = f"-m statistic --mode random --probability {share_pct / 100:g}"
    if not share_pct:
        for words in (
            ["tc", "qdisc", "del", "dev", ours, "root"],
            [*testbed.inside, "nft", "delete", "table", "ip", "loss"],
            [*testbed.inside, "iptables", "-F", "INPUT"],
        ):
            _try(words)
        return
    ways = (
        (["tc", "qdisc", "add", "dev", ours, "root", "netem", "loss", f"{share_pct:g}%"], ""),
        ([*testbed.inside, "nft", "-f", "-"], table),
        ([*testbed.inside, *f"iptables -A INPUT -i {theirs} -p tcp {chance} -j DROP".split()], ""),
    )
    if not any(_try(words, text) for words, text in ways):
        raise RuntimeError("Dropping packets needs tc with netem, nft or iptables; none of them works here.")


def limit_cpu(testbed: Testbed, cpus: float) -> Path | None:
    """Limit the application's CPU with a control group, as a container's ``cpus`` does.

    Returns
    -------
    Path or None
        The control group, which the caller removes after its processes have ended; None if it could not be
        created.
    """
    version_1 = (CGROUP / "cpu" / "cpu.cfs_quota_us").exists()
    group = (CGROUP / "cpu" if version_1 else CGROUP) / f"watchme-{testbed.processes['app'].pid}"
    try:
        group.mkdir()
        if version_1:
            (group / "cpu.cfs_quota_us").write_text(str(int(cpus * 100_000)))
        else:
            (group / "cpu.max").write_text(f"{int(cpus * 100_000)} 100000")
        for pid in testbed.app_pids():
            (group / "cgroup.procs").write_text(str(pid))
    except OSError:
        return None
    testbed.group = group
    return group


def _try(words: list[str], text: str = "") -> bool:
    try:
        return subprocess.run(words, input=text, text=True, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
