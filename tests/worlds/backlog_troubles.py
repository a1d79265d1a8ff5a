"""Troubles of made-up worlds that people on call meet, as twists: see `backlog_situations.py`."""

import math

from worlds.backlog_draws import DAY, HOUR, upload
from worlds.backlog_twists import every_queue, record

CONFIGURE = "UpdateFunctionConfiguration20150331v2"
MAPPING = "UpdateEventSourceMapping20150331"


def no_change(world, options):
    """Let nothing recorded have begun it."""
    own = world.fault and world.fault[0]
    kept = [item for item in world.changes if own is None or abs(item[0] - own) > 1.0]
    world.changes, world.change = kept, None
    options["made"] = sorted(kept)
    if options["changes"] is not None:
        options["changes"] = sorted(kept)


def recorded(world, options, moment, event, name, **parameters):
    """Record a change, in the trail where there is one and in what the configurations tell."""
    item = (moment, event, name, parameters)
    options["made"] = sorted([*options["made"], item])
    if options["changes"] is not None:
        record(options, *item)


def instead(world, options, event, name, **parameters):
    """Record another change in the place of the one that began it."""
    no_change(world, options)
    recorded(world, options, world.fault[0], event, name, **parameters)
    world.change = event if options["changes"] is not None else None


def breaks(text, seconds=None, share=1.0, event=None, length=None):
    """Return a twist that breaks a function in another way: by what text, in how long, which share."""

    def twist(world, options):
        function = world.hit[0].function
        start, end = world.fault
        end = end if length is None else start + length
        function.broken = [(start, end, text, function.own_s if seconds is None else seconds, share)]
        world.fault = (start, end)
        if event is None:
            no_change(world, options)
        elif event != "as it was":
            instead(world, options, event, function.name, functionName=function.name)

    return twist


def answers(text, share=None):
    """Return a twist in which the API fails with another text, or in a share of calls."""

    def twist(world, options):
        api = world.hit[0].function.api
        api.faults = [(start, end, text, share) for start, end, *_ in api.faults]

    return twist


def api_faults(make):
    """Return a twist that gives the API the faults that ``make`` returns for a start and an end."""

    def twist(world, options):
        world.hit[0].function.api.faults = make(*world.fault)

    return twist


def flapping(start, end):
    return [(at, at + 300, "down", None) for at in range(int(start), int(end), 600)]


def waves(start, end):
    return [(start + place * 2 * HOUR, start + place * 2 * HOUR + 2400, "hang", None) for place in range(3)]


def sawtooth(start, end):
    return [(at, at + 1.5 * DAY, "creep", 0.7 * DAY) for at in range(int(start), int(end), int(1.5 * DAY))]


def stairs(start, end):
    return [(at, end, "slow", 1.7) for at in range(int(start), int(end), int(0.5 * DAY))]


def impatient(world, options):
    for queue in world.queues:
        queue.function.api.patience_s = 10.0
        queue.function.timeout_s = max(queue.function.timeout_s, 60.0)
        queue.visibility_s = 6 * queue.function.timeout_s
        queue.batch = 1


def all_hit(world, options):
    """Let the fault of one function be that of all, as where they share a layer."""
    broken = world.hit[0].function.broken
    for queue in world.queues:
        queue.function.broken = list(broken)
        if queue not in world.hit:
            name = queue.function.name
            recorded(world, options, world.fault[0] + 3, CONFIGURE, name, functionName=name)
    world.hit = list(world.queues)


def from_the_start(world, options):
    no_change(world, options)
    world.fault = (0.0, world.seconds)
    for queue in world.hit:
        queue.function.broken = [(0.0, world.seconds, *item[2:]) for item in queue.function.broken]
        queue.visibility_s = queue.visibility_set[0][1] if queue.visibility_set else queue.visibility_s
        queue.visibility_set = []
        queue.off = [(0.0, world.seconds + 1)] if queue.off else []


def timeout_lowered(world, options):
    queue, start = world.hit[0], world.fault[0]
    function = queue.function
    function.broken, function.timeout_s = [], max(function.timeout_s, 60.0)
    function.own_s, function.api.seconds, queue.batch = 3.0, 4.0, 1
    queue.visibility_s = 6 * function.timeout_s
    world.fault = (start, world.seconds)
    world.events.append((start, lambda model: setattr(function, "timeout_s", 3.0)))
    instead(world, options, CONFIGURE, function.name, functionName=function.name, timeout=3)


