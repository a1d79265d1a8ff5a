"""Twists of made-up worlds: what real systems have that one plain fault in a tidy world has not.

A twist takes a drawn world and what is written of it, before it runs.
"""

from worlds.backlog_draws import DAY, HOUR, random_ids, upload

DEPLOY = "UpdateFunctionCode20150331v2"


def every_queue(**settings):
    """Return a twist that gives all queues the same settings."""

    def twist(world, options):
        for queue in world.queues:
            vars(queue).update(settings)

    return twist


def writes(**changed):
    """Return a twist that changes what is written of a world."""

    def twist(world, options):
        options.update(changed)
        world.period = options["period"]
        if options["changes"] is None:
            world.change = None

    return twist


def mapping(place):
    return f"{place:08d}-0000-4000-8000-000000000000"


def alone(twist=None):
    """Return a twist that leaves of a world, once ``twist`` has had it, the queue in question alone.

    That is the queue that is hit, else the one with bad messages, else the first, with another one that its
    function serves. Each queue more, to which nothing happens, costs as much as this one.
    """

    def leave(world, options):
        if twist is not None:
            twist(world, options)
        bad = [queue for _, queue, *_, poison in world.arrivals if poison]
        function = (world.hit or bad or world.queues)[0].function
        kept = [queue for queue in world.queues if queue.function is function]
        names = {name for queue in kept for name in (queue.name, queue.dlq, function.name)}
        mappings = {mapping(world.queues.index(queue)): mapping(place) for place, queue in enumerate(kept)}

        def renumbered(parameters):
            return {of: mappings.get(str(value), value) for of, value in parameters.items()}

        for key in ("changes", "made"):
            options[key] = options[key] and [
                (moment, event, name, renumbered(parameters))
                for moment, event, name, parameters in options[key]
                if name in names
            ]
        world.queues = kept
        world.arrivals = [arrival for arrival in world.arrivals if arrival[1].name in names]

    return leave


def record(options, moment, event, name, parameters):
    options["changes"] = sorted([*(options["changes"] or []), (moment, event, name, parameters)])


def deployed(share):
    """Return a twist that deploys within the fault, or minutes before it where the share is negative."""

    def twist(world, options):
        start, end = world.fault
        moment = start + share * (end - start) if share >= 0 else start - world.rng.uniform(90, 500)
        name = world.hit[0].function.name
        record(options, moment, DEPLOY, name, {"functionName": name})

    return twist


def shared_api(world, options):
    api = (world.hit or world.queues)[0].function.api
    for queue in world.queues:
        queue.function.api = api
    # Broken code stays one function's own.
    if api.faults:
        world.hit = list(world.queues)


def purged(world, options):
    queue, (start, end) = world.hit[0], world.fault
    queue.purges = [start + 0.7 * (end - start)]
    record(options, queue.purges[0], "PurgeQueue", queue.name, {"queueUrl": queue.name})


def other_queue_poisoned(world, options):
    other = next((queue for queue in world.queues if queue not in world.hit), None)
    moment = world.fault[0] + 600
    while other is not None and moment < world.seconds:
        upload(world, moment, world.devices[0], other, poison="404")
        moment += 1800


def moved_fault(start, end):
    """Return a twist that moves an API's fault: seconds from the start, or from the end where negative."""

    def twist(world, options):
        world.fault = tuple(moment if moment > 0 else world.seconds + moment for moment in (start, end))
        api = world.hit[0].function.api
        api.faults = [(*world.fault, *fault[2:]) for fault in api.faults]

    return twist


def busy(world, options):
    moment = 0.0
    while moment < world.seconds:
        upload(world, moment, world.rng.choice(world.devices))
        moment += world.rng.expovariate(20 / 60)


def lone_device(world, options):
    world.arrivals = [item for item in world.arrivals if item[2] == world.devices[0] or item[5]]


def peaks(times, seconds, at_once, deploys=False):
    """Return a twist with a daily peak of so many messages a device, and perhaps a deployment before it."""

    def twist(world, options):
        moment = world.rng.uniform(0, DAY)
        while moment < world.seconds:
            for device in world.devices * times:
                upload(world, moment + world.rng.uniform(0, seconds), device)
            if deploys:
                name = world.queues[0].function.name
                record(options, moment - 400, DEPLOY, name, {"functionName": name})
            moment += DAY
        every_queue(max_concurrency=at_once)(world, options)

    return twist


