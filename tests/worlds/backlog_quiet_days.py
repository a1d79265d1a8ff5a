"""Days of made-up worlds on which much happens and nothing is wrong, as twists."""

from worlds.backlog_draws import DAY, HOUR, upload
from worlds.backlog_troubles import MAPPING, recorded
from worlds.backlog_twists import DEPLOY, every_queue


def old_dead_letters(world, options):
    """Let a dead-letter queue hold messages of a trouble long past."""
    queue = world.queues[0]

    def fill(model):
        ids = model._ids
        for place in range(80):
            message = type("Old", (), {})()
            vars(message).update(
                number=next(ids), sent=-3 * DAY + 60 * place, device=world.devices[0], receives=4, group=None,
                key="2025-01-01T00:00:00+09:00", body="{}", ran_well=False,
            )  # fmt: skip
            queue.dead.append((0.0, message))

    world.events.append((0.5, fill))


def sent_back(world, options):
    """Let the team send old dead letters back, which now run well."""
    old_dead_letters(world, options)
    queue, moment = world.queues[0], 0.5 * world.seconds

    def redrive(model):
        for _, old in queue.dead:
            model._send(queue, (old.device, old.key, old.body, None))
        queue.dead.clear()

    world.events.append((moment, redrive))
    recorded(world, options, moment, "StartMessageMoveTask", queue.dlq, sourceArn=queue.dlq)


def every(settings, **function):
    """Return a twist that sets something of all queues and functions."""

    def twist(world, options):
        every_queue(**settings)(world, options)
        for queue in world.queues:
            own = {name: value for name, value in function.items() if name != "api_s"}
            vars(queue.function).update(own)
            queue.function.api.seconds = function.get("api_s", queue.function.api.seconds)

    return twist


def all_apis(*faults):
    """Return a twist that adds faults to all APIs; moments are shares of the window."""

    def twist(world, options):
        for queue in world.queues:
            queue.function.api.faults += [
                (start * world.seconds, end * world.seconds, *rest) for start, end, *rest in faults
            ]

    return twist


def deployed_slower(times):
    """Return a twist in which a deployment changes how long runs take, within every limit."""

    def twist(world, options):
        queue, moment = world.queues[0], 0.5 * world.seconds
        function = queue.function
        queue.batch, function.timeout_s, queue.visibility_s = 1, 300.0, 1800.0
        world.events.append((moment, lambda model: setattr(function, "own_s", function.own_s * times)))
        recorded(world, options, moment, DEPLOY, function.name, functionName=function.name)

    return twist


def silent_from(share, until=1.0):
    """Return a twist in which nobody sends for a while."""

    def twist(world, options):
        start, end = share * world.seconds, until * world.seconds
        world.arrivals = [item for item in world.arrivals if not start <= item[0] < end]

    return twist


def doubled_slowly(world, options):
    rng = world.rng
    for moment, *content in list(world.arrivals):
        if rng.random() < 2.0 * moment / world.seconds:
            world.arrivals.append((moment + rng.uniform(60, 900), *content))


def visibility_raised(world, options):
    queue, moment = world.queues[0], 0.5 * world.seconds
    after = 6 * queue.function.timeout_s
    queue.visibility_s = 2 * queue.function.timeout_s
    queue.visibility_set = [(moment, after)]
    recorded(
        world, options, moment, "SetQueueAttributes", queue.name, queueUrl=queue.name,
        attributes={"VisibilityTimeout": str(int(after))},
    )  # fmt: skip


def short_maintenance(world, options):
    queue, moment = world.queues[0], 0.5 * world.seconds
    queue.off = [(moment, moment + 300)]
    uuid = "00000000-0000-4000-8000-000000000000"
    for at, on in ((moment, False), (moment + 300, True)):
        recorded(world, options, at, MAPPING, queue.function.name, uUID=uuid, enabled=on)


def nightly_reports(world, options):
    """Let each night bring a batch that two at a time work off within the hour."""
    moment = world.rng.uniform(0, DAY)
    queue = world.queues[0]
    queue.max_concurrency, queue.batch, queue.visibility_s = 2, 1, 3600.0
    queue.function.own_s, queue.function.timeout_s = 10.0, 300.0
    while moment < world.seconds:
        for _ in range(300):
            upload(world, moment + world.rng.uniform(0, 20), world.rng.choice(world.devices), queue)
        moment += DAY


def burst_limit(world, options):
    """Let the account's concurrency run out for two minutes."""
    moment = 0.5 * world.seconds
    for queue in world.queues:
        queue.max_receives = 5
        queue.reserved_set = [(moment, 1), (moment + 120, None)]


def gap_in_metrics(world, options):
    gap = (0.6 * world.seconds, 0.6 * world.seconds + 2400)
    options["gap"] = dict.fromkeys(("sqs", "lambda", "ec2"), gap)


def odd_clocks(world, options):
    world.arrivals = [
        (*item[:3], "1970-01-01T09:00:00+09:00", item[4].replace(item[3][:4], "1970"), item[5])
        for item in world.arrivals
    ]


def one_dies_daily(world, options):
    moment = 3 * HOUR
    while moment < world.seconds:
        upload(world, moment, world.rng.choice(world.devices), world.queues[0], poison="404")
        moment += DAY


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


def few_messages(world, options):
    """Let hardly anything come: one message in six hours."""
    last = {}
    kept = []
    for item in sorted(world.arrivals, key=lambda item: item[0]):
        if item[0] - last.get(item[1].name, -DAY) >= 6 * HOUR:
            last[item[1].name] = item[0]
            kept.append(item)
    world.arrivals = kept


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
