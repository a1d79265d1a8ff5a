"""Situations of made-up worlds that people on call meet, and that no single fault of a tidy world is.

A twist takes a drawn world and what is written of it, before it runs. Each situation of :data:`PLAN` has a
name, the cause whose world it starts from, the causes that a good engineer would accept (None: to name none),
and a twist. The corpus holds the first ones, whose seeds follow from their place.
"""

from worlds.backlog_draws import DAY, HOUR, upload

DEPLOY = "UpdateFunctionCode20150331v2"
CONFIGURE = "UpdateFunctionConfiguration20150331v2"
MAPPING = "UpdateEventSourceMapping20150331"
FAILING, DOWN, SLOW = {"consumer_failing"}, {"downstream_down"}, {"downstream_slow"}
LEAK, SURGE, THROTTLED = {"slow_leak"}, {"arrival_surge"}, {"throttled"}
POISON, WELL, NOTHING = {"poison_messages"}, {"healthy"}, {None}


def every_queue(**settings):
    """Return a twist that gives all queues the same settings."""

    def twist(world, options):
        for queue in world.queues:
            vars(queue).update(settings)

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


def stray(number, first=0.1, last=0.9, one_device=False):
    """Return a twist in which so many messages of a queue are bad, of any device or of one."""

    def twist(world, options):
        queue = world.rng.choice(world.queues)
        queue.partial = queue.partial or queue.batch > 1
        for _ in range(number):
            device = world.devices[0] if one_device else world.rng.choice(world.devices)
            upload(world, world.rng.uniform(first, last) * world.seconds, device, queue, poison="404")

    return twist


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
            model.count(queue.name, "sent")
        queue.dead.clear()
        model.poll(queue)

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


def poison(text, **settings):
    """Return a twist that lets bad messages fail with another text, of a queue with some settings."""

    def twist(world, options):
        vars(world.hit[0]).update(settings)
        world.arrivals = [(*item[:5], text) if item[5] else item for item in world.arrivals]

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


def short_maintenance(world, options):
    queue, moment = world.queues[0], 0.5 * world.seconds
    queue.off = [(moment, moment + 300)]
    uuid = "00000000-0000-4000-8000-000000000000"
    for at, on in ((moment, False), (moment + 300, True)):
        recorded(world, options, at, MAPPING, queue.function.name, uUID=uuid, enabled=on)


def late_points(world, options):
    """Let the last points of the functions' metrics not be there yet."""
    options["gap"] = {"lambda": (world.seconds - 1200, world.seconds)}


def one_function(world, options):
    """Let one function serve two queues, as its metrics then count the runs of both."""
    first = world.hit[0] if world.hit else world.queues[0]
    other = next((queue for queue in world.queues if queue is not first), None)
    if other is not None:
        other.function, other.batch, other.partial = first.function, first.batch, first.partial
        if world.hit and first.function.api.faults:
            world.hit = [first, other]


def nightly_backup(world, options):
    """Let each night slow the APIs down for an hour, within every limit."""
    for queue in world.queues:
        queue.batch, queue.function.timeout_s, queue.visibility_s = 1, 300.0, 1800.0
        queue.max_concurrency = None
    moment = world.rng.uniform(0, DAY)
    while moment < world.seconds:
        for queue in world.queues:
            queue.function.api.faults.append((moment, moment + HOUR, "slow", 4.0))
        moment += DAY


def down_while_nobody_sends(world, options):
    start, end = 0.5 * world.seconds, 0.5 * world.seconds + 2 * HOUR
    world.arrivals = [item for item in world.arrivals if not start - 600 <= item[0] < end]
    for queue in world.queues:
        queue.function.api.faults.append((start, end, "down", None))


def cold_starts(world, options):
    """Let each deployment be followed by ten minutes of slow starts."""
    moment = world.rng.uniform(0, DAY)
    while moment < world.seconds:
        for queue in world.queues:
            queue.function.api.faults.append((moment, moment + 600, "slow", 6.0))
            name = queue.function.name
            recorded(world, options, moment, DEPLOY, name, functionName=name)
        moment += 8 * HOUR


