"""Kill runs at random moments and count what arrives; measure runs of many systems and a large index.

    .venv/bin/python benchmarks/delivery_kills.py [--kills N] [--systems N] [--reports N] [--seed N]

Each kill is a process of its own that runs the story of an incident (begins, cause known, ends) against a
webhook and a folder of reports, and is ended by SIGKILL at a random moment. The same story is then run to its
end. Each change must have arrived exactly once, or be reported as uncertain; each report must be complete.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from worlds.deliveries import World, at, diagnosis, folder_of_reports, world
from worlds.receivers import Webhook

from watchme_analysis.config import Destination
from watchme_analysis.delivery.destinations.registry import account_of, sender_of
from watchme_analysis.report.html_page import write_index

STORY = (
    (2, diagnosis(start=1.5)),
    (3, diagnosis(start=1.5, cause="consumer_failing")),
    (4, diagnosis(start=1.5, end=3.5, cause="consumer_failing")),
)
KINDS = ("new-incident", "cause-known", "resolved")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--reports", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    print(kills(options.kills, random.Random(options.seed)))
    for line in systems(options.systems):
        print(line)
    print(index(options.reports))


def story(folder: Path) -> World:
    """Return a world with a webhook, whose URL is in the environment, and a folder of reports."""
    hook = Destination("chat", "slack", settings={"webhook": "env:KILLS_URL"})
    chat = sender_of(hook, folder, account_of(None, None))
    return world(folder / "state", files=folder_of_reports(folder / "reports"), chat=chat)


def kills(count: int, draw: random.Random) -> str:
    """Return how often changes arrived once or were reported; raise an error for anything else."""
    states: Counter[str] = Counter()
    webhook = Webhook()
    os.environ["KILLS_URL"] = webhook.url
    with tempfile.TemporaryDirectory() as home:
        for name in ("first", "warm"):  # the first one loads libraries
            began = time.monotonic()
            for hour, found in STORY:
                story(Path(home, name)).run(hour, found)
            longest_s = 1.2 * (time.monotonic() - began)
        for number in range(count):
            webhook.posted.clear()
            folder = Path(home, str(number))
            child = os.fork()
            if child == 0:
                for hour, found in STORY:
                    story(folder).run(hour, found)
                os._exit(0)
            time.sleep(draw.uniform(0, longest_s))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            results = [story(folder).run(hour, found) for hour, found in STORY]
            check(folder, webhook, results, states)
    webhook.close()
    return f"{count} kills: {dict(states)}"


def check(folder: Path, webhook: Webhook, results: list, states: Counter[str]) -> None:
    """Count how each change arrived; raise an error for one that is lost or doubled."""
    uncertain = {
        each["kind"] for result in results for each in result["deliveries"] if each["status"] == "uncertain"
    }
    titles = [json.loads(body)["text"] for _, body in webhook.posted]
    words = {"new-incident": "New incident", "cause-known": "Cause found", "resolved": "Resolved"}
    for kind in KINDS:
        arrived = sum(title.startswith(words[kind]) for title in titles)
        if arrived > 1 or (arrived == 0 and kind not in uncertain):
            raise AssertionError(f"{folder}: {kind} arrived {arrived} times, uncertain: {uncertain}")
        states["arrived once" if kind not in uncertain else f"uncertain, arrived {arrived}"] += 1
    reports = list((folder / "reports").glob("2*"))
    if len(reports) != len(KINDS) or not all((path / "notice.json").is_file() for path in reports):
        raise AssertionError(f"{folder}: reports are missing or incomplete")
    states["killed during a run"] += any(result.get("killed_before") for result in results)


def systems(count: int) -> list[str]:
    """Return time and memory of runs of many systems, without pulling, diagnosing and executing notebooks."""
    lines = []
    with tempfile.TemporaryDirectory() as home:
        made = [
            world(
                Path(home, "state", str(number)),
                files=({"when": "every-run"}, folder_of_reports(Path(home, "reports", str(number)))),
            )
            for number in range(count)
        ]
        for hour in (2, 3):
            began, used = time.monotonic(), time.process_time()
            for each in made:
                each.run(hour, diagnosis(start=1, cause="consumer_failing"))
            wall_s, cpu_s = time.monotonic() - began, time.process_time() - used
            peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            lines.append(f"{count} systems: {wall_s:.1f} s, {cpu_s:.1f} s of processor, peak {peak_mib} MiB")
    return lines


def index(count: int) -> str:
    """Return the time of writing the index after another report."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        for number in range(count + 1):
            if number == count:
                write_index(folder)
            moment = at(number / 4)
            report = folder / f"{moment:%Y%m%dT%H%M%SZ}-backlog-orders"
            report.mkdir()
            result = {
                "status": "ok",
                "question": "backlog",
                "case": "orders",
                "started_at": moment.isoformat(),
            }
            result |= {"diagnosis": diagnosis(start=1, cause="consumer_failing")}
            (report / "result.json").write_text(json.dumps(result))
        began, used = time.monotonic(), time.process_time()
        write_index(folder)
        wall_s, cpu_s = time.monotonic() - began, time.process_time() - used
    return f"index of {count:,d} reports: {wall_s:.2f} s, {cpu_s:.2f} s of processor"


if __name__ == "__main__":
    main()
