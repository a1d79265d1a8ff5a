"""Kill remedies at random moments, resume them, and count messages lost or sent twice and half changes.

    .venv/bin/python benchmarks/remedy_kills.py [--kills N] [--seed S] [REMEDY ...]

Each trial prepares a system in moto, starts a remedy in a process of its own, and kills the process with
SIGKILL at a random moment. Then the remedy runs again to its end, and the system and the record are compared
with what must be. The seed of each trial is S plus its number, so that a trial can be repeated alone
(`--kills 1 --seed 117`). The exit code is 1 if a trial failed.

Of alarms, settings and FIFO, every second trial kills the undo of a plan that was applied. Of deployments,
every second trial deploys code whose handler raises, so that the rollback is killed as well.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.remedies.plan import Plan

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
# Remedies that are plans, applied by `apply_plan`; the others are runs on a queue. A new
# remedy need not be here: its test kills it at every moment.
PLANS = ("alarms", "settings", "deploy", "fifo")
REMEDIES = ("redrive", "archive", "purge", *PLANS)
REGION = "ap-southeast-2"
OLD_CODE = "def lambda_handler(event, context):\n    return {}\n"
NEW_CODE = OLD_CODE + "# new\n"
RAISING_CODE = "def lambda_handler(event, context):\n    raise ValueError('no')\n"
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
    from watchme_analysis.errors import WatchmeError

    failures = 0
    # Ctrl-C prints the row of the trials so far, also of a run in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Trials() as trials:
        print(f"seeds {first_seed} to {first_seed + kills - 1}")
        print(f"{'remedy':8} {'kills':>5} {'while running':>13} {'unconfirmed':>11} {'failed seeds'}")
        for remedy in remedies:
            outcomes: Counter[str] = Counter()
            failed = []
            done, is_interrupted = 0, False
            try:
                for seed in range(first_seed, first_seed + kills):
                    try:
                        outcomes.update(trials.trial(remedy, seed))
                    except (AssertionError, WatchmeError) as error:
                        failed.append(f"{seed} ({error})")
                    done += 1
            except KeyboardInterrupt:
                is_interrupted = True
            failures += len(failed)
            print(
                f"{remedy:8} {done:5d} {outcomes['killed']:13d} {outcomes['unconfirmed']:11d} "
                f"{', '.join(failed) or 'none'}",
                flush=True,
            )
            if is_interrupted:
                break
    return 1 if failures else 0


class Trials:
    """The server, and a process that runs remedies and kills them."""

    def __enter__(self) -> Trials:
        from worlds.aws_front import Server
        from worlds.moto_server import MotoServer

        self.moto = MotoServer()
        self.port = self.moto.port
        self.server = Server(self.moto)
        # A killed process resets its connections, which the servers would report.
        self.server.http.handle_error = self.moto.http.handle_error = lambda *_: None
        os.environ |= {
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "ap-southeast-2",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self.folder = tempfile.TemporaryDirectory()
        # Keys and stored responses of the trials are not those of the user who runs them.
        os.environ |= {
            name: f"{self.folder.name}/{name}"
            for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
        }
        self.runner = subprocess.Popen(
            [sys.executable, __file__, "--runner"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.durations_s: dict[str, float] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.stdin.close()  # type: ignore[union-attr]
        self.runner.wait()
        self.server.close()
        self.moto.close()
        self.folder.cleanup()

    def trial(self, remedy: str, seed: int) -> list[str]:
        """Kill a remedy once and resume it; return what happened, and raise AssertionError for a loss."""
        kind = f"{remedy}-{seed % 2}"
        if kind not in self.durations_s:
            order = self.prepare(remedy, f"{kind}-whole", is_second=seed % 2 == 0)
            began = time.perf_counter()
            self.run(order, None)
            self.durations_s[kind] = time.perf_counter() - began
        order = self.prepare(remedy, f"{remedy}-{seed}", is_second=seed % 2 == 0)
        delay_s = random.Random(seed).uniform(0, self.durations_s[kind])
        events = ["killed"] if self.run(order, delay_s) == "killed" else []
        if events and remedy in ("redrive", "archive"):
            # What the killed process hid must be visible again, also by a request that was still under way.
            time.sleep(VISIBILITY_S)
        perform(order)
        return events + self.check(order)

    def prepare(self, remedy: str, name: str, *, is_second: bool) -> dict[str, Any]:
        """Return an order on a new system; ``is_second`` is the other kind of a remedy that is a plan."""
        from worlds.queue_worker import Worker

        from watchme_analysis.remedies.queue_archive import archive_queue

        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
        front = self.server.front
        front.mappings.clear()
        front.before.clear()
        front.lambdas.functions.clear()
        for left in (
            front.event_sources.mappings,
            front.event_sources.left,
            front.metrics,
            front.allow_policies,
        ):
            left.clear()
        if remedy in PLANS:
            return self.prepare_plan(remedy, Path(self.folder.name, name), is_second=is_second)
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
            # Nothing kills this reading, and only of a complete archive a queue is purged.
            archive_queue(session(), self.worker.dlq, Path(order["file"]))
        return order

    def prepare_plan(self, remedy: str, path: Path, *, is_second: bool) -> dict[str, Any]:
        """Return an order on a plan; the second kind undoes an applied plan, but for deployments."""
        from watchme_analysis.remedies.plan import write_plan

        path.mkdir()
        file = path / "plan.json"
        if remedy == "deploy":
            plan = deployment_plan(file, self.server.front, RAISING_CODE if is_second else NEW_CODE)
        elif remedy == "fifo":
            plan = self.prepare_migration()
        else:
            plan = alarms_plan(path) if remedy == "alarms" else settings_plan()
        write_plan(plan, file)
        order = {"remedy": remedy, "file": str(file), "undo": False, "is_second": is_second}
        if is_second and remedy != "deploy":
            perform(order)
            order["undo"] = True
            if remedy == "fifo":
                self.orders.age(7200)
        return order

    def prepare_migration(self) -> Plan:
        """Return the plan of a queue that holds messages, and let its producer send on once switched."""
        from worlds.event_sources import Orders

        from watchme_analysis.remedies.fifo_migration import MigrationOptions, Switch, migration_plan
        from watchme_analysis.remedies.fifo_source import prepared

        orders = self.orders = Orders(self.server.front, self.port)
        orders.is_working = False
        for _ in range(MESSAGES):
            orders.send(ago_s=7200)
        options = MigrationOptions(
            switches=(Switch("checkout", "QUEUE_URL"),), window_s=0.5, wait_s=0.1, settle_s=0.0
        )
        source, chosen, *_ = prepared(session(), "orders", options, group_key="order_id")
        plan = migration_plan(session(), source, chosen)
        orders.is_working = True

        def send() -> None:
            if orders.variables()["QUEUE_URL"].endswith(".fifo") and len(orders.sent) < 2 * MESSAGES:
                orders.send()

        self.server.front.before["GetMetricData"].append(send)
        return plan

    def run(self, order: dict[str, Any], delay_s: float | None) -> str:
        """Run an order in a process that is killed after so many seconds; return ``killed`` or ``ended``."""
        print(json.dumps({**order, "delay_s": delay_s}), file=self.runner.stdin, flush=True)
        return self.runner.stdout.readline().strip()  # type: ignore[union-attr]

    def check(self, order: dict[str, Any]) -> list[str]:
        from watchme_analysis.remedies.queue_archive import read_archive

        if order["remedy"] in PLANS:
            self.check_plan(order)
            return []
        left, remedy = self.worker.in_dlq(), order["remedy"]
        if remedy == "archive":
            found = read_archive(Path(order["file"]))
            require(left == set(order["ids"]), "the queue differs")
            require(
                found.missed or set(found.messages) == left, "the archive lacks a message and says nothing"
            )
            # A reading longer than the visibility timeout, as under load, says that it may lack messages.
            return ["unconfirmed"] * bool(found.missed)
        if remedy == "purge":
            path = Path(order["file"] + ".purge-record.json")
            require(path.exists(), f"the purge wrote no record: {order['outcome']}")
            record = json.loads(path.read_text())
            require(not left, "messages are left")
            uncertain = len(record["uncertain"])
            require(record["state"] == "complete", f"the record says {record['state']}")
            require(record["deleted"] + uncertain == MESSAGES, "record differs")
            return ["unconfirmed"] * uncertain
        self.worker.work()
        done = Counter(self.worker.done)
        require(max(done.values(), default=0) <= 1, "a message was sent twice")
        states = order["states"]
        for place, name in enumerate(order["ids"]):
            is_done, is_left, state = f"body {place}" in done, name in left, states[name]
            require(is_done or is_left, f"message {place} was lost: {state}")
            require(is_left == (state == "unconfirmed"), f"message {place} is {state}, in the DLQ: {is_left}")
            require(state in {"deleted", "unconfirmed"}, f"message {place} is {state}")
        unconfirmed = list(states.values()).count("unconfirmed")
        require(len(states) == MESSAGES and unconfirmed <= 1, f"the audit differs: {states}")
        return ["unconfirmed"] * unconfirmed

    def check_plan(self, order: dict[str, Any]) -> None:
        """Compare the system and the record with those of a run without a kill."""
        from watchme_analysis.case.actions import actions_in
        from watchme_analysis.remedies.allowed_calls import read_plan
        from watchme_analysis.remedies.apply import done_steps, journal_of
        from watchme_analysis.storage.journal import read_journal

        path = Path(order["file"])
        plan, journal = read_plan(path), read_journal(journal_of(path))
        fails = order["remedy"] == "deploy" and order["is_second"]
        wanted = "undone" if fails else "complete"
        require(order["outcome"] == wanted, f"the outcome is {order['outcome']}, not {wanted}")
        if order["undo"]:
            reverse_path = journal_of(path).with_name(journal_of(path).name + ".undo")
            reverse = read_journal(reverse_path)
            done = {entry["key"] for entry in reverse.entries if entry["event"] == "done"}
            require(
                {f"undo {step.name}" for step in plan.steps if step.undo} <= done, "the undo is not whole"
            )
        elif not fails:
            steps = tuple(step.name for step in plan.steps)
            require(done_steps(plan, journal) == steps, "a step is not on record")
            recorded = {row["step"] for row in actions_in(journal, plan.remedy) if row["outcome"] == "done"}
            require(set(steps) <= recorded, "a step is not among the actions")
        if order["remedy"] == "deploy":
            lambdas = self.server.front.lambdas
            runs = lambdas.code_of("orders", "$LATEST")
            require(runs == zip_of(OLD_CODE if fails else NEW_CODE), "other code runs")
            require(lambdas.code_of("orders", "1") == zip_of(OLD_CODE), "the way back is lost")
            require(len(lambdas.functions["orders"]["versions"]) == 1, "a version was published twice")
        elif order["remedy"] == "alarms":
            check_alarms(plan, is_undone=order["undo"])
        elif order["remedy"] == "fifo":
            self.orders.work()
            require(
                self.orders.processed == dict.fromkeys(self.orders.sent, 1), "a message is lost or done twice"
            )
            polled = {arn.rpartition(":")[2] for arn in self.server.front.event_sources.polled()}
            require(polled == {"orders" if order["undo"] else "orders.fifo"}, f"{polled} are polled")
        else:
            check_settings(is_undone=order["undo"])


def zip_of(code: str) -> bytes:
    """Return a package whose bytes depend on the code alone."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("lambda_function.py"), code)
    return made.getvalue()


