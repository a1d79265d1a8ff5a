"""Troubles on call of which several have a cause outside of the list, as twists: see `backlog_situations.py`.

Where the cause is none that a diagnosis can name, saying nothing is right, and naming another is wrong.
"""

from worlds.backlog_draws import DAY, HOUR, upload
from worlds.backlog_troubles import CONFIGURE, api_faults, breaks, no_change, poison, recorded, redrive_at
from worlds.backlog_twists import DEPLOY, every_queue

FAILING, DOWN, SLOW = {"consumer_failing"}, {"downstream_down"}, {"downstream_slow"}
SURGE, POISON, WELL, NOTHING = {"arrival_surge"}, {"poison_messages"}, {"healthy"}, {None}
SHORT, THROTTLED = {"visibility_misconfig"}, {"throttled"}


def the_fault(world, least=6 * HOUR):
    """Give a healthy world the time of a fault, in one of its queues, and return both."""
    queue = world.queues[0]
    start = 0.5 * world.seconds
    world.fault, world.hit = (start, min(start + least, world.seconds)), [queue]
    return queue, *world.fault


def within(world, queue, share=1.0):
    """Return the arrivals of a queue within the fault, or a share of them."""
    start, end = world.fault
    return [
        item for item in world.arrivals
        if item[1] is queue and start <= item[0] < end and world.rng.random() < share
    ]  # fmt: skip


def filtered(share):
    """Return a twist in which a mapping's filter drops messages: received and deleted, and nothing runs."""

    def twist(world, options):
        queue, start, _ = the_fault(world)
        queue.fifo, queue.filter = False, '{"body": {"kind": ["audio"]}}'
        dropped = within(world, queue, share)
        world.arrivals = [item for item in world.arrivals if item not in dropped]

        def drop(model):
            for what in ("sent", "received", "deleted"):
                model._count(queue.name, what)

        world.events += [(item[0], drop) for item in dropped]
        name = queue.function.name
        recorded(world, options, start, "UpdateEventSourceMapping20150331", name, filterCriteria={})

    return twist


def stolen(share):
    """Return a twist in which a second consumer takes messages and deletes them."""

    def twist(world, options):
        filtered(share)(world, options)
        for queue in world.queues:
            queue.filter = None
        no_change(world, options)

    return twist


def looked_at(world, options):
    """Let somebody poll messages in the console again and again, until they are received too often."""
    queue, *_ = the_fault(world)
    queue.fifo, queue.batch, queue.visibility_s, queue.max_receives = False, 1, 60.0, 3

    def peek(model):
        while model._receive(queue):
            pass

    # Each time right when a message shows, ahead of the function's poller.
    for item in within(world, queue):
        world.events += [(item[0] + 0.005 + 60.005 * place, peek) for place in range(4)]


def delayed(world, options):
    """Let producers delay each message by ten minutes, as a queue's setting does."""
    queue = world.queues[0]
    own = [item for item in world.arrivals if item[1] is queue]
    world.arrivals = [item for item in world.arrivals if item[1] is not queue]

    def send(moment, content):
        def act(model):
            model._count(queue.name, "sent")
            model.at(moment + 600, arrive, content)

        def arrive(content):
            model_of[0]._send(queue, content)
            model_of[0]._count(queue.name, "sent", -1)

        return act

    model_of = []
    world.events.append((0.0, model_of.append))
    world.events += [(item[0] + 0.001, send(item[0], item[2:])) for item in own]


def every_message_twice(world, options):
    queue, *_ = the_fault(world)
    world.arrivals += [(item[0] + 0.4, *item[1:]) for item in within(world, queue)]


def half_of_arrivals_lost(world, options):
    queue, *_ = the_fault(world, DAY)
    lost = within(world, queue, 0.5)
    world.arrivals = [item for item in world.arrivals if item not in lost]


def purged_by_mistake(world, options):
    """Let somebody purge a queue in which a peak waits."""
    queue, start, _ = the_fault(world)
    queue.max_concurrency, queue.fifo, queue.batch = 2, False, 1
    queue.function.own_s, queue.function.timeout_s, queue.visibility_s = 4.0, 60.0, 360.0
    for _ in range(60):
        upload(world, start + world.rng.uniform(0, 30), world.rng.choice(world.devices), queue)
    queue.purges = [start + 45]
    recorded(world, options, start + 45, "PurgeQueue", queue.name, queueUrl=queue.name)


