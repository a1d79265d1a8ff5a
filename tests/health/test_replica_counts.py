"""Which of several servers of the same routes an incident is about."""

import pandas as pd
import pytest

from watchme_analysis.health.replica_counts import replica_counts

FIRST, SECOND, THIRD = "192.0.2.11:8000", "192.0.2.12:8000", "192.0.2.13:8000"


def counted(bad, *, retried_at=None, logged=True, servers=(FIRST, SECOND, THIRD)):
    """Return the counts of 30 requests, a third to each server; those to servers in ``bad`` fail.

    With ``retried_at``, each request was served by that server after the attempt that failed.
    """
    tried = [servers[at % len(servers)] for at in range(30)]
    failed = [at for at in range(30) if tried[at] in bad]
    served = [retried_at if retried_at and at in failed else tried[at] for at in range(30)]
    requests = pd.DataFrame(
        {"upstream_addr": served if logged else [None] * 30, "nginx_bad": [at in failed for at in range(30)]}
    )
    fates = pd.DataFrame({"row": failed, "address": [tried[at] for at in failed]})
    return replica_counts(requests.astype({"upstream_addr": "string"}), fates, {*servers})


@pytest.mark.parametrize("bad", [{FIRST}, {SECOND, THIRD}])
def test_the_replicas_that_fail_are_failing(bad):
    counts = counted(bad)
    assert {*counts.index[counts["failing"]]} == bad
    assert counts["requests"].sum() == 30
    assert counts["bad"].sum() == 10 * len(bad)


def test_a_retried_request_counts_for_the_replica_that_it_failed_at():
    counts = counted({FIRST}, retried_at=SECOND)
    assert counts.loc[FIRST].to_dict() == {"requests": 10, "bad": 10, "failing": True}
    assert counts.loc[SECOND, "bad"] == 0


def test_without_logged_upstreams_the_lines_of_errors_name_the_failing_replica():
    counts = counted({SECOND}, logged=False)
    assert [*counts.index[counts["failing"]]] == [SECOND]
    assert not counted({FIRST, SECOND, THIRD}, logged=False)["failing"].any()