def stopped_by_hand(world, options):
    """Let the team disable the mapping half an hour into an outage, and enable it after."""
    queue, (start, end) = world.hit[0], world.fault
    uuid = f"{world.queues.index(queue):08d}-0000-4000-8000-000000000000"
    off = (start + 1800, max(end, start + HOUR))
    queue.off = [off]
    name = queue.function.name
    recorded(world, options, off[0], MAPPING, name, uUID=uuid, enabled=False)
    if off[1] < world.seconds:
        recorded(world, options, off[1], MAPPING, name, uUID=uuid, enabled=True)


def redrive_at(world, options, queue, moment):
    """Let the team send all dead letters of a queue back at a moment, which CloudTrail records."""

    def redrive(model):
        for _, message in queue.dead:
            message.receives = 0
            queue.alive[message.number] = message
            queue.waiting.append(message)
            model._count(queue.name, "sent")
        queue.dead.clear()
        model._poll(queue)

    world.events.append((moment, redrive))
    recorded(world, options, moment, "StartMessageMoveTask", queue.dlq, sourceArn=queue.dlq)


def redriven(world, options):
    """Let the team send the dead letters back once all is well."""
    queue, end = world.hit[0], min(world.fault[1], world.seconds - 2 * HOUR)
    world.fault = (min(world.fault[0], end - HOUR), end)
    queue.function.api.faults = [(*world.fault, *item[2:]) for item in queue.function.api.faults]
    redrive_at(world, options, queue, end + HOUR)


def dead_letters_purged(world, options):
    queue, moment = world.hit[0], 0.5 * (world.fault[1] + world.seconds)
    world.events.append((moment, lambda model: queue.dead.clear()))
    recorded(world, options, moment, "PurgeQueue", queue.dlq, queueUrl=queue.dlq)


def slower_only(world, options):
    """Let the API answer six times as late, within every limit, two at a time."""
    queue = world.hit[0]
    function = queue.function
    function.timeout_s, queue.max_concurrency, queue.batch = 600.0, 2, 1
    function.api.seconds, queue.visibility_s = 4.0, 3600.0
    function.api.faults = [(*world.fault, "slow", 20.0)]


def one_in_four(world, options):
    world.hit[0].batch = 1
    api_faults(lambda start, end: [(start, end, "hang", 0.25)])(world, options)


def leak_ends_down(world, options):
    api = world.hit[0].function.api
    api.faults.append((world.seconds - 2 * HOUR, world.seconds, "refused", None))


def sends_again(world, options):
    """Let a client send each of its recordings ten times."""
    queue, (start, end) = world.hit[0], world.fault
    extra = [item for item in world.arrivals if item[1] is queue and start <= item[0] < end]
    world.arrivals = [item for item in world.arrivals if item not in extra]
    for moment, *content in extra[::10]:
        world.arrivals += [(moment + 4 * place, *content) for place in range(10)]


def one_sender(world, options):
    start, end = world.fault
    world.arrivals = [
        (*item[:2], world.devices[0], *item[3:])
        if item[1] is world.hit[0] and start <= item[0] < end
        else item
        for item in world.arrivals
    ]


def stays(world, options):
    """Let a surge go on to the end, as a new customer's traffic does."""
    queue, (start, end) = world.hit[0], world.fault
    own = [item for item in world.arrivals if item[1] is queue and start <= item[0] < end]
    length, moment = end - start, end
    while moment < world.seconds:
        world.arrivals += [(item[0] - start + moment, *item[1:]) for item in own]
        moment += length
    world.arrivals = [item for item in world.arrivals if item[0] < world.seconds]
    world.fault = (start, world.seconds)


def ramp(world, options):
    """Let a surge begin with few and grow."""
    start, end = world.fault
    rng = world.rng
    world.arrivals = [
        item for item in world.arrivals
        if not (item[1] is world.hit[0] and start <= item[0] < end)
        or rng.random() < min(1.0, 2.0 * (item[0] - start) / (end - start))
    ]  # fmt: skip


def reserved_two(world, options):
    queue = world.hit[0]
    queue.max_concurrency, queue.function.reserved = None, 2


def account_limit(world, options):
    """Let other functions take the account's concurrency: throttles, and nothing of this one changed."""
    no_change(world, options)
    for queue in world.queues:
        queue.function.api.seconds = max(queue.function.api.seconds, 1.5)