def session() -> Aws:
    """Return a session at a test's pace."""
    from watchme_analysis.cloudwatch.session import Aws, RateLimits

    pace = RateLimits(
        gap_s=0, backoff_s=0.002, max_backoff_s=0.01, long_poll_s=0, queue_poll_s=0.01, counts_settle_s=0.05
    )
    return Aws(rate_limits=pace)


# Two alarms: one that exists and differs, and one to create.
ALARM_SPEC = """
alarms:
  - {name: messages, over: dlq, metric: ApproximateNumberOfMessagesVisible, stat: Maximum, period_s: 300,
     threshold: 0}
  - {name: message-age, over: queue, metric: ApproximateAgeOfOldestMessage, stat: Maximum, period_s: 60,
     threshold: 600}
"""
# An unrelated alarm, which must stay as it is.
UNRELATED = {
    "AlarmName": "unrelated", "Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent",
    "Dimensions": [{"Name": "QueueName", "Value": "other"}], "Statistic": "Sum", "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "ActionsEnabled": True,
}  # fmt: skip


def alarms_plan(folder: Path) -> Plan:
    """Return a plan that creates a topic and a subscription, changes an alarm, and creates others."""
    import boto3
    from worlds.order_system import create_order_system

    from watchme_analysis.alarms.specification import read_specs
    from watchme_analysis.remedies.alarm_definitions import AlarmRequest
    from watchme_analysis.remedies.alarms import plan_alarms

    create_order_system(REGION)
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(**UNRELATED)
    spec = folder / "alarms.yaml"
    spec.write_text(ALARM_SPEC)
    request, named = AlarmRequest(read_specs(spec), topic="on-call"), {"queues": ["orders"]}
    plan = plan_alarms(session(), request, **named, emails=["ops@example.com"])
    first = next(step for step in plan.steps if step.call.operation == "put_metric_alarm")  # type: ignore[union-attr]
    cloudwatch.put_metric_alarm(**{**first.call.parameters, "Threshold": 5.0, "AlarmActions": []})  # type: ignore[union-attr]
    return plan_alarms(session(), request, **named, emails=["ops@example.com"])


