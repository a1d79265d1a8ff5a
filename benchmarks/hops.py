"""Print the functions that a path through the package enters, and the modules on the stack at its end.

    .venv/bin/python benchmarks/run.py hops [redrive | notify | START:STOP WORD ...]

``redrive``, by default, is `watchme redrive --from LIST --apply` to its first SendMessage; ``notify`` the run
of a system on a bundled case, from the end of its diagnosis to the HTTP request of a Slack message. Otherwise
it is any command, from the return of the function START (empty: from its beginning) to the call of the
function STOP, or of AWS's operation of this name in boto3. AWS is moto, with a queue, its DLQ and its
function. Functions with a name are counted, each once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from traceback import walk_stack
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
NOTIFY = "AwsSource.diagnose:HTTPConnectionPool.urlopen"


def main() -> None:
    os.environ |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing")
    which, *words = sys.argv[1:] or ["redrive"]
    path, call = (NOTIFY, notified()) if which == "notify" else (which, commanded(words, which == "redrive"))
    start, stop = (":send_message" if which == "redrive" else path).split(":")
    package, entered, stack = f"{ROOT / 'watchme_analysis'}{os.sep}", dict[Any, str](), list[str]()
    is_on = not start

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal is_on
        name, file = frame.f_code.co_qualname, frame.f_code.co_filename
        if event == "return" and name == start and not entered:
            is_on = True
        if event != "call" or not is_on:
            return
        if file.startswith(package) and not frame.f_code.co_name.startswith("<"):
            entered[frame.f_code] = f"{file.removeprefix(package)}: {name}"
        if stop in (name, frame.f_locals.get("operation")):
            is_on = False
            files = (each.f_code.co_filename for each, _ in walk_stack(frame))
            stack.extend(each.removeprefix(package) for each in files if each.startswith(package))

    try:
        threading.setprofile(profile)  # a delivery has a thread of its own
        sys.setprofile(profile)
        call()
    finally:
        sys.setprofile(None)
        modules = [*dict.fromkeys(reversed(stack))]
        print(*entered.values(), "", *modules, sep="\n")
        print(f"{len(modules)} modules; {len(entered)} functions entered", flush=True)
        os._exit(0 if stack else 1)


def commanded(words: list[str], is_redrive: bool) -> Callable[[], object]:
    """Return a command in an account with a queue, its DLQ and its function; by default a redrive."""
    from worlds.aws_front import Server
    from worlds.moto_server import MotoServer
    from worlds.queue_worker import Worker

    from watchme_analysis.cli import main as watchme

    server = Server(moto := MotoServer())
    os.environ |= {"AWS_ENDPOINT_URL": server.url, "AWS_DEFAULT_REGION": "ap-southeast-2"}
    worker = Worker(server.front, moto.port)
    if is_redrive:
        attributes = {"resent_message_id": {"DataType": "String", "StringValue": worker.dead_letters(1)[0]}}
        line = {"QueueUrl": worker.queue, "MessageBody": "body 0", "MessageAttributes": attributes}
        path = Path(tempfile.mkdtemp(), "list.jsonl")
        path.write_text(json.dumps(line) + "\n")
        words = ["redrive", "--from", str(path), "--apply"]
    sys.argv = ["watchme", *words]
    return watchme


def notified() -> Callable[[], object]:
    """Return a run of a system whose evidence is a bundled case, shortly after the end of its data."""
    from worlds.receivers import Webhook

    from watchme_analysis.case.opening import open_case
    from watchme_analysis.config import Destination, RunSettings, System
    from watchme_analysis.delivery.destinations.registry import account_of, sender_of
    from watchme_analysis.delivery.run import Collected, Run, run_system
    from watchme_analysis.delivery.stages import AwsSource
    from watchme_analysis.delivery.state import State

    case, state = ROOT / "data" / "orders-failing", Path(tempfile.mkdtemp())
    window = open_case(case).window

    class Source(AwsSource):
        def collect(self, *_: object) -> Collected:
            return Collected(case, window)

    os.environ["HOOK"] = Webhook().url
    system = System("orders")
    chat = {"chat": Destination("chat", "slack", settings={"webhook": "env:HOOK"})}
    senders = {name: sender_of(each, state, account_of(None, None)) for name, each in chat.items()}
    now = window.end + timedelta(minutes=5)
    source = Source(system, None, RunSettings())
    run = Run(system, chat, senders, source, State(state), clock=lambda: now)
    return lambda: run_system(run)


if __name__ == "__main__":
    main()
