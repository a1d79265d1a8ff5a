"""Send requests at a high, steady rate from one or several addresses, each over a connection of its own.

A process of its own, so that a flood does not slow the other callers down. Ends with SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import time

TIMEOUT_S = 10
# Open connections at most; a flood that is not answered does not grow further.
MAX_OPEN = 600


async def ask(server: tuple[str, int], address: str | None, request: bytes) -> None:
    """Send one request and read its response."""
    local = (address, 0) if address else None
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*server, local_addr=local)
            try:
                writer.write(request)
                await reader.read(-1)
            finally:
                writer.close()


async def flood(options: argparse.Namespace) -> None:
    """Send requests until the process is stopped."""
    host, _, port = options.server.rpartition(":")
    began, open_tasks = time.monotonic(), set()
    for number in itertools.count():
        await asyncio.sleep(max(0.0, began + number / options.rate - time.monotonic()))
        if len(open_tasks) >= MAX_OPEN:
            continue
        address = options.address[number % len(options.address)] if options.address else None
        path = options.path[number % len(options.path)]
        lines = (f"GET {path} HTTP/1.1", "Host: api.example.com", f"User-Agent: {options.agent}")
        request = "\r\n".join((*lines, "Connection: close", "", "")).encode()
        task = asyncio.create_task(ask((host, int(port)), address, request))
        open_tasks.add(task)
        task.add_done_callback(open_tasks.discard)


def main() -> None:
    """Parse the command line and send."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("server", help="HOST:PORT")
    parser.add_argument("--path", action="append", required=True)
    parser.add_argument("--address", action="append", help="source address; may be repeated")
    parser.add_argument("--rate", type=float, default=100, help="requests per second (100)")
    parser.add_argument("--agent", default="python-requests/2.32")
    asyncio.run(flood(parser.parse_args()))


if __name__ == "__main__":
    main()
