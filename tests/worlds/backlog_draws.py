"""Draw made-up worlds with one fault each, or none, from a seed: the world, its evidence and its truth."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from worlds.backlog_files import write
from worlds.backlog_model import Api, Function, Model, Queue, random_ids

CAUSES = (
    "consumer_failing", "downstream_slow", "downstream_down", "slow_leak", "arrival_surge", "throttled",
    "poison_messages", "visibility_misconfig", "mapping_disabled", "healthy",
)  # fmt: skip
HOUR, DAY = 3600.0, 86_400.0
TOKYO = timezone(timedelta(hours=9))
NAMES = (
    ("orders", "invoice", "mail", "labels"), ("ingest", "resize", "ocr", "index"),
    ("telemetry", "alerts", "rollup", "export"), ("sed-queue", "ser-queue", "asr-queue", "summary-queue"),
)  # fmt: skip


@dataclass
class World:
    """A world before it runs."""

    rng: random.Random
    cause: str
    queues: list
    seconds: float
    start: datetime
    period: int
    arrivals: list = field(default_factory=list)
    changes: list = field(default_factory=list)
    # (moment, act): what people do in the midst; act gets the model
    events: list = field(default_factory=list)
    change: str | None = None
    fault: tuple | None = None
    hit: list = field(default_factory=list)
    devices: list = field(default_factory=list)
    rhythm: dict = field(default_factory=dict)


def make(seed, path, cause=None, tweak=None, half_hourly=False):
    """Write the world of a seed to ``path`` and return its truth; ``tweak`` may change it before it runs."""
    rng = random.Random(f"{seed}")
    world = draw(rng, cause or CAUSES[seed % len(CAUSES)], half_hourly)
    options = evidence(rng, world)
    if options["changes"] is None:
        world.change = None
    if tweak is not None:
        tweak(world, options)
    model = Model(world.queues, world.seconds, rng)
    model.run(world.arrivals, world.events)
    write(path, model, world.start, options)
    truth = truth_of(world, model)
    return truth


def evidence(rng, world):
    recorded = rng.random() < 0.85
    return {
        "region": rng.choice(("us-east-1", "eu-central-1", "ap-northeast-1")),
        "period": world.period,
        "missing_points": rng.choice((0.0, 0.0, 0.002)),
        "asleep": rng.random() < 0.5,
        "talks": rng.random() < 0.8,
        "logs": rng.choice(("all", "all", "errors")),
        "changes": sorted(world.changes) if recorded else None,
        "made": sorted(world.changes),
        "without": (),
    }


def draw(rng, cause, half_hourly=False):
    days = rng.uniform(4.5, 8.0) if cause == "slow_leak" else rng.uniform(1.0, 3.0)
    period = 300 if cause == "slow_leak" and rng.random() < 0.6 else rng.choice((60, 60, 60, 300))
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=rng.randrange(300), hours=rng.randrange(24))
    seconds = round(days * 24) * HOUR
    world = World(rng, cause, [], seconds, start, period)
    names = list(rng.choice(NAMES))[: rng.randint(1, 4)]
    fifo = rng.random() < 0.2
    shared = rng.random() < 0.2 and len(names) > 1
    for name in names:
        world.queues.append(draw_queue(rng, name, fifo, "all-dead-letters" if shared else None))
    people(world, half_hourly)
    FAULTS[cause](world, rng.choice(world.queues))
    decoys(world)
    return world


def draw_queue(rng, name, fifo, shared):
    api = Api(seconds=rng.choice((0.2, 0.5, 1.5, 4.0)), spread=rng.uniform(0.15, 0.5))
    timeout = rng.choice((30.0, 60.0, 120.0))
    code = rng.choice(("{}-worker", "{}-consumer", "handle-{}")).format(name.removesuffix("-queue"))
    function = Function(code, api, own_s=rng.uniform(0.3, 2.0), timeout_s=timeout)
    end = ".fifo" if fifo else ""
    dead = f"{shared or name + rng.choice(('-dlq', '-dead-letter', '_dlq'))}{end}"
    return Queue(
        name + end, function, visibility_s=timeout * rng.choice((1, 2, 6)), dlq=dead,
        max_receives=rng.choice((3, 3, 5)), batch=rng.choice((1, 1, 1, 5)) if not fifo else 1,
        partial=rng.random() < 0.4, max_concurrency=rng.choice((None, None, 5, 10)), fifo=fifo,
    )  # fmt: skip


def people(world, half_hourly=False):
    """Let devices and people send, by a rhythm of their own, or all devices together each half hour."""
    rng = world.rng
    ids = random_ids(rng)
    number = rng.randint(6, 28)
    aligned = rng.random() < 0.5
    every = rng.choice((900.0, 1800.0, 1800.0, 3600.0))
    world.devices = [next(ids) for _ in range(number)]
    at_night = rng.random() < 0.3
    if half_hourly:
        aligned, every, at_night = True, 1800.0, False
    world.rhythm = {"every": every, "aligned": aligned}
    for device in world.devices:
        offset = rng.uniform(60, 110) if aligned else rng.uniform(0, every)
        moment = offset
        while moment < world.seconds:
            if not (at_night and sleeping(world, moment)):
                upload(world, max(0.0, moment + rng.gauss(0, 8)), device)
            moment += every
    # The app sends at any time, by day more than by night.
    rate = 0.0 if half_hourly else rng.choice((0.0, 0.5, 2.0, 8.0)) / HOUR
    moment = rng.expovariate(rate) if rate else world.seconds
    while moment < world.seconds:
        if not sleeping(world, moment) or rng.random() < 0.2:
            upload(world, moment, rng.choice(world.devices))
        moment += rng.expovariate(rate)


def sleeping(world, moment):
    return (world.start + timedelta(seconds=moment)).astimezone(TOKYO).hour < 6


def upload(world, moment, device, queue=None, poison=None, recorded=None):
    local = (world.start + timedelta(seconds=recorded if recorded is not None else moment)).astimezone(TOKYO)
    key = local.isoformat(timespec="seconds")
    body = json.dumps({"device_id": device, "recorded_at": key, "file_path": f"files/{device}/{key}.wav"})
    for place, target in enumerate(world.queues):
        if queue is None or target is queue:
            world.arrivals.append((moment + 0.3 * place, target, device, key, body, poison))


def span(world, least, most, share_open=0.3):
    """Return a fault's start and end within the window, at any second."""
    rng = world.rng
    start = rng.uniform(0.3, 0.75) * world.seconds
    length = rng.uniform(least, most)
    return start, world.seconds if rng.random() < share_open else min(start + length, world.seconds)


