"""The network of a recording: addresses, namespaces, and links with delay and loss.

Isolated, the recorder has a network namespace of its own with addresses reserved for documentation
(RFC 5737), so that recordings can run side by side. Each service runs in a further namespace and is reached
over a bridge, as a container is.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BRIDGE_ADDRESS = "172.28.0.1"
# Source address of all connections that choose no other.
PROBE_ADDRESS = "192.0.2.8"
LINK = str(Path(__file__).with_name("link.py"))
# Set in the recorder's environment once it runs in a network namespace of its own.
ISOLATED = "WATCHME_RECORDER_ISOLATED"


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def listening(address: str) -> bool:
    """Return True if connections to ``host:port`` are accepted."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, int(port))) == 0


def namespaces_allowed() -> bool:
    """Return True if this process may create and enter network namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        return False
    name = f"watchme-try-{os.getpid()}"
    words = (["add", name], ["exec", name, "true"])
    made = [subprocess.run(["ip", "netns", *tail], capture_output=True, check=False) for tail in words]
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return all(done.returncode == 0 for done in made)


def enter_own_network() -> None:
    """Start this program again in a network namespace of its own, unless it runs in one already."""
    if ISOLATED in os.environ:
        return
    os.environ[ISOLATED] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


@dataclass(frozen=True)
class Network:
    """Addresses of a recording.

    Attributes
    ----------
    isolated
        True if each service runs in a namespace of its own.
    edge, origin
        Host and port on which each Nginx listens.
    """

    isolated: bool
    edge: str
    origin: str

    @classmethod
    def create(cls, isolated: bool) -> Network:
        """Return the network after its addresses and its bridge were created."""
        if not isolated:
            return cls(False, f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
        # On loopback, the whole range belongs to this machine.
        _ip("link set lo up", f"addr add {PROBE_ADDRESS}/24 dev lo", "link add br0 type bridge")
        _ip(f"addr add {BRIDGE_ADDRESS}/24 dev br0", "link set br0 up")
        return cls(True, "192.0.2.1:80", "192.0.2.2:80")

    @property
    def store_host(self) -> str:
        """Return the address on which the store listens."""
        return BRIDGE_ADDRESS if self.isolated else "127.0.0.1"

    def client(self, number: int) -> str | None:
        """Return the address of a client, or None if all clients share the address of this machine."""
        return f"192.0.2.{number}" if self.isolated else None


@dataclass(frozen=True)
class Namespace:
    """The network namespace of a service.

    Attributes
    ----------
    name
        Name of the namespace.
    address
        Its address on the bridge.
    """

    name: str
    address: str

    @property
    def enter(self) -> list[str]:
        """Return the command prefix that enters the namespace."""
        return ["ip", "netns", "exec", self.name]

    @property
    def interfaces(self) -> tuple[str, str]:
        """Return the names of the two interfaces: the host's end and the container's end."""
        last = self.address.rpartition(".")[2]
        return f"veth{last}", "eth0"

    def create(self) -> None:
        """Create the namespace and connect it."""
        _ip(f"netns add {self.name}", f"-n {self.name} link set lo up")
        self.connect()

    def connect(self) -> None:
        """Connect the namespace to the bridge."""
        ours, theirs = self.interfaces
        _ip(
            f"link add {ours} type veth peer name {theirs} netns {self.name}",
            f"link set {ours} master br0",
            f"link set {ours} up",
            f"-n {self.name} addr add {self.address}/24 dev {theirs}",
            f"-n {self.name} link set {theirs} up",
        )

    def connect_by_link(self, delay_s: float) -> subprocess.Popen[str]:
        """Connect the namespace by a link that delays packets each way, and return the link's process."""
        ours, theirs = self.interfaces
        _ip(f"link delete {ours}", f"tuntap add dev {ours} mode tap", f"tuntap add dev {ours}r mode tap")
        words = [sys.executable, LINK, ours, f"{ours}r", f"{delay_s:g}"]
        link = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if link.stdout is None or not link.stdout.readline():
            raise RuntimeError(
                "A link with delay or loss needs TAP devices (/dev/net/tun), which do not work here."
            )
        _ip(
            f"link set {ours} master br0",
            f"link set {ours} up",
            f"link set {ours}r netns {self.name} name {theirs}",
            f"-n {self.name} addr add {self.address}/24 dev {theirs}",
            f"-n {self.name} link set {theirs} up",
        )
        return link

    def take_address(self, address: str) -> None:
        """Give the namespace a further address, and let its neighbours know, as Docker does."""
        _ip(f"-n {self.name} addr add {address}/24 dev {self.interfaces[1]}", f"neigh flush to {address}")

    def disconnect(self) -> None:
        """Remove the interfaces, as the removal of a container does."""
        _ip(f"link delete {self.interfaces[0]}")

    def delete(self) -> None:
        """Delete the namespace with its interfaces."""
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


def _ip(*commands: str) -> None:
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)
