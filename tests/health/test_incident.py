import pandas as pd
import pytest

from watchme_analysis.health.incident import (
    SHORTEST_S,
    find_incident,
    judge_observations,
    judge_requests,
)

START = pd.Timestamp("2026-03-02T04:00:00Z")


def seen(rows):
    """Observations from ``(second, vantage, route, status, duration_s[, error])``."""
    frame = pd.DataFrame(
        [
            {
                "start": START + pd.Timedelta(seconds=row[0]), "vantage": row[1],
                "path": row[2], "route": row[2],
                "status": row[3], "duration_s": row[4], "error": row[5] if len(row) > 5 else None,
                "client_addr": f"192.0.2.{10 + int(row[0]) % 7}", "row": -1,
            }
            for row in rows
        ]
    )  # fmt: skip
    return frame.astype({"error": "string", "client_addr": "string", "route": "string", "vantage": "string"})


def steady(second_from, second_to, status=200, duration_s=0.02, route="/a"):
    return [(second, "outside", route, status, duration_s) for second in range(second_from, second_to)]


def test_a_senders_flood_does_not_set_the_standard_by_the_number_of_its_requests():
    """Nine of ten requests are a sender's, all late, and others are served quickly at other times."""
    flood = seen([(50 + place / 20, "nginx", "/a", 200, 3.0) for place in range(1000)])
    calm = seen([(second, "nginx", "/a", 200, 0.02) for second in range(50)])
    judged = judge_observations(pd.concat([calm, flood.assign(client_addr="192.0.2.99")], ignore_index=True))
    assert judged["usual_s"].max() < 0.1
    assert list(judged["slow"]) == [False] * 50 + [True] * 1000


def test_a_request_seen_at_two_vantages_is_one_and_as_bad_as_the_worse():
    frame = seen(
        [
            *steady(0, 10),
            (10, "edge", "/a", 504, 5.1), (11, "outside", "/a", 504, 5.0), (12, "nginx", "/a", 200, 0.02),
            (13, "edge", "/a", 200, None), (14, "nginx", "/a", 200, 0.03),
        ]
    )  # fmt: skip
    frame.loc[10:, "row"] = [7, -1, 7, 3, 3]
    once = judge_requests(judge_observations(frame)).iloc[10:]
    assert list(once["start"]) == [START + pd.Timedelta(seconds=second) for second in (10, 11, 13)]
    assert list(once["bad"]) == list(once["failed"]) == [True, True, False]
    assert list(once["duration_s"]) == [5.1, 5.0, 0.03]
    # Without any outer vantage, the inner ones are all there is.
    inner = judge_requests(judge_observations(seen(steady(0, 3))).assign(vantage="inside"))
    assert len(inner) == 3


def test_the_window_of_an_incident_with_recovery():
    rows = steady(0, 30) + steady(30, 60, status=504, duration_s=5.0) + steady(60, 90)
    found = find_incident(judge_observations(seen(rows)))
    assert found.start == START + pd.Timedelta(seconds=30)
    assert found.end == START + pd.Timedelta(seconds=60)
    assert not found.is_open
    assert found.routes == ("/a",)
    assert (found.count, found.base) == (30, 31)


def test_waves_with_calm_between_them_are_one_incident():
    rows = steady(0, 30)
    for wave in (30, 50, 70):
        rows += steady(wave, wave + 14, status=504) + steady(wave + 14, wave + 20)
    found = find_incident(judge_observations(seen(rows + steady(90, 110))))
    assert found.start == START + pd.Timedelta(seconds=30)
    assert abs((found.end - START).total_seconds() - 84) < 2


def test_a_blip_is_no_incident():
    rows = steady(0, 30) + steady(30, 30 + int(SHORTEST_S) - 2, status=502) + steady(40, 70)
    assert find_incident(judge_observations(seen(rows))) is None


@pytest.mark.parametrize(("pause_s", "phase_s"), [(0.25, 0.1), (1, 0.05), (1, 0.95), (2, 0.1), (2, 1.9)])
def test_an_outage_of_the_shortest_length_is_an_incident_at_any_pace_of_requests(pause_s, phase_s):
    """The first regular pair meets it up to a pause after its start, the last up to one before its end."""
    from_s, until_s = 40 + phase_s, 40 + phase_s + SHORTEST_S
    sent = [index * pause_s + beside for index in range(int(100 / pause_s)) for beside in (0, 0.002)]
    rows = [(second, "outside", "/a", 502 if from_s <= second < until_s else 200, 0.02) for second in sent]
    found = find_incident(judge_observations(seen(rows)))
    assert (found.start - START).total_seconds() == pytest.approx(from_s, abs=pause_s)
    assert (found.end - START).total_seconds() == pytest.approx(until_s, abs=pause_s)