def switched_off(world, options):
    """Let somebody reserve no concurrency at all."""
    queue = world.hit[0]
    queue.reserved_set = [(at, 0 if number == 1 else number) for at, number in queue.reserved_set]
    name = queue.function.name
    instead(
        world, options, "PutFunctionConcurrency20171031", name, functionName=name,
        reservedConcurrentExecutions=0,
    )  # fmt: skip


def poison(text, share_of_devices=None, batch=None, **settings):
    """Return a twist that lets bad messages fail with another text, or come from many devices."""

    def twist(world, options):
        queue = world.hit[0]
        vars(queue).update(settings)
        if batch is not None:
            queue.batch, queue.partial = batch, False
        devices = world.devices[: math.ceil((share_of_devices or 0) * len(world.devices))]
        world.arrivals = [
            (*item[:2], world.rng.choice(devices) if devices else item[2], *item[3:5], text)
            if item[5] else item
            for item in world.arrivals
        ]  # fmt: skip

    return twist


def bad_import(world, options):
    """Let somebody import two hundred malformed rows within two minutes."""
    queue, start = world.hit[0], world.fault[0]
    world.arrivals = [item for item in world.arrivals if not item[5]]
    for _ in range(200):
        upload(world, start + world.rng.uniform(0, 120), world.devices[0], queue, poison="keyerror")


def new_schema(world, options):
    """Let a deployment choke on the messages of half of the devices."""
    queue, (start, end) = world.hit[0], world.fault
    queue.function.broken = []
    queue.batch, queue.partial = 1, False
    half = set(world.devices[::2])
    world.arrivals = [
        (*item[:5], "keyerror") if item[1] is queue and item[2] in half and start <= item[0] < end else item
        for item in world.arrivals
    ]


def late_objects(share):
    """Return a twist in which a share of messages is ahead of its file, and fails the first time."""

    def twist(world, options):
        world.arrivals = [
            (*item[:5], "late") if world.rng.random() < share else item for item in world.arrivals
        ]
        every_queue(batch=1)(world, options)

    return twist


def batch_raised(world, options):
    """Let a mapping's batch be raised until a run is longer than the visibility timeout."""
    queue, start = world.hit[0], world.fault[0]
    function = queue.function
    queue.visibility_set, queue.batch, queue.max_concurrency = [], 1, 3
    function.timeout_s, function.own_s, function.api.seconds = 300.0, 6.0, 4.0
    queue.visibility_s, queue.partial = 30.0, False
    world.fault = (start, world.seconds)
    for device in world.devices:
        moment = start - HOUR
        while moment < world.seconds:
            upload(world, moment, device, queue)
            moment += 900
    world.events.append((start, lambda model: setattr(queue, "batch", 10)))
    uuid = f"{world.queues.index(queue):08d}-0000-4000-8000-000000000000"
    instead(world, options, MAPPING, function.name, uUID=uuid, batchSize=10)


def mapping_says(state, change=None):
    """Return a twist in which the mapping says something else, or is gone."""

    def twist(world, options):
        queue, (start, _) = world.hit[0], world.fault
        world.fault, queue.off, queue.state = (start, world.seconds), [(start, world.seconds + 1)], state
        no_change(world, options)
        if change:
            instead(world, options, change, queue.function.name, uUID="00000000-0000-4000-8000-000000000000")

    return twist


def expired(world, options):
    """Let messages pass their retention while the mapping is off."""
    queue = world.hit[0]
    queue.retention_s = 2 * HOUR

    def expire(model):
        model.expire(queue)

    world.events += [(60.0 * minute, expire) for minute in range(int(world.seconds // 60))]


def few_hours(world, options):
    """Let the window hold no more than two hours before an outage and two of it."""
    world.seconds, world.fault = 4 * HOUR, (2 * HOUR, 4 * HOUR)
    api_faults(lambda start, end: [(start, end, "down", None)])(world, options)
    options["made"] = []
    options["changes"] = None if options["changes"] is None else []


def sent_back_in_vain(world, options):
    """Let the team send dead letters back whose files are gone, so that they die again."""
    queue, start = world.hit[0], world.fault[0]
    world.arrivals = [item for item in world.arrivals if not item[5]]
    queue.fifo, queue.batch = False, 1
    for place in range(60):
        device = world.rng.choice(world.devices)
        upload(world, start + 0.2 * place, device, queue, poison="nokey", recorded=start - 4 * DAY)
    recorded(world, options, start, "StartMessageMoveTask", queue.dlq, sourceArn=queue.dlq)