def role_changed(world, options):
    """Let a policy be taken from the function's role, which names no function."""
    breaks("denied", 0.3)(world, options)
    recorded(world, options, world.fault[0], "DetachRolePolicy", "worker-role", roleName="worker-role")


def no_way_out(world, options):
    """Let no function reach anything any more, as without a gateway of the network."""
    start, end = world.fault
    for queue in world.queues:
        queue.function.api.faults = [(start, end, "hang", None)]
        queue.batch = 1
    world.hit = list(world.queues)


def cold_starts(world, options):
    """Let each deployment be followed by ten minutes of slow starts."""
    moment = world.rng.uniform(0, DAY)
    while moment < world.seconds:
        for queue in world.queues:
            queue.function.api.faults.append((moment, moment + 600, "slow", 6.0))
            name = queue.function.name
            recorded(world, options, moment, DEPLOY, name, functionName=name)
        moment += 8 * HOUR


def sent_back_again_and_again(world, options):
    """Let the team send dead letters back every two hours into a function that still fails."""
    queue, (start, end) = world.hit[0], world.fault

    for place in range(1, 4):
        moment = start + place * 2 * HOUR
        if moment < end - HOUR:
            redrive_at(world, options, queue, moment)


def no_heartbeat(world, options):
    """Let a deployment forget to extend the visibility timeout, which was short all along."""
    no_change(world, options)
    start, name = world.fault[0], world.hit[0].function.name
    recorded(world, options, start, DEPLOY, name, functionName=name)