def change(world, moment, event, resource, parameters, names_it=True):
    world.changes.append((moment, event, resource, parameters))
    if names_it:
        world.change = event


def consumer_failing(world, queue):
    start, end = span(world, 2 * HOUR, 12 * HOUR)
    rng, name = world.rng, queue.function.name
    text = rng.choice(("import", "import", "handler", "denied", "typeerror"))
    queue.function.broken.append(
        (start, end, text, 0.2 if text in ("import", "handler") else queue.function.own_s, 1.0)
    )
    deploy = "UpdateFunctionConfiguration20150331v2" if text == "denied" else "UpdateFunctionCode20150331v2"
    change(world, start, deploy, name, {"functionName": name})
    if end < world.seconds:
        change(world, end, "UpdateFunctionCode20150331v2", name, {"functionName": name}, False)
        world.change = deploy
    world.fault, world.hit = (start, end), [queue]


def downstream_down(world, queue):
    start, end = span(world, HOUR, 8 * HOUR, 0.2)
    queue.function.api.faults.append((start, end, "down", None))
    world.fault, world.hit = (start, end), [queue]


def downstream_slow(world, queue):
    start, end = span(world, 1.5 * HOUR, 8 * HOUR, 0.2)
    api, rng = queue.function.api, world.rng
    kind = rng.choice(("hang", "hang", "slow"))
    usual = queue.function.own_s + api.seconds
    amount = rng.uniform(0.9, 1.6) * queue.function.timeout_s / max(api.seconds, 0.1)
    api.faults.append((start, end, kind, amount if usual else None))
    if kind == "slow":
        queue.batch = 1
    world.fault, world.hit = (start, end), [queue]


def slow_leak(world, queue):
    rng, api = world.rng, queue.function.api
    start = rng.uniform(0.15, 0.35) * world.seconds
    ratio = queue.function.timeout_s / api.seconds * rng.uniform(0.8, 2.0)
    left = world.seconds - start
    queue.batch = 1
    import math

    if rng.random() < 0.6:
        api.faults.append((start, world.seconds, "creep", left * math.log(2.0) / math.log(ratio)))
    else:
        api.faults.append((start, world.seconds, "line", left / ratio))
    world.fault, world.hit = (start, world.seconds), [queue]