def check_alarms(plan: Plan, *, is_undone: bool) -> None:
    """Compare the alarms, the topic and its subscription with those of a plan."""
    import boto3

    from watchme_analysis.remedies.alarm_definitions import defined

    found = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    alarms = {each["AlarmName"]: each for each in found}
    require(defined(alarms.pop("unrelated")) == defined(UNRELATED), "another alarm has changed")
    calls = {step.name: step for step in plan.steps if "alarm" in step.call.operation}  # type: ignore[union-attr]
    if is_undone:
        former = {
            name: step.undo[0].parameters
            for name, step in calls.items()
            if step.undo[0].operation == "put_metric_alarm"
        }
        require(alarms.keys() == former.keys(), "the alarms differ from those before")
        require(all(defined(alarms[name]) == defined(former[name]) for name in former), "an alarm differs")
        require(not boto3.client("sns").list_topics()["Topics"], "the topic is left")
        return
    require(alarms.keys() == calls.keys(), "the alarms differ from the plan")
    for name, step in calls.items():
        require(defined(alarms[name]) == defined(step.call.parameters), f"{name} is half made")  # type: ignore[union-attr]
    require(len(boto3.client("sns").list_topics()["Topics"]) == 1, "the topic was not created once")
    subscribed = boto3.client("sns").list_subscriptions()["Subscriptions"]
    require(len(subscribed) == 1, "the address was not subscribed once")


