"""Print the modules between a command and a call to AWS, and the number of functions entered until then.

    .venv/bin/python benchmarks/hops.py [OPERATION WORD ...]

By default `watchme redrive --from LIST --apply` to its first SendMessage; otherwise any command to its first
call of OPERATION (boto3's name), in an account of moto with a queue, its DLQ and its function.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from traceback import walk_stack
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def main() -> None:
    os.environ |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing")
    from worlds.aws_front import Server
    from worlds.moto_server import MotoServer
    from worlds.queue_worker import Worker

    from watchme_analysis.cli import main as watchme

    server = Server(moto := MotoServer())
    os.environ |= {"AWS_ENDPOINT_URL": server.url, "AWS_DEFAULT_REGION": "ap-southeast-2"}
    worker = Worker(server.front, moto.port)
    attributes = {"resent_message_id": {"DataType": "String", "StringValue": worker.dead_letters(1)[0]}}
    line = {"QueueUrl": worker.queue, "MessageBody": "body 0", "MessageAttributes": attributes}
    path = Path(tempfile.mkdtemp(), "list.jsonl")
    path.write_text(json.dumps(line) + "\n")
    operation, *words = sys.argv[1:] or ("send_message", "redrive", "--from", str(path), "--apply")
    package, entered, stack = f"{ROOT / 'watchme_analysis'}{os.sep}", set[Any](), list[str]()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or stack or not frame.f_code.co_filename.startswith(package):
            return
        entered.add(frame.f_code)
        if frame.f_code.co_name == "call" and frame.f_locals.get("operation") == operation:
            stack.extend(each.f_code.co_filename.removeprefix(package) for each, _ in walk_stack(frame))

    sys.argv = ["watchme", *words]
    try:
        sys.setprofile(profile)
        watchme()
    finally:
        modules = [each for each in dict.fromkeys(reversed(stack)) if not each.startswith(os.sep)]
        print(*modules, f"{len(modules)} modules; {len(entered)} functions entered", sep="\n", flush=True)
        os._exit(0)


if __name__ == "__main__":
    main()
