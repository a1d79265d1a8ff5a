"""Connect two TAP devices: deliver each frame after a delay, and drop some, as a bad or long link does.

    python link.py DEVICE DEVICE SECONDS

Writes a line once both devices are attached; they may be moved to another network namespace from then on.
A number on standard input is the percentage of TCP segments to the second device that are dropped from then
on. Works where the kernel has no netem. Ends with its standard input.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

# linux/if_tun.h
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
LARGEST_FRAME_BYTES = 65_536
# Where an Ethernet frame states that it holds IPv4, and the IPv4 header that it holds TCP.
ETHER_TYPE, PROTOCOL, IPV4, TCP = slice(12, 14), 23, b"\x08\x00", 6


def attached(device: str) -> int:
    """Return a file descriptor that reads and writes the frames of a TAP device."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def main() -> None:
    """Deliver frames until the process is stopped."""
    ends, delay_s, loss_pct = [attached(device) for device in sys.argv[1:3]], float(sys.argv[3]), 0.0
    sys.stdout.write("attached\n")
    sys.stdout.flush()
    # Due time, receiving end and frame. All have the same delay, so that they are due in order.
    pending: deque[tuple[float, int, bytes]] = deque()
    while True:
        wait_s = max(0.0, pending[0][0] - time.monotonic()) if pending else None
        for end in select.select([*ends, 0], [], [], wait_s)[0]:
            if end == 0:
                line = os.read(end, 100)
                if not line:
                    return
                loss_pct = float(line)
                continue
            frame, other = os.read(end, LARGEST_FRAME_BYTES), ends[1 - ends.index(end)]
            segment = frame[ETHER_TYPE] == IPV4 and frame[PROTOCOL] == TCP
            if not (segment and other == ends[1] and random.random() * 100 < loss_pct):
                pending.append((time.monotonic() + delay_s, other, frame))
        while pending and pending[0][0] <= time.monotonic():
            _, end, frame = pending.popleft()
            # An interface that is not up yet takes no frames.
            with contextlib.suppress(OSError):
                os.write(end, frame)


if __name__ == "__main__":
    main()