def settings_plan() -> Plan:
    """Return a plan that changes four settings of a queue and its function."""
    from worlds.order_system import create_order_system

    from watchme_analysis.remedies.live_queue import read_drained_queue
    from watchme_analysis.remedies.queue_settings import settings_plan as plan_of
    from watchme_analysis.simulation.scenarios import Comparison, Load, Scenario
    from watchme_analysis.simulation.settings import PollerSettings, QueueSettings, Settings

    create_order_system(REGION)
    aws = session()
    base = Settings(QueueSettings(180.0, max_receive_count=3), PollerSettings(10), function_timeout_s=30.0)
    better = replace(
        base,
        queue=replace(base.queue, visibility_timeout_s=360.0, max_receive_count=5),
        poller=replace(base.poller, max_concurrency=2),
        function_timeout_s=60.0,
    )
    now, wanted = (
        Comparison(Scenario(name, each, Load((1.0,))), ()) for name, each in (("", base), ("", better))
    )
    return plan_of(aws, now, wanted, read_drained_queue(aws, "orders", "error-settings-mappings"))


def check_settings(*, is_undone: bool) -> None:
    """Compare the four settings with those before, or with the plan."""
    from watchme_analysis.remedies.live_queue import read_drained_queue
    from watchme_analysis.remedies.queue_settings import live_values

    values = live_values(read_drained_queue(session(), "orders", "error-settings-mappings"))
    found = [
        values[name]
        for name in ("visibility_timeout_s", "max_receive_count", "function_timeout_s", "max_concurrency")
    ]
    wanted = [180.0, 3.0, 30.0, None] if is_undone else [360.0, 5.0, 60.0, 2.0]
    require(found == wanted, f"the settings are {found}, not {wanted}")


