"""Facts of an investigation, from literal rows: services, example paths, neighbours and usual times."""

import pytest
from worlds.health_literal import HEALTH, JOBS, OTHER, USUAL, at, context, probe, request
from worlds.together import together

from watchme_analysis.health.context import (
    edge_visible,
    first_segment,
    is_timed,
    longest_answer_s,
    most_of_one,
    short_of_usual,
    spared,
)

OWN = "192.0.2.12:8200"


def rows(count, path=HEALTH, first=0.0, step=1.0, **more):
    return [request(first + step * number, path, **more) for number in range(count)]


def test_services_are_ordered_by_their_bad_requests():
    known = {HEALTH: USUAL, JOBS: USUAL, OTHER: OWN}
    bad = [*rows(2, first=21, bad=True), *rows(3, OTHER, 21, bad=True)]
    found = context(*bad, routes=[HEALTH, OTHER], upstreams=known, resolved={OWN: "192.0.2.209:8200"})
    assert found.services == (OWN, USUAL)
    assert context(*bad[:4], routes=[HEALTH, OTHER], upstreams=known).services == (USUAL, OWN)
    # Several routes of a service count together; a route without an upstream does not.
    both = [*bad, *rows(2, JOBS, 21, bad=True)]
    assert context(*both, routes=[HEALTH, OTHER, JOBS, "/x"], upstreams=known).services == (USUAL, OWN)
    assert found.known_as([OWN, USUAL]) == [OWN, "192.0.2.209:8200", USUAL]
    assert found.hosts([OWN, USUAL]) == {"192.0.2.12", "192.0.2.209", "192.0.2.11"}


def test_without_an_incident_there_are_no_affected_routes_and_no_bounds():
    found = context(*rows(3), bounds=None)
    assert (found.routes, found.endpoints) == ((), ())
    for bound in ("start", "end"):
        with pytest.raises(ValueError, match="no incident"):
            getattr(found, bound)
    assert found.of_incident(found.joined, "start").empty


def test_rows_of_the_incident_include_its_bounds():
    found = context(*rows(4, first=19.9, step=0.1), *rows(3, first=39.9, step=0.1))
    inside = found.joined_during["start"].tolist()
    assert inside == [at(20), at(20.1), at(20.2), at(39.9), at(40)]
    # Whatever their order.
    shuffled = found.joined.iloc[::-1]
    assert sorted(found.of_incident(shuffled, "start")["start"]) == inside


def test_joined_requests_are_chosen_by_layer_fate_and_route():
    found = context(
        request(21),
        request(22, bad=True),
        request(23, bad=True, edge=True),
        request(24, JOBS, bad=True),
        request(5),
    )

    def starts(**which):
        return [round((moment - at(0)).total_seconds()) for moment in found.rows(**which)["start"]]

    assert starts(side="nginx", bad=True) == [22, 23]
    assert starts(side="nginx", bad=False) == [21]
    assert starts(side="edge", bad=True) == [23]
    assert starts(side="nginx", bad=True, affected=False) == [22, 23, 24]


def test_tables_are_collected_with_rows_or_as_an_empty_log_of_errors():
    found = context(*rows(1))
    assert (found.has("access_log"), found.has("error_log")) == (True, False)
    assert not found.collected("error_log")
    found.inv.case.manifest["tables"]["error_log"] = {"rows": 0}
    assert found.collected("error_log")
    found.inv.case.manifest["tables"]["probes"] = {"rows": 0}
    assert not found.collected("probes")


def example(*requests, probes=(), **more):
    return context(*requests, probes=probes, **more).example_path


def test_an_example_is_a_probed_path_else_a_get_of_the_incident():
    one = HEALTH + "/1"
    post = {"method": "POST"}
    probed = [probe(5, "outside") | {"path": one}]
    other = [request(5) | {"path": HEALTH + "/2"}, request(21) | {"path": HEALTH + "/3"}]
    assert example(*other, probes=probed) == one
    # A probe from inside has another path.
    assert example(*other, probes=[probe(5) | {"path": one}]) == HEALTH + "/3"
    assert example(other[0], request(21, **post)) == HEALTH + "/2"
    assert example(request(21, **post)) == HEALTH
    assert example(request(21, JOBS)) == HEALTH
    # Without an incident the path that checks ask for.
    assert example(request(21, JOBS), *rows(1), bounds=None) == HEALTH


def test_the_path_of_a_check_is_probed_configured_or_named_so():
    table = [
        {"file": "c.yml", "service": "svc", "path": "healthcheck.test", "value": text}
        for text in ("true", "curl -f http://localhost:8100/ready || exit 1")
    ]
    probes = [probe(1, path="/a"), probe(2, path="/b"), probe(3, path="/b")]
    named = [request(1, JOBS), request(2, JOBS), request(3, HEALTH)]
    assert context(*named, probes=probes, compose_settings=table).checked_path == "/b"
    assert context(*named, compose_settings=table).checked_path == "/ready"
    assert context(*named).checked_path == HEALTH
    assert context(*named[:2]).checked_path == "/"


@together(
    ("route", "expected"),
    [
        # The upstream decides where it is known.
        ("/a/x", True), ("/b/x", False),
        # Else the health check with the longest common prefix.
        ("/svc/new", True), ("/billing/new", False),
        # What Nginx serves itself belongs to none.
        ("/svc/static", False),
        ("/unknown/x", None),
    ],
)  # fmt: skip
def test_a_route_belongs_to_the_service_of_its_upstream_or_health_check(route, expected):
    known = {HEALTH: USUAL, "/a/x": USUAL, "/b/x": OWN}
    requests = [*rows(2), request(1, "/billing/health"), request(2, "/svc/static", upstream_addr=None)]
    found = context(*requests, upstreams=known)
    assert found.is_same_service(route) is expected


