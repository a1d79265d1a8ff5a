"""Situations of made-up worlds that people on call meet, and that no single fault of a tidy world is.

Each is a name, the cause whose world it starts from, the causes that a good engineer would accept, and a
twist that takes a drawn world and what is written of it, before it runs.
"""

import worlds.backlog_quiet_days as quiet
import worlds.backlog_troubles as trouble
from worlds.backlog_twists import DEPLOY, every_queue

FAILING = {"consumer_failing"}
DOWN, SLOW, LEAK = {"downstream_down"}, {"downstream_slow"}, {"slow_leak"}
SURGE, THROTTLED, POISON = {"arrival_surge"}, {"throttled"}, {"poison_messages"}
SHORT, OFF, WELL = {"visibility_misconfig"}, {"mapping_disabled"}, {"healthy"}
PLAN = (
    (
        "killed for memory",
        "consumer_failing",
        FAILING,
        trouble.breaks("killed", 2.0, event=trouble.CONFIGURE),
    ),
    ("syntax error", "consumer_failing", FAILING, trouble.breaks("syntax", 0.1, event=DEPLOY)),
    ("disk full", "consumer_failing", FAILING, trouble.breaks("disk")),
    ("key denied", "consumer_failing", FAILING, trouble.breaks("key denied", 0.3)),
    ("half the runs", "consumer_failing", FAILING, trouble.breaks("typeerror", None, 0.5, "as it was")),
    ("half an hour", "consumer_failing", FAILING, trouble.breaks("import", 0.2, 1.0, "as it was", 2400)),
    ("a shared layer", "consumer_failing", FAILING, trouble.all_hit),
    ("failing all along", "consumer_failing", FAILING, trouble.from_the_start),
    ("timeout lowered", "consumer_failing", FAILING, trouble.timeout_lowered),
    ("new schema", "consumer_failing", FAILING, trouble.new_schema),
    ("name not found", "downstream_down", DOWN, trouble.answers("dns")),
    ("certificate", "downstream_down", DOWN, trouble.answers("certificate")),
    ("too many requests", "downstream_down", DOWN, trouble.answers("too many")),
    ("storage slows down", "downstream_down", DOWN, trouble.answers("slow down")),
    ("database full", "downstream_down", DOWN, trouble.answers("database")),
    ("own words", "downstream_down", DOWN, trouble.answers("own words")),
    ("node", "downstream_down", DOWN, trouble.answers("node")),
    ("json logs", "downstream_down", DOWN, trouble.answers("json down")),
    ("half the calls", "downstream_down", DOWN, trouble.answers("bad_gateway", 0.5)),
    ("flapping", "downstream_down", DOWN, trouble.api_faults(trouble.flapping)),
    ("stopped by hand", "downstream_down", DOWN, trouble.stopped_by_hand),
    ("redriven", "downstream_down", DOWN, trouble.redriven),
    ("dead letters purged", "downstream_down", DOWN, trouble.dead_letters_purged),
    ("few hours", "downstream_down", DOWN, trouble.few_hours),
    ("impatient", "downstream_slow", SLOW, trouble.impatient),
    ("slower only", "downstream_slow", SLOW, trouble.slower_only),
    ("one in four", "downstream_slow", SLOW, trouble.one_in_four),
    ("waves", "downstream_slow", SLOW, trouble.api_faults(trouble.waves)),
    ("no partial answers", "downstream_slow", SLOW, every_queue(batch=10, partial=False, fifo=False)),
    ("sawtooth", "slow_leak", LEAK | WELL, trouble.api_faults(trouble.sawtooth)),
    ("stairs", "slow_leak", LEAK, trouble.api_faults(trouble.stairs)),
    ("ends down", "slow_leak", LEAK | DOWN, trouble.leak_ends_down),
    ("sends again", "arrival_surge", SURGE, trouble.sends_again),
    ("one sender", "arrival_surge", SURGE, trouble.one_sender),
    ("stays", "arrival_surge", SURGE, trouble.stays),
    ("ramp", "arrival_surge", SURGE, trouble.ramp),
    ("reserved two", "arrival_surge", SURGE | THROTTLED, trouble.reserved_two),
    ("account limit", "throttled", THROTTLED, trouble.account_limit),
    ("switched off", "throttled", THROTTLED, trouble.switched_off),
    ("ten receives", "throttled", THROTTLED, every_queue(max_receives=10)),
    ("firmware", "poison_messages", POISON, trouble.poison("keyerror", 0.2)),
    ("hangs", "poison_messages", POISON, trouble.poison("hangs", None, 1)),
    ("kills", "poison_messages", POISON, trouble.poison("killed", None, 1)),
    ("whole batches", "poison_messages", POISON, trouble.poison("json", None, 5, fifo=False)),
    (
        "blocks its group",
        "poison_messages",
        POISON,
        trouble.poison("json", None, 1, fifo=True, max_receives=5),
    ),
    ("bad import", "poison_messages", POISON, trouble.bad_import),
    ("sent back in vain", "poison_messages", POISON, trouble.sent_back_in_vain),
    ("short all along", "visibility_misconfig", SHORT, trouble.from_the_start),
    ("batch raised", "visibility_misconfig", SHORT, trouble.batch_raised),
    ("off all along", "mapping_disabled", OFF, trouble.from_the_start),
    (
        "mapping deleted",
        "mapping_disabled",
        OFF,
        trouble.mapping_says("", "DeleteEventSourceMapping20150331"),
    ),
    ("may not receive", "mapping_disabled", OFF, trouble.mapping_says("Enabled")),
    ("expired", "mapping_disabled", OFF, trouble.expired),
    ("one function, down", "downstream_down", DOWN, quiet.one_function),
    ("one function, throttled", "throttled", THROTTLED, quiet.one_function),
    ("one function, off", "mapping_disabled", OFF, quiet.one_function),
    ("old dead letters", "healthy", WELL, quiet.old_dead_letters),
    ("sent back", "healthy", WELL, quiet.sent_back),
    (
        "long jobs",
        "healthy",
        WELL,
        quiet.every(
            {"visibility_s": 5400.0, "batch": 1, "fifo": False, "max_concurrency": None},
            timeout_s=900.0,
            api_s=240.0,
        ),
    ),
    ("flaky all along", "healthy", WELL, quiet.all_apis((0.0, 1.0, "glitch", 0.04))),
    ("deployed slower", "healthy", WELL, quiet.deployed_slower(2.5)),
    ("deployed faster", "healthy", WELL, quiet.deployed_slower(0.4)),
    ("producer dead", "healthy", WELL, quiet.silent_from(0.7)),
    ("quiet weekend", "healthy", WELL, quiet.silent_from(0.4, 0.6)),
    ("one function", "healthy", WELL, quiet.one_function),
    ("late points", "healthy", WELL, quiet.late_points),
    ("few messages", "healthy", WELL, quiet.few_messages),
    ("nightly backup", "healthy", WELL, quiet.nightly_backup),
    ("down while nobody sends", "healthy", WELL, quiet.down_while_nobody_sends),
    ("deployed four times slower", "healthy", WELL, quiet.deployed_slower(4.0)),
    ("grows", "healthy", WELL, quiet.doubled_slowly),
    ("visibility raised", "healthy", WELL, quiet.visibility_raised),
    ("maintenance", "healthy", WELL, quiet.short_maintenance),
    ("nightly reports", "healthy", WELL, quiet.nightly_reports),
    ("burst limit", "healthy", WELL, quiet.burst_limit),
    ("files come late", "healthy", WELL, trouble.late_objects(0.03)),
    ("odd clocks", "healthy", WELL, quiet.odd_clocks),
    ("one dies daily", "healthy", WELL, quiet.one_dies_daily),
    ("gap in metrics", "healthy", WELL, quiet.gap_in_metrics),
)


def situations():
    """Yield a name, a cause, the causes to accept and a twist for each situation."""
    for name, cause, accepted, twist in PLAN:
        yield name.replace(",", "").replace(" ", "-"), cause, sorted(accepted), twist