def slow_mornings(world, options):
    moment = world.rng.uniform(0, DAY)
    while moment < world.seconds:
        for queue in world.queues:
            queue.function.api.faults.append((moment, moment + 2 * HOUR, "slow", 2.5))
        moment += DAY


def more_devices(world, options):
    ids, moment = random_ids(world.rng), 0.5 * world.seconds
    new = [next(ids) for _ in range(max(2, len(world.devices) // 3))]
    while moment < world.seconds:
        for device in new:
            upload(world, moment + world.rng.uniform(0, 200), device)
        moment += 1800


def brief_outages(world, options):
    for queue in world.queues:
        for _ in range(4):
            moment = world.rng.uniform(0.05, 0.95) * world.seconds
            queue.function.api.faults.append((moment, moment + 25, "down", None))


def stray(number, first=0.1, last=0.9, one_device=False):
    """Return a twist in which so many messages of a queue are bad, of any device or of one."""

    def twist(world, options):
        queue = world.rng.choice(world.queues)
        queue.partial = queue.partial or queue.batch > 1
        for _ in range(number):
            device = world.devices[0] if one_device else world.rng.choice(world.devices)
            upload(world, world.rng.uniform(first, last) * world.seconds, device, queue, poison="404")

    return twist


def reserved(world, options):
    for queue in world.queues:
        queue.function.reserved, queue.max_receives = 5, 5


TENS = every_queue(partial=True, batch=10, fifo=False)
FIFO = every_queue(fifo=True, batch=1)
NO_REDRIVE = every_queue(dlq=None)
PLAN = {
    "one API": (shared_api, ("downstream_down", "downstream_slow", "slow_leak")),
    "deployed before": (deployed(-1), ("downstream_down", "downstream_slow", "poison_messages")),
    "deployed within": (deployed(0.4), ("downstream_down",)),
    "tens": (TENS, ("consumer_failing", "downstream_slow", "poison_messages", "healthy")),
    "FIFO": (FIFO, ("consumer_failing", "downstream_down", "mapping_disabled", "healthy")),
    "one DLQ": (every_queue(dlq="all-dlq"), ("downstream_down", "poison_messages")),
    "no redrive policy": (NO_REDRIVE, ("downstream_down", "poison_messages", "throttled")),
    "two at once": (every_queue(max_concurrency=2), ("downstream_slow", "slow_leak")),
    "one receive": (every_queue(max_receives=1), ("downstream_down", "poison_messages")),
    "no logs": (writes(logs="none"), ("downstream_down", "consumer_failing")),
    "no state": (writes(without=("state",)), ("throttled", "mapping_disabled", "healthy")),
    "no trail": (writes(changes=None), ("throttled", "visibility_misconfig")),
    "no SQS": (writes(without=("sqs",)), ("arrival_surge", "healthy")),
    "no Lambda": (writes(without=("lambda",)), ("downstream_down", "healthy")),
    "five minutes": (writes(period=300), ("downstream_slow", "visibility_misconfig", "throttled")),
    "lost points": (writes(missing_points=0.01, period=60), ("healthy", "mapping_disabled")),
    "purged": (purged, ("downstream_down", "mapping_disabled")),
    "another poisoned": (other_queue_poisoned, ("downstream_down", "mapping_disabled")),
    "late": (moved_fault(-3600, 0), ("downstream_down", "downstream_slow")),
    "early": (moved_fault(1, 6 * HOUR), ("downstream_down",)),
    "busy": (busy, ("downstream_down", "consumer_failing", "healthy")),
    "lone device": (lone_device, ("downstream_slow", "poison_messages", "healthy")),
    "daily peak": (peaks(5, 900, 3, deploys=True), ("healthy",)),
    "nightly batch": (peaks(8, 30, 2), ("healthy",)),
    "slow mornings": (slow_mornings, ("healthy",)),
    "more devices": (more_devices, ("healthy",)),
    "brief outages": (brief_outages, ("healthy",)),
    "stray": (stray(6), ("healthy",)),
    "reserved": (reserved, ("healthy",)),
}


def twisted():
    """Yield a name, a cause and a twist for each planned world."""
    for name, (twist, causes) in PLAN.items():
        for cause in causes:
            yield f"{cause}-{name.replace(' ', '-')}", cause, twist
