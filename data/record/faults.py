"""The faults of a recording: how each begins and ends."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from stage import Stage, free_port

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
# The application whose weakness a scenario shows; any other will do for the rest.
APPS = {"event_loop": "event_loop", "own_threads": "own_threads"}
USUAL_DELAY_S = 0.02
USUAL_CLIP_BYTES = 4096
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Strength:
    """How strong a fault is.

    Attributes
    ----------
    delay_s
        How long the store takes.
    loss_pct
        Share of packets to the container that are dropped.
    clip_bytes
        Size of a clip; the work of a job grows with it.
    neighbours
        Busy processes that share the application's control group.
    """

    delay_s: float
    loss_pct: float
    clip_bytes: int
    neighbours: int


def inject(stage: Stage, scenario: str, strength: Strength) -> None:
    """Begin the fault."""
    if scenario == "routing":
        stage.reload_origin(f"127.0.0.1:{free_port()}")
    elif scenario == "edge_rule":
        stage.reload_edge(free_port())
    elif scenario == "packet_loss":
        lose_packets(stage, strength.loss_pct)
    elif scenario == "own_threads":
        stage.store.clip_bytes = strength.clip_bytes
    elif scenario == "neighbours":
        for number in range(strength.neighbours):
            stage.start_neighbour(f"neighbour-{number}")
    elif scenario != "healthy":
        stage.store.delay_s = strength.delay_s


def heal(stage: Stage, scenario: str) -> None:
    """End the fault."""
    if scenario == "routing":
        stage.reload_origin(None)
    elif scenario == "edge_rule":
        stage.reload_edge(None)
    elif scenario == "packet_loss":
        lose_packets(stage, 0)
    stage.end_neighbours()
    stage.store.delay_s, stage.store.clip_bytes = USUAL_DELAY_S, USUAL_CLIP_BYTES


def lose_packets(stage: Stage, share_pct: float) -> None:
    """Drop a share of what arrives at the container; 0 ends that.

    By netem where the kernel has it, else by a rule of nftables, else of iptables, the latter two inside the
    container's network namespace.

    Raises
    ------
    RuntimeError
        When none of them can.
    """
    ours, theirs = stage.interfaces
    rule = f"ip protocol tcp numgen random mod 1000 < {round(share_pct * 10)} drop"
    chain = f"chain arriving {{\ntype filter hook input priority 0\niifname {theirs} {rule}\n}}"
    table = f"table ip loss {{\n{chain}\n}}\n"
    chance = f"-m statistic --mode random --probability {share_pct / 100:g}"
    if not share_pct:
        for words in (
            ["tc", "qdisc", "del", "dev", ours, "root"],
            [*stage.inside, "nft", "delete", "table", "ip", "loss"],
            [*stage.inside, "iptables", "-F", "INPUT"],
        ):
            _try(words)
        return
    ways = (
        (["tc", "qdisc", "add", "dev", ours, "root", "netem", "loss", f"{share_pct:g}%"], ""),
        ([*stage.inside, "nft", "-f", "-"], table),
        ([*stage.inside, *f"iptables -A INPUT -i {theirs} -p tcp {chance} -j DROP".split()], ""),
    )
    if not any(_try(words, text) for words, text in ways):
        raise RuntimeError("Packets can't be dropped here: it needs tc with netem, nft or iptables.")


def limit_cpu(stage: Stage, cpus: float) -> Path | None:
    """Give the application's processes a share of the CPU, as a container's ``cpus`` does.

    Returns
    -------
    Path or None
        The control group, to be removed when its processes are gone; None where none can be made.
    """
    version_1 = (CGROUP / "cpu" / "cpu.cfs_quota_us").exists()
    group = (CGROUP / "cpu" if version_1 else CGROUP) / f"watchme-{stage.processes['app'].pid}"
    try:
        group.mkdir()
        if version_1:
            (group / "cpu.cfs_quota_us").write_text(str(int(cpus * 100_000)))
        else:
            (group / "cpu.max").write_text(f"{int(cpus * 100_000)} 100000")
        for pid in stage.app_pids():
            (group / "cgroup.procs").write_text(str(pid))
    except OSError:
        return None
    stage.group = group
    return group


def _try(words: list[str], text: str = "") -> bool:
    try:
        return subprocess.run(words, input=text, text=True, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
