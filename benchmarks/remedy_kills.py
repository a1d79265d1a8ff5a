"""Kill remedies at random moments, resume them, and count messages that are lost or sent twice.

    .venv/bin/python benchmarks/remedy_kills.py [--kills N] [--seed S] [REMEDY ...]

Each trial puts messages into a queue of moto, starts a remedy in a process of its own, and kills the process
with SIGKILL at a random moment. Then the remedy runs again to its end, and the queue, the function and the
record are compared with what must be. The seed of each trial is S plus its number, so that a trial can be
repeated alone (`--kills 1 --seed 117`). The exit code is 1 if a trial failed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REMEDIES = ("redrive", "archive", "purge")
MESSAGES = 4
VISIBILITY_S = 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "remedies", nargs="*", default=REMEDIES, help=f"{', '.join(REMEDIES)}; all by default"
    )
    parser.add_argument("--kills", type=int, default=200, help="trials of each remedy")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first trial")
    parser.add_argument("--runner", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.runner:
        return run_orders()
    return kill_remedies(options.remedies, options.kills, options.seed)


def kill_remedies(remedies: Sequence[str], kills: int, first_seed: int) -> int:
    """Kill each remedy so many times, print a row for each, and return the exit code."""
    sys.path.insert(0, str(ROOT / "tests"))
    failures = 0
    with Trials() as trials:
        print(f"seeds {first_seed} to {first_seed + kills - 1}")
        print(f"{'remedy':8} {'kills':>5} {'while running':>13} {'unconfirmed':>11} {'failed seeds'}")
        for remedy in remedies:
            outcomes: Counter[str] = Counter()
            failed = []
            for number in range(kills):
                seed = first_seed + number
                try:
                    outcomes.update(trials.trial(remedy, seed))
                except AssertionError as error:
                    failed.append(f"{seed} ({error})")
            failures += len(failed)
            print(
                f"{remedy:8} {kills:5d} {outcomes['killed']:13d} {outcomes['unconfirmed']:11d} "
                f"{', '.join(failed) or 'none'}",
                flush=True,
            )
    return 1 if failures else 0


class Trials:
    """The server, and a process that runs remedies and kills them."""

    def __enter__(self) -> Trials:
        from moto.server import ThreadedMotoServer
        from worlds.aws_front import Server

        self.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.moto.start()
        self.port = self.moto.get_host_and_port()[1]
        self.server = Server(self.port)
        # A killed process resets its connections, which the servers would report.
        self.server.http.handle_error = lambda *_: None
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        os.environ |= {
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "ap-southeast-2",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self.folder = tempfile.TemporaryDirectory()
        self.runner = subprocess.Popen(
            [sys.executable, __file__, "--runner"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.durations_s: dict[str, float] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.stdin.close()  # type: ignore[union-attr]
        self.runner.wait()
        self.server.close()
        self.moto.stop()
        self.folder.cleanup()

    def trial(self, remedy: str, seed: int) -> list[str]:
        """Kill a remedy once and resume it; return what happened, and raise AssertionError for a loss."""
        if remedy not in self.durations_s:
            order = self.prepare(remedy, f"{remedy}-whole")
            began = time.perf_counter()
            self.run(order, None)
            self.durations_s[remedy] = time.perf_counter() - began
        order = self.prepare(remedy, f"{remedy}-{seed}")
        delay_s = random.Random(seed).uniform(0, self.durations_s[remedy])
        events = ["killed"] if self.run(order, delay_s) == "killed" else []
        perform(order)
        return events + self.check(order)

    def prepare(self, remedy: str, name: str) -> dict[str, Any]:
        """Return an order on a new queue with messages."""
        from worlds.queue_worker import Worker

        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
        front = self.server.front
        front.mappings.clear()
        front.before.clear()
        self.worker = Worker(front, self.port)
        ids = self.worker.dead_letters(MESSAGES)
        order = {
            "remedy": remedy,
            "file": str(Path(self.folder.name, name)),
            "queue": self.worker.queue,
            "dlq": self.worker.dlq,
            "ids": ids,
        }
        if remedy == "purge":
            perform({**order, "remedy": "archive"})
        return order

    def run(self, order: dict[str, Any], delay_s: float | None) -> str:
        """Run an order in a process that is killed after so many seconds; return ``killed`` or ``ended``."""
        print(json.dumps({**order, "delay_s": delay_s}), file=self.runner.stdin, flush=True)
        return self.runner.stdout.readline().strip()  # type: ignore[union-attr]

    def check(self, order: dict[str, Any]) -> list[str]:
        from watchme_analysis.remedies.queue_archive import read_archive

        left, remedy = self.worker.in_dlq(), order["remedy"]
        if remedy == "archive":
            found = read_archive(Path(order["file"]))
            require(set(found.messages) == left == set(order["ids"]) and not found.missed, "archive differs")
            return []
        if remedy == "purge":
            record = json.loads(Path(order["file"] + ".purge-record.json").read_text())
            require(not left, "messages are left")
            require((record["state"], record["deleted"]) == ("complete", MESSAGES), "record differs")
            return []
        self.worker.work()
        done = Counter(self.worker.done)
        unconfirmed = order["states"].get("unconfirmed", 0)
        require(max(done.values(), default=0) <= 1, "a message was sent twice")
        require(len(done) + unconfirmed >= MESSAGES, "a message was lost")
        require(len(left) == unconfirmed <= 1, "the DLQ differs from the audit")
        require(order["states"].get("deleted", 0) + unconfirmed == MESSAGES, "the audit differs")
        return ["unconfirmed"] * unconfirmed


def require(holds: bool, what: str) -> None:
    """Raise AssertionError with a sentence; unlike ``assert``, also with python -O."""
    if not holds:
        raise AssertionError(what)


def perform(order: dict[str, Any]) -> None:
    """Run the remedy of an order to its end."""
    from watchme_analysis.cloudwatch.session import Aws, RateLimits
    from watchme_analysis.remedies.queue_archive import ReadingLimits, archive_queue, read_archive
    from watchme_analysis.remedies.queue_purge import purge_queue
    from watchme_analysis.remedies.verified_redrive import (
        RedriveItem,
        RedriveLimits,
        RedriveTask,
        run_redrive,
    )

    aws = Aws(rate_limits=RateLimits(gap_s=0, backoff_s=0.002, max_backoff_s=0.01, long_poll_s=0))
    path, reading = Path(order["file"]), ReadingLimits(VISIBILITY_S, 0.01, 0.2)
    if order["remedy"] == "archive":
        if not path.exists():
            archive_queue(aws, order["dlq"], path, reading)
        return
    if order["remedy"] == "purge":
        purge_queue(aws, order["dlq"], read_archive(path), "benchmark", limits=reading)
        return
    items = [
        RedriveItem(
            json.dumps(
                {
                    "QueueUrl": order["queue"],
                    "MessageBody": f"body {place}",
                    "MessageAttributes": {
                        "resent_message_id": {"DataType": "String", "StringValue": name}
                    },
                }
            ),
            name,
        )
        for place, name in enumerate(order["ids"])
    ]  # fmt: skip
    limits = RedriveLimits(1e6, 0.3, VISIBILITY_S, 0.01, 0.2)
    task = RedriveTask(order["queue"], tuple(items), order["dlq"])
    order["states"] = run_redrive(task, path, aws, limits).states


def run_orders() -> int:
    """Run each order of standard input in a child, kill it after its delay, and print how it ended."""
    import boto3

    import watchme_analysis.remedies.queue_purge
    import watchme_analysis.remedies.verified_redrive  # noqa: F401  loaded once, before the forks

    boto3.client("sqs")
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                perform(order)
            finally:
                os._exit(0)
        ends = time.monotonic() + (1e9 if order["delay_s"] is None else order["delay_s"])
        status = None
        while status is None and time.monotonic() < ends:
            found, code = os.waitpid(child, os.WNOHANG)
            status = code if found else None
            time.sleep(0.001)
        if status is None:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "ended", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