def test_without_health_checks_the_first_segment_tells_services_apart():
    found = context(request(1, "/svc/a"), request(2, "/svc/b"), routes=["/svc/a"], upstreams={})
    assert [found.is_same_service(route) for route in ("/svc/b", "/x/b", "/b")] == [True, None, None]
    assert [first_segment(route) for route in ("/svc/a/b", "/svc/a/", "/svc", "/")] == ["svc", "svc", "", ""]


def test_calm_routes_were_served_well_five_times():
    known = {HEALTH: USUAL, JOBS: USUAL, OTHER: OWN, "/svc/c": USUAL}
    requests = [
        *rows(5, first=21, bad=True), *rows(5, JOBS, 21), *rows(4, "/svc/c", 21), *rows(5, OTHER, 21),
        *rows(9, "/svc/d", 21), request(35, "/svc/d", bad=True), *rows(8, "/svc/e", 21),
        request(35, "/svc/e", bad=True),
    ]  # fmt: skip
    found = context(*requests, upstreams=known | {"/svc/d": USUAL, "/svc/e": USUAL})
    # A tenth of bad requests is calm still, a ninth is not.
    assert sorted(found.calm_routes()) == [OTHER, "/svc/d", JOBS]
    assert sorted(found.calm_neighbours()) == ["/svc/d", JOBS]
    assert sorted(found.calm_beside(HEALTH)) == ["/svc/d", JOBS]
    assert found.calm_beside(OTHER) == []


def test_most_of_the_bad_requests_of_an_endpoint_in_question():
    bad = [*rows(6, first=21, bad=True, nginx_status=502.0), *rows(7, first=28, bad=True)]
    found = context(*bad, *rows(9, JOBS, 21, bad=True), routes=[JOBS, HEALTH])
    frame = found.rows("nginx", bad=True)

    def of(count):
        mine = frame[frame["nginx_status"] == 502].head(count)
        return most_of_one(found, mine, frame[frame["nginx_status"].eq(502) | (frame["start"] > at(50))])

    part, total = of(6)
    assert (len(part), total, set(part["route"])) == (6, 6, {HEALTH})
    assert of(5) is None
    # Six of thirteen are less than half.
    assert most_of_one(found, frame[frame["nginx_status"] == 502], frame) is None
    # An endpoint that is neither probed nor a health check is not in question.
    jobs = frame[frame["route"] == JOBS]
    assert most_of_one(found, jobs, jobs) is None
    probed = context(*rows(9, JOBS, 21, bad=True), probes=[probe(21, path=JOBS)], routes=[JOBS])
    frame = probed.rows("nginx", bad=True)
    assert most_of_one(probed, frame, frame)[1] == 9


def test_a_path_may_take_half_as_long_again_as_usual():
    # Nine of ten good answers inside take up to 2 s, those outside of the incident 1 s.
    inner = [probe(number, took=2.0) for number in range(3)]
    calm, during = rows(3, took=1.0), rows(3, JOBS, 21, took=7.0)
    bad = [
        request(25, took=2.9, bad=True),
        request(26, took=3.0, bad=True),
        request(27, JOBS, took=1.0, bad=True),
    ]
    found = context(*calm, *during, *bad, probes=inner)
    frame = found.rows("nginx", bad=True, affected=False)
    assert short_of_usual(found, frame, "nginx_s").tolist() == [True, False, False]
    assert longest_answer_s(found, frame) == 2.0
    outside = context(*calm, *bad)
    frame = outside.rows("nginx", bad=True)
    assert longest_answer_s(outside, frame) == 1.0
    # Two answers are no usual time, and those of the incident are none.
    few = context(*calm[:2], *rows(3, first=21), *bad)
    assert longest_answer_s(few, few.rows("nginx", bad=True)) != longest_answer_s(outside, frame)


def test_three_tenths_of_the_requests_must_have_a_duration():
    def timed(known, unknown, probes=()):
        requests = [*rows(known), *rows(unknown, first=known, nginx_s=None)]
        return is_timed(context(*requests, probes=probes))

    assert timed(3, 7)
    assert not timed(2, 7)
    assert not is_timed(context())
    # Twenty probes from outside over four fifths of the record.
    probes = [probe(0.02 + 81 * number / 19, "outside") for number in range(20)]
    unknown = [request(number, nginx_s=None) for number in range(102)]
    assert is_timed(context(*unknown, probes=probes))
    assert not is_timed(context(*unknown, probes=probes[1:]))
    short = [probe(80 * number / 19, "outside") for number in range(20)]
    assert not is_timed(context(*unknown, probes=short))


def test_endpoints_that_the_affected_process_served_well_are_spared():
    requests = [*rows(5, JOBS, 21, bad=True), *rows(5, HEALTH, 21)]
    probes = [probe(21 + number, "outside") for number in range(5)]
    assert spared(context(*requests, probes=probes, routes=[JOBS])) == [HEALTH]
    assert spared(context(*requests, probes=probes, routes=[JOBS], options={"endpoint": JOBS})) == []
    # Its requests were bad as well.
    bad = [*requests[:5], *rows(5, HEALTH, 21, bad=True)]
    assert spared(context(*bad, probes=probes, routes=[JOBS])) == []


def test_the_edge_is_seen_in_its_log_or_by_probes_from_outside():
    assert not edge_visible(context(*rows(2), probes=[probe(1)]))
    assert edge_visible(context(*rows(2), probes=[probe(1, "outside")]))
    assert edge_visible(context(*rows(1, edge=True)))