def deployment_plan(path: Path, front: Any, code: str) -> Plan:
    """Return the plan of a deployment that tests the code with one event."""
    from watchme_analysis.remedies.deployment import DeploymentOptions, plan_deployment, sqs_event
    from watchme_analysis.remedies.plan import Plan

    front.lambdas.create("orders", zip_of(OLD_CODE))
    package = path.with_name("package.zip")
    package.write_bytes(zip_of(code))
    event = sqs_event("{}", "m", f"arn:aws:sqs:{REGION}:123456789012:orders", {})
    options = DeploymentOptions(events=[("event", event)], watch_s=0.0)
    plan = plan_deployment(package, "orders", session(), path, options, skip_check=True)
    if not isinstance(plan, Plan):
        raise TypeError("the package has problems")
    return plan


def apply_or_undo(order: dict[str, Any]) -> str:
    """Apply the plan of an order, or undo it, and return the outcome."""
    from watchme_analysis.remedies.allowed_calls import read_plan
    from watchme_analysis.remedies.apply import apply_plan, journal_of, undo

    path = Path(order["file"])
    run = undo if order["undo"] else apply_plan
    return run(read_plan(path), journal_of(path), session()).outcome


def require(holds: bool, what: str) -> None:
    """Raise AssertionError with a sentence; unlike ``assert``, also with python -O."""
    if not holds:
        raise AssertionError(what)


def perform(order: dict[str, Any]) -> None:
    """Run the remedy of an order to its end."""
    from watchme_analysis.queues.redrive_list import ListedMessage
    from watchme_analysis.remedies.queue_archive import archive_queue, read_archive
    from watchme_analysis.remedies.queue_purge import purge_queue
    from watchme_analysis.remedies.redrive import RedriveLimits, RedriveTask, run_redrive

    if order["remedy"] in PLANS:
        order["outcome"] = apply_or_undo(order)
        return
    aws = session()
    path = Path(order["file"])
    if order["remedy"] == "archive":
        if not path.exists():
            archive_queue(aws, order["dlq"], path, VISIBILITY_S)
        return
    if order["remedy"] == "purge":
        archive = read_archive(path)
        result = purge_queue(aws, order["dlq"], archive, "", visibility_timeout_s=VISIBILITY_S)
        order["outcome"] = f"{result.outcome}, {result.sentence.id}"
        return
    items = [
        ListedMessage(
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
            "uploads",
        )
        for place, name in enumerate(order["ids"])
    ]  # fmt: skip
    from worlds.quick_clock import QuickAws

    # A redrive waits for twice the visibility timeout of its queue, here without a real wait.
    quick = QuickAws(rate_limits=aws.rate_limits)
    limits = RedriveLimits(1e6, confirm_within_s=20.0, visibility_timeout_s=VISIBILITY_S, late_s=1.0)
    task = RedriveTask(order["queue"], tuple(items), order["dlq"])
    audit = run_redrive(task, path, quick, limits)
    order["states"] = {row.message_id: row.state for row in audit.rows}


def run_orders() -> int:
    """Run each order of standard input in a child, kill it after its delay, and print how it ended."""
    import boto3

    import watchme_analysis.remedies.queue_purge
    import watchme_analysis.remedies.redrive  # noqa: F401  loaded once, before the forks

    for service in ("sqs", "cloudwatch", "sns", "lambda", "sts"):
        boto3.client(service)
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