def arrival_surge(world, queue):
    rng = world.rng
    start, end = span(world, HOUR, 4 * HOUR, 0.1)
    usual = sum(item[1] is queue for item in world.arrivals) / world.seconds
    times = rng.uniform(6.0, 25.0)
    # The function can't take it: what it takes is half of what comes.
    queue.batch, queue.fifo = 1, False
    queue.name = queue.name.removesuffix(".fifo")
    queue.max_concurrency = 2
    took = queue.function.own_s + queue.function.api.seconds
    capacity = 2.0 / took
    if usual * times < 1.5 * capacity:
        queue.function.own_s = 1.0
        queue.function.api.seconds = 2.0 / (usual * times / rng.uniform(1.5, 3.0)) - 1.0
        queue.function.timeout_s = max(queue.function.timeout_s, 900.0)
        queue.visibility_s = 6 * queue.function.timeout_s
    moment = start + rng.expovariate(usual * times)
    end = min(end, start + 4 * HOUR)
    while moment < end:
        old = moment - rng.uniform(1, 4) * DAY
        upload(world, moment, rng.choice(world.devices), queue, recorded=old)
        moment += rng.expovariate(usual * times)
    world.fault, world.hit = (start, end), [queue]


def throttled(world, queue):
    rng = world.rng
    start, end = span(world, 4 * HOUR, 20 * HOUR, 0.7)
    queue.max_concurrency, queue.batch = None, 1
    queue.reserved_set = [(start, 1)]
    name = queue.function.name
    queue.function.own_s = max(queue.function.own_s, rng.uniform(2.0, 5.0))
    queue.visibility_s = min(queue.visibility_s, 90.0)
    change(
        world,
        start,
        "PutFunctionConcurrency20171031",
        name,
        {"functionName": name, "reservedConcurrentExecutions": 1},
    )
    if end < world.seconds:
        queue.reserved_set.append((end, None))
        change(world, end, "DeleteFunctionConcurrency20171031", name, {"functionName": name}, False)
    # Several at once must come, or one at a time is enough.
    for device in world.devices[:10]:
        moment = start + rng.uniform(30, 900)
        while moment < end:
            upload(world, moment + rng.uniform(0, 3), device, queue)
            moment += 900.0
    moment = rng.uniform(0, 900)
    while moment < start:
        for device in world.devices[:10]:
            upload(world, moment + rng.uniform(0, 3), device, queue)
        moment += 900.0
    world.fault, world.hit = (start, end), [queue]


def poison_messages(world, queue):
    rng = world.rng
    start, end = span(world, 12 * HOUR, 40 * HOUR, 0.6)
    text = rng.choice(("404", "nokey", "json", "keyerror"))
    queue.batch = 1 if rng.random() < 0.7 else queue.batch
    if queue.batch > 1:
        queue.partial = True
    every = rng.choice((600.0, 900.0, 1800.0))
    device = next(random_ids(rng)) if rng.random() < 0.7 else world.devices[0]
    moment = start + rng.uniform(0, 100)
    while moment < end:
        upload(world, moment + rng.uniform(0, 20), device, queue, poison=text)
        moment += every
    world.fault, world.hit = (start, end), [queue]


def visibility_misconfig(world, queue):
    rng = world.rng
    start, end = span(world, 4 * HOUR, 20 * HOUR, 0.7)
    queue.function.own_s = rng.uniform(6.0, 15.0)
    queue.batch, queue.max_concurrency = 1, None
    usual = queue.function.own_s + queue.function.api.seconds
    queue.function.timeout_s = max(queue.function.timeout_s, 60.0)
    queue.visibility_s = 6 * queue.function.timeout_s
    queue.visibility_set = [(start, max(1.0, round(usual * rng.uniform(0.5, 0.95))))]
    parameters = {
        "queueUrl": queue.name,
        "attributes": {"VisibilityTimeout": str(int(queue.visibility_set[0][1]))},
    }
    change(world, start, "SetQueueAttributes", queue.name, parameters)
    if end < world.seconds:
        queue.visibility_set.append((end, queue.visibility_s))
        parameters = {
            "queueUrl": queue.name,
            "attributes": {"VisibilityTimeout": str(int(queue.visibility_s))},
        }
        change(world, end, "SetQueueAttributes", queue.name, parameters, False)
    world.fault, world.hit = (start, end), [queue]