def memory_lowered(world, options):
    """Let a function get an eighth of its memory, and so of its processor, until its time runs out."""
    queue, start = world.hit[0], world.fault[0]
    function = queue.function
    function.broken, function.own_s, function.timeout_s, queue.batch = [], 4.0, 30.0, 1
    queue.visibility_s, world.fault = 180.0, (start, world.seconds)
    world.events.append((start, lambda model: setattr(function, "own_s", 34.0)))
    function.memory = [(0.0, 1024), (start, 128)]
    no_change(world, options)
    recorded(world, options, start, CONFIGURE, function.name, functionName=function.name, memorySize=128)


PLAN = (
    ("killed for memory", "consumer_failing", FAILING, breaks("killed", 2.0, event=CONFIGURE)),
    ("syntax error", "consumer_failing", FAILING, breaks("syntax", 0.1, event=DEPLOY)),
    ("disk full", "consumer_failing", FAILING, breaks("disk")),
    ("key denied", "consumer_failing", FAILING, breaks("key denied", 0.3)),
    ("half the runs", "consumer_failing", FAILING, breaks("typeerror", None, 0.5, "as it was")),
    ("half an hour", "consumer_failing", FAILING, breaks("import", 0.2, 1.0, "as it was", 2400)),
    ("a shared layer", "consumer_failing", FAILING, all_hit),
    ("failing all along", "consumer_failing", FAILING, from_the_start),
    ("timeout lowered", "consumer_failing", FAILING, timeout_lowered),
    ("new schema", "consumer_failing", FAILING, new_schema),
    ("name not found", "downstream_down", DOWN, answers("dns")),
    ("certificate", "downstream_down", DOWN, answers("certificate")),
    ("too many requests", "downstream_down", DOWN, answers("too many")),
    ("storage slows down", "downstream_down", DOWN, answers("slow down")),
    ("database full", "downstream_down", DOWN, answers("database")),
    ("own words", "downstream_down", DOWN, answers("own words")),
    ("node", "downstream_down", DOWN, answers("node")),
    ("json logs", "downstream_down", DOWN, answers("json down")),
    ("half the calls", "downstream_down", DOWN, answers("bad_gateway", 0.5)),
    ("flapping", "downstream_down", DOWN, api_faults(flapping)),
    ("stopped by hand", "downstream_down", DOWN, stopped_by_hand),
    ("redriven", "downstream_down", DOWN, redriven),
    ("dead letters purged", "downstream_down", DOWN, dead_letters_purged),
    ("few hours", "downstream_down", DOWN, few_hours),
    ("impatient", "downstream_slow", SLOW, impatient),
    ("slower only", "downstream_slow", SLOW, slower_only),
    ("one in four", "downstream_slow", SLOW, one_in_four),
    ("waves", "downstream_slow", SLOW, api_faults(waves)),
    ("no partial answers", "downstream_slow", SLOW, every_queue(batch=10, partial=False, fifo=False)),
    ("sawtooth", "slow_leak", LEAK | WELL, api_faults(sawtooth)),
    ("stairs", "slow_leak", LEAK, api_faults(stairs)),
    ("stays", "arrival_surge", SURGE, stays),
    ("hangs", "poison_messages", POISON, poison("hangs", batch=1)),
    ("bad import", "poison_messages", POISON, bad_import),
    ("sent back in vain", "poison_messages", POISON, sent_back_in_vain),
    ("expired", "mapping_disabled", {"mapping_disabled"}, expired),
    ("one function, down", "downstream_down", DOWN, one_function),
    ("nightly backup", "healthy", WELL, nightly_backup),
    ("down while nobody sends", "healthy", WELL, down_while_nobody_sends),
    ("maintenance", "healthy", WELL, short_maintenance),
    ("late points", "healthy", WELL, late_points),
    ("memory lowered", "consumer_failing", FAILING | SLOW | NOTHING, memory_lowered),
    ("half the runs, no trail", "consumer_failing", FAILING | NOTHING, breaks("typeerror", None, 0.5)),
)


def situations():
    """Yield a name, a cause, the causes to accept and a twist for each situation."""
    for name, cause, accepted, twist in PLAN:
        yield name.replace(",", "").replace(" ", "-"), cause, list(accepted), twist