def kept_too_short(world, options):
    """Let messages expire after two minutes, while a peak waits longer."""
    queue, start, end = the_fault(world)
    queue.max_concurrency, queue.fifo, queue.batch = 2, False, 1
    queue.function.own_s, queue.function.timeout_s, queue.visibility_s = 5.0, 60.0, 360.0
    queue.retention_s = 120.0
    for place in range(4):
        for device in world.devices * 8:
            upload(world, start + place * HOUR + world.rng.uniform(0, 60), device, queue)

    def expire(model):
        model.expire(queue)

    world.events += [(start + 20.0 * place, expire) for place in range(int((end - start) // 20))]
    recorded(
        world, options, start, "SetQueueAttributes", queue.name, attributes={"MessageRetentionPeriod": "120"}
    )


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


def calls_itself(world, options):
    """Let a function write to its own queue: each message makes another."""
    queue, (start, end) = world.hit[0], world.fault
    own = within(world, queue)
    world.arrivals = [item for item in world.arrivals if item not in own]
    moment, gap = start, 60.0
    while moment < end:
        upload(world, moment, world.devices[0], queue)
        gap = max(0.5, gap * 0.97)
        moment += gap


def one_devices_quota(world, options):
    """Let the API refuse one device, which used up its quota, for half a day."""
    queue, *_ = the_fault(world, 12 * HOUR)
    queue.batch, device = 1, world.devices[0]
    world.arrivals = [item for item in world.arrivals if not (item[1] is queue and item[2] == device)]
    moment = 0.0
    while moment < world.seconds:
        bad = "too many" if world.fault[0] <= moment < world.fault[1] else None
        upload(world, moment, device, queue, poison=bad)
        moment += 900


def few_minutes(kind, seconds):
    """Return a twist in which the API fails for so short that retries mend it."""

    def twist(world, options):
        every_queue(visibility_s=360.0, max_receives=5, batch=1)(world, options)
        start = 0.5 * world.seconds
        world.queues[0].function.api.faults.append((start, start + seconds, kind, None))

    return twist


def promoted(world, options):
    """Let a campaign bring three times the load for six hours, which is taken."""
    queue, *_ = the_fault(world)
    every_queue(max_concurrency=None, batch=1)(world, options)
    for item in within(world, queue):
        world.arrivals += [(item[0] + world.rng.uniform(0, 300), *item[1:]) for _ in range(2)]


def rolled_back(world, options):
    """Let a bad deployment be rolled back after five minutes, in which messages come."""
    queue, start, _ = the_fault(world)
    every_queue(max_receives=10, batch=1, visibility_s=120.0)(world, options)
    world.fault = (start, start + 300)
    queue.function.broken = [(start, start + 300, "import", 0.2, 1.0)]
    for place in range(30):
        upload(world, start - 1800 + 120 * place, world.rng.choice(world.devices), queue)
    for moment in world.fault:
        recorded(world, options, moment, DEPLOY, queue.function.name, functionName=queue.function.name)


def bad_and_peaks(world, options):
    """Let a FIFO queue hold messages that always fail, among daily peaks."""
    poison("json", None, 1, fifo=True, max_receives=5, max_concurrency=3)(world, options)
    moment = world.rng.uniform(0, DAY)
    while moment < world.seconds:
        for device in world.devices * 6:
            upload(world, moment + world.rng.uniform(0, 300), device, world.hit[0])
        moment += DAY


def both_sides(world, options):
    """Let a deployment come minutes before an outage of the API, which heals by itself."""
    start, name = world.fault[0], world.hit[0].function.name
    recorded(world, options, start - 240, DEPLOY, name, functionName=name)


def limit_of_all(world, options):
    """Let another function take the account's concurrency for two hours: all are throttled."""
    no_change(world, options)
    start, end = world.fault[0], min(world.fault[0] + 2 * HOUR, world.seconds)
    world.fault = (start, end)
    for queue in world.queues:
        queue.reserved_set, queue.max_concurrency, queue.batch = [(start, 1), (end, None)], None, 1
        queue.function.own_s, queue.visibility_s = max(queue.function.own_s, 3.0), 60.0
    world.hit = list(world.queues)


def says_nothing(share):
    """Return a twist in which a share of runs reports all its messages as failed, and logs nothing."""

    def twist(world, options):
        every_queue(batch=5, partial=True, fifo=False)(world, options)
        breaks("silent", None, share)(world, options)

    return twist


def glitches(world, options):
    """Let a message have one try only, and one call in fifty fail."""
    every_queue(max_receives=1, batch=1)(world, options)
    for queue in world.queues:
        queue.function.api.faults.append((0.0, world.seconds, "glitch", 0.02))


PLAN = (
    ("filter drops some", "healthy", NOTHING | WELL, filtered(0.5)),
    ("filter drops all", "healthy", NOTHING | WELL, filtered(1.0)),
    ("second consumer", "healthy", NOTHING | WELL, stolen(0.4)),
    ("looked at in the console", "healthy", NOTHING, looked_at),
    ("delayed", "healthy", WELL, delayed),
    ("every message twice", "healthy", WELL | SURGE | NOTHING, every_message_twice),
    ("half of arrivals lost", "healthy", WELL | NOTHING, half_of_arrivals_lost),
    ("purged by mistake", "healthy", WELL | NOTHING | SURGE, purged_by_mistake),
    ("role changed", "consumer_failing", FAILING, role_changed),
    ("no way out", "downstream_slow", SLOW | DOWN, no_way_out),
    ("cold starts", "healthy", WELL, cold_starts),
    ("sent back again and again", "consumer_failing", FAILING, sent_back_again_and_again),
    ("no heartbeat", "visibility_misconfig", SHORT, no_heartbeat),
    ("kept too short", "healthy", NOTHING | SURGE, kept_too_short),
    ("memory lowered", "consumer_failing", FAILING | SLOW | NOTHING, memory_lowered),
    ("calls itself", "arrival_surge", SURGE, calls_itself),
    ("quota of one device", "healthy", POISON | DOWN | NOTHING, one_devices_quota),
    ("down for three minutes", "healthy", WELL | DOWN, few_minutes("down", 180)),
    ("hangs for two minutes", "healthy", WELL | SLOW, few_minutes("hang", 120)),
    ("campaign", "healthy", WELL, promoted),
    ("rolled back", "healthy", WELL | FAILING, rolled_back),
    ("bad and peaks", "poison_messages", POISON, bad_and_peaks),
    ("deployed before an outage", "downstream_down", DOWN, both_sides),
    ("limit of all", "throttled", THROTTLED, limit_of_all),
    ("one receive, glitches", "healthy", NOTHING | WELL | DOWN | POISON, glitches),
    ("half the runs, no trail", "consumer_failing", FAILING | NOTHING, breaks("typeerror", None, 0.5)),
    ("silent half", "consumer_failing", FAILING | NOTHING, says_nothing(0.5)),
    ("silent failures", "consumer_failing", FAILING | NOTHING, says_nothing(1.0)),
    ("flaps by the minute", "downstream_down", DOWN, api_faults(
        lambda start, end: [(at, at + 60, "down", None) for at in range(int(start), int(end), 120)])),
    ("slow for one in ten", "downstream_slow", SLOW | NOTHING, api_faults(
        lambda start, end: [(start, end, "hang", 0.1)])),
    ("refused, then slow", "downstream_down", DOWN | SLOW, api_faults(
        lambda start, end: [(start, start + 0.5 * (end - start), "refused", None),
                            (start + 0.5 * (end - start), end, "hang", None)])),
)  # fmt: skip