def mapping_disabled(world, queue):
    start, end = span(world, 3 * HOUR, 12 * HOUR, 0.5)
    queue.off = [(start, end + 1.0 if end >= world.seconds else end)]
    uuid = f"{world.queues.index(queue):08d}-0000-4000-8000-000000000000"
    name = queue.function.name
    change(world, start, "UpdateEventSourceMapping20150331", name, {"uUID": uuid, "enabled": False})
    if end < world.seconds:
        change(world, end, "UpdateEventSourceMapping20150331", name, {"uUID": uuid, "enabled": True}, False)
    world.fault, world.hit = (start, end), [queue]


def healthy(world, queue):
    """Draw an ordinary day with its small troubles: peaks, a slow minute, few bad messages, a deployment."""
    rng = world.rng
    kind = rng.choice(("quiet", "daily peak", "slow minute", "few bad", "small surge"))
    if kind == "daily peak":
        hour = rng.uniform(0, DAY)
        queue.max_concurrency = queue.max_concurrency or 5
        while hour < world.seconds:
            for device in world.devices * rng.randint(2, 4):
                upload(world, hour + rng.uniform(0, 600), device, queue)
            hour += DAY
    elif kind == "slow minute":
        moment = rng.uniform(0.2, 0.8) * world.seconds
        queue.function.api.faults.append((moment, moment + 120.0, "slow", 3.0))
    elif kind == "few bad":
        for _ in range(rng.randint(1, 2)):
            upload(world, rng.uniform(0.2, 0.8) * world.seconds, world.devices[0], queue, poison="404")
    elif kind == "small surge":
        moment = rng.uniform(0.2, 0.8) * world.seconds
        for device in world.devices * 2:
            upload(world, moment + rng.uniform(0, 1800), device, queue)


def decoys(world):
    """Let harmless changes happen, some shortly before the fault."""
    rng = world.rng
    own = {item[0] for item in world.changes}
    for _ in range(rng.choice((0, 1, 2, 4))):
        queue = rng.choice(world.queues)
        moment = rng.uniform(0.05, 0.95) * world.seconds
        if world.fault is not None and rng.random() < 0.4:
            # Good runs in between tell that this one did nothing.
            moment = world.fault[0] - rng.uniform(1.2, 4.0) * world.rhythm["every"] * 1.5
        if any(abs(moment - at) < 4 * HOUR for at in own) or moment < HOUR:
            continue
        if world.fault is not None and world.fault[0] <= moment < world.fault[1] and queue in world.hit:
            continue
        name = queue.function.name
        event = rng.choice(
            ("UpdateFunctionCode20150331v2", "UpdateFunctionCode20150331v2", "TagResource20170331")
        )
        world.changes.append((moment, event, name, {"functionName": name}))


FAULTS = {
    fault.__name__: fault
    for fault in (
        consumer_failing, downstream_slow, downstream_down, slow_leak, arrival_surge, throttled,
        poison_messages, visibility_misconfig, mapping_disabled, healthy,
    )
}  # fmt: skip


def truth_of(world, model):
    """Return the truth in the fields of the recorded cases, as far as it is compared."""
    dead = [item for queue in world.queues for _, item in queue.dead]
    pairs = sorted({(item.device, item.key) for item in dead})
    missed = sorted({(item.device, item.key) for item in dead if not item.ran_well})

    def iso(moment):
        return (world.start + timedelta(seconds=moment)).isoformat()

    fault = world.fault
    firsts = {
        what: model.firsts.get((queue.name, what))
        for queue in world.hit
        for what in ("failed", "throttle", "dead")
    }
    return {
        "cause": world.cause,
        "secondary_cause": None,
        "window": {"period_s": world.period},
        "incident_start": None if fault is None else iso(fault[0]),
        "incident_end": None if fault is None or fault[1] >= world.seconds else iso(fault[1]),
        "queues_affected": sorted(queue.name for queue in world.hit),
        "change_event_names": [] if world.change is None else [world.change],
        "messages_lost_to_dlq": len(dead),
        "messages_expired": sum(queue.lost for queue in world.queues),
        "dlq_messages_purged": 0,
        "dead_lettered_work": [list(pair) for pair in pairs],
        "missed_work": [list(pair) for pair in missed],
        "rhythm": world.rhythm,
        "firsts": {what: None if at is None else iso(at) for what, at in firsts.items()},
        "fifo": any(queue.fifo for queue in world.queues),
        "batch": max(queue.batch for queue in world.queues),
    }