def test_a_client_that_tries_again_at_once_shows_no_outage_until_the_next_caller():
    """Before and after a few failures within seconds the endpoint was not called for minutes."""
    calls = [(second, "outside", "/a", 200, 0.02) for second in range(0, 6000, 300)]
    failed = [(3010 + attempt, "outside", "/a", 502, 0.02) for attempt in range(4)]
    assert find_incident(judge_observations(seen(sorted([*calls, *failed])))) is None


@pytest.mark.parametrize("pace", [1, 60, 3600])
def test_bounds_of_an_incident_scale_with_its_pace(pace):
    """A reload long before the incident, and the record's end soon after it, count alike at any pace."""
    reload, fault = steady(20, 22, status=502), steady(100, 150, status=504)
    parts = (steady(0, 20), reload, steady(22, 100), fault, steady(150, 170))
    rows = [(second * pace, *rest) for part in parts for second, *rest in part]
    found = find_incident(judge_observations(seen(rows)))
    assert (found.start - START).total_seconds() == 100 * pace
    assert (found.end - START).total_seconds() == 150 * pace
    assert not found.is_open
    cut = find_incident(judge_observations(seen([row for row in rows if row[0] < 153 * pace])))
    assert cut.is_open


def test_thin_trouble_is_found_too():
    rows = [
        (second, "outside", "/a", 504 if 40 <= second < 140 and second % 6 == 0 else 200, 0.02)
        for second in range(200)
    ]
    found = find_incident(judge_observations(seen(rows)))
    assert abs((found.start - START).total_seconds() - 42) < 1


def test_trouble_that_recurs_is_one_incident_not_its_densest_burst():
    """One of several processes stands still again and again, the last time for longest."""
    rows = steady(0, 120)
    for burst in range(120, 330, 30):
        rows += steady(burst, burst + 5, status=504) + steady(burst + 5, burst + 30)
    rows += steady(330, 340, status=504) + steady(340, 400)
    found = find_incident(judge_observations(seen(rows)))
    assert (found.start - START).total_seconds() == 120
    assert abs((found.end - START).total_seconds() - 340) < 2


def test_families_probed_on_purpose_come_first():
    rows = steady(0, 30, route="/a") + steady(30, 60, status=504, route="/a") + steady(60, 90, route="/a")
    logged = seen(
        steady(0, 30, route="/b") + steady(30, 60, status=504, route="/b") * 3 + steady(60, 90, route="/b")
    )
    logged["row"] = range(len(logged))
    logged["vantage"] = "nginx"
    both = pd.concat([seen(rows), logged]).sort_values("start", kind="stable", ignore_index=True)
    assert find_incident(judge_observations(both)).routes == ("/a", "/b")


def test_what_was_bad_before_the_rest_is_affected_and_begins_the_incident():
    """An endpoint with a fault of its own, until a second fault stops all that is requested."""
    rows = [*steady(0, 40), *steady(40, 120, 502), *steady(120, 150)]
    for later in (0.2, 0.4, 0.6, 0.8):
        others = (steady(0, 80), steady(80, 120, 504, 5.0), steady(120, 150))
        rows += [(second + later, how, "/b", *rest) for part in others for second, how, _, *rest in part]
    found = find_incident(judge_observations(seen(sorted(rows))))
    assert set(found.routes) == {"/a", "/b"}
    assert (found.start - START).total_seconds() == pytest.approx(40, abs=2)


def test_an_endpoint_that_is_bad_past_its_service_ends_the_incident():
    """The service is bad for twenty seconds, and its probed endpoint, by a fault of its own, for fifty."""
    rows = [
        (second, "outside", "/a", 200 if second < 30 or second >= 80 else 504, 0.02) for second in range(120)
    ]
    for other in ("/b", "/c"):
        rows += [
            (second + 0.25 * part, "nginx", other, 504 if 30 <= second < 50 else 200, 0.02)
            for second in range(120)
            for part in range(4)
        ]
    frame = seen(sorted(rows))
    frame.loc[frame["vantage"] == "nginx", "row"] = range(int((frame["vantage"] == "nginx").sum()))
    found = find_incident(judge_observations(frame))
    assert abs((found.start - START).total_seconds() - 30) < 3
    assert abs((found.end - START).total_seconds() - 80) < 3
