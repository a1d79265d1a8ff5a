import pandas as pd
import pytest
from worlds.backlog_world import World

from watchme_analysis.queues.anomalies import analyse_queues
from watchme_analysis.schema import conform


@pytest.fixture
def two():
    """A broken queue and a sound one that send their dead letters to the same queue."""
    broken, sound = World(dlq="common-dlq"), World(queue="mails", function="mailer", dlq="common-dlq")
    broken.fail(600, 1400, 0.1, "Runtime.ImportModuleError: No module named 'requests'")
    tables = {}
    for name in broken.tables or (broken.table("metrics"), broken.tables)[1]:
        parts = [broken.table(name), sound.table(name)]
        if name in ("metrics", "metric_queries", "queues"):
            column = "queue" if name == "queues" else "resource"
            parts[1] = parts[1][parts[1][column] != "common-dlq"]
        whole = (
            pd.concat([part for part in parts if len(part)], ignore_index=True)
            if any(map(len, parts))
            else parts[0]
        )
        tables[name] = conform(name, whole)
    world = World()
    world.tables = tables
    return world


@pytest.mark.slow
def test_dead_letters_are_distinguished_by_the_source_that_they_name(two):
    by_queue = {item.pipeline.queue: item for item in analyse_queues(two)}
    total = len(two.table("queue_messages"))
    assert by_queue["jobs"].dead_lettered == total > 100
    assert by_queue["mails"].dead_lettered == 0
    assert by_queue["mails"].harms == ()
    assert "by the source that each message names" in by_queue["mails"].balance.reasons[0]


def test_without_the_dump_the_queues_own_counters_tell(two):
    total = len(two.table("queue_messages"))
    two.tables = {name: frame for name, frame in two.tables.items() if name != "queue_messages"}
    by_queue = {item.pipeline.queue: item for item in analyse_queues(two)}
    assert (by_queue["jobs"].dead_lettered, by_queue["mails"].dead_lettered) == (total, 0)
    assert "only by the queues' own counters" in by_queue["jobs"].balance.reasons[0]
