"""Signals of Nginx's logs and of the addresses that it asks, each on both sides of its limits."""

import pytest
from worlds.health_literal import HEALTH, JOBS, USUAL, at, context, probe, request, seen
from worlds.health_world import _directives
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.signals.nginx import at_once, nginx, reloads, unaccepted
from watchme_analysis.health.signals.upstreams import wrong_port

DEAD = "192.0.2.99:8100"
GOOD = [request(number) for number in range(10)]


def bad(count, first=21.0, **more):
    return [request(first + number / 4, **({"bad": True, "took": 5.0} | more)) for number in range(count)]


def error(second, kind, **more):
    row = {"file": "e.log", "line": round(second * 100), "time": at(second), "kind": kind, "level": "error"}
    return row | {"path": HEALTH, "upstream_addr": None, "message": kind} | more


def found(*requests, **more):
    return seen(nginx, context(*GOOD, *requests, **more))


def logged(one):
    return one.table, one.rows, one.effect, one.effect_unit, one.strength


ALONE = {"upstream_addr": None, "response_s": None, "header_s": None, "connect_s": None, "took": 0.0}


def test_nginx_responded_itself_to_three_tenths_of_the_bad_requests():
    one = found(*bad(3, nginx_status=403.0, **ALONE), *bad(7, 25))["nginx_alone"]
    said = {"responses": 3, "bad": 10, "paths": [HEALTH], "statuses": ["403 (3)"]}
    assert messages_in(one.statement) == {"health-nginx-alone": said}
    detail = messages_in(one.detail)
    assert detail["health-nginx-alone-detail"] == {"place": "nginx-location-of", "statuses": ["403 (3)"]}
    assert detail["nginx-location-of"] == {"paths": [HEALTH]}
    assert logged(one) == ("access_log", 3, 3, "requests", 0.5)
    assert one.share == 0.3
    assert {name: value.to_json() for name, value in one.facts.items()} == {
        "status": {"resource": "403"}, "directives": {"code": "deny, auth_request, return"},
    }  # fmt: skip
    assert "nginx_alone" not in found(*bad(2, nginx_status=403.0, **ALONE), *bad(4, 25))
    assert "nginx_alone" not in found(*bad(3, nginx_status=403.0, **ALONE), *bad(8, 25))
    # A client that left is no response of Nginx.
    assert "nginx_alone" not in found(*bad(6, nginx_status=499.0, **ALONE))
    other = found(*bad(6, nginx_status=418.0, **ALONE))["nginx_alone"]
    assert other.facts["directives"].to_json() == {"code": "return, rewrite"}


def test_a_request_waited_in_nginx_where_most_of_its_time_passed_there():
    held = {"nginx_status": 200.0, "response_s": 1.0}
    one = found(*bad(6, **held))["nginx_waits"]
    assert messages_in(one.statement) == {
        "health-nginx-waits": {"held": 6, "bad": 6, "paths": [HEALTH], "time": 4.0}
    }
    assert messages_in(one.detail)["health-nginx-waits-detail"] == {"place": "nginx-location-of", "time": 4.0}
    assert logged(one) == ("access_log", 6, 4.0, "s", 1.0)
    # Not three fifths of its time; a large answer waits for its reader, and an upload for its sender.
    for more in ({"response_s": 2.0}, {"nginx_bytes": 65537.0}, {"method": "POST"}):
        assert "nginx_waits" not in found(*bad(6, **held | more)), more
    assert "nginx_waits" in found(*bad(6, **held | {"nginx_bytes": 65536.0}))
    # A limit delays requests of any kind.
    delayed = [error(22, "limit_req", message="delaying request")]
    assert "nginx_waits" in found(*bad(6, **held | {"method": "POST"}), error_log=delayed)


def test_requests_that_went_to_another_address_than_usual_were_moved():
    moved = {"upstream_addr": DEAD, "nginx_status": 502.0}
    lines = [error(22 + number, "upstream_refused", upstream_addr=DEAD) for number in range(2)]
    lines += [error(24, "upstream_closed", upstream_addr=address) for address in (DEAD, USUAL)]
    one = found(*bad(6, **moved), error_log=lines)["moved_upstream"]
    said = messages_in(one.statement)
    assert said["health-moved-upstream"] == {
        "moved": 6, "bad": 6, "paths": [HEALTH], "address": DEAD, "usual": [USUAL],
    }  # fmt: skip
    assert said["health-moved-upstream-errors"] == {
        "address": DEAD, "errors": 2, "total": 3, "kind": "nginx-error-upstream-refused",
    }  # fmt: skip
    assert messages_in(one.detail)["health-moved-upstream-detail"] == {
        "place": "nginx-location-of", "address": DEAD,
    }  # fmt: skip
    assert logged(one) == ("access_log", 6, 6, "requests", 1.0)
    # Without an error at that address the commonest status is stated.
    one = found(*bad(4, **moved), *bad(2, 23, **moved | {"nginx_status": 500.0}))["moved_upstream"]
    assert messages_in(one.statement)["health-moved-upstream-status"] == {
        "responses": 4, "total": 6, "status": "502",
    }  # fmt: skip
    # An address that serves others well, or the name of a group of servers, is none of its own.
    serves = [request(number, JOBS, upstream_addr=DEAD) for number in range(3)]
    assert "moved_upstream" not in found(*bad(6, **moved), *serves)
    assert "moved_upstream" not in found(*bad(6, **moved | {"upstream_addr": "backend"}))


def test_nginx_that_ended_requests_before_their_usual_time_is_impatient():
    slow = [request(number, took=4.0) for number in range(10, 16)]
    one = found(*slow, *bad(6, took=3.0))["nginx_impatient"]
    # Nine of ten good answers take up to 4 s.
    said = {"ended": 6, "bad": 6, "paths": [HEALTH], "cut": 3.0, "needs": 4.0}
    assert messages_in(one.statement) == {"health-nginx-impatient": said}
    assert messages_in(one.detail)["health-nginx-impatient-detail"] == {
        "place": "nginx-location-of", "cut": 3.0, "needs": 4.0,
    }  # fmt: skip
    assert logged(one) == ("access_log", 6, 3.0, "s", 1.0)
    # Half as long again as usual is long enough: 6 s.
    assert "nginx_impatient" in found(*slow, *bad(6, took=5.9))
    assert "nginx_impatient" not in found(*slow, *bad(6, took=6.0))
    assert "nginx_impatient" not in found(*slow, *bad(6, took=3.0, nginx_status=502.0))


def test_an_application_that_refuses_what_nginx_passes_on():
    def refused(status, **more):
        return found(*bad(6, nginx_status=float(status), took=0.02), **more).get("nginx_mangles")

    one = refused(404)
    assert messages_in(one.statement) == {
        "health-nginx-mangles": {"refused": 6, "bad": 6, "paths": [HEALTH], "status": "404"}
    }
    assert messages_in(one.detail)["health-nginx-mangles-detail"]["status"] == "404"
    assert logged(one) == ("access_log", 6, None, None, 0.8)
    # The application refuses callers by itself, unless a probe past Nginx is served.
    assert {status: refused(status).strength for status in (401, 403, 409, 410, 422, 429, 300)} == {
        401: 0.5, 403: 0.5, 409: 0.2, 410: 0.2, 422: 0.2, 429: 0.2, 300: 0.8,
    }  # fmt: skip
    well = [probe(21 + number) for number in range(3)]
    assert refused(401, probes=well).strength == 1.0
    assert refused(401, probes=well[:2]).strength == 0.5
    assert refused(401, probes=[*well, probe(25, bad=True)]).strength == 0.5
    for status in (299, 499, 500):
        assert refused(status) is None


def test_nginx_passed_the_bad_requests_on():
    one = found(*bad(6, took=5.0, nginx_status=502.0))["nginx_passes_on"]
    assert messages_in(one.statement) == {
        "health-nginx-passes-on": {"passed": 6, "bad": 6, "services": [USUAL]}
    }
    assert logged(one) == ("access_log", 6, None, None, 1.0)
    assert found(*bad(3, took=5.0, nginx_status=502.0))["nginx_passes_on"].strength == 0.5
    # Half of the bad requests; less than three tenths of them are explained otherwise.
    alone = {"nginx_status": 403.0, **ALONE}
    assert "nginx_passes_on" in found(*bad(8, nginx_status=502.0), *bad(2, 25, **alone))
    assert "nginx_passes_on" not in found(*bad(7, nginx_status=502.0), *bad(3, 25, **alone))
    assert found(*bad(2)) == {}


def errors_alone(*errors, **more):
    return found(*bad(6, nginx_status=502.0), error_log=errors, **more)


def test_what_nginx_ran_short_of_is_named_with_its_directive():
    short = [error(21 + number, "worker_connections") for number in range(3)]
    one = errors_alone(*short)["nginx_short_of"]
    kind = "nginx-error-worker-connections"
    assert messages_in(one.statement)["health-nginx-short-of"] == {"lines": 3, "kind": kind}
    assert messages_in(one.detail)["health-nginx-short-of-detail"] == {"kind": kind}
    assert logged(one) == ("error_log", 3, 3, "lines", 1.0)
    assert one.facts["limit"].to_json() == {"code": "worker_connections"}
    assert "nginx_short_of" not in errors_alone(*short[:2])
    files = errors_alone(*(error(21 + number, "open_files") for number in range(3)))["nginx_short_of"]
    assert files.facts["limit"].to_json() == {"code": "worker_rlimit_nofile"}
    assert (
        errors_alone(*(error(21 + number, "resolver") for number in range(3)))["nginx_short_of"].facts == {}
    )


def test_without_an_incident_connections_that_were_not_accepted_are_severe():
    def short(*errors):
        return seen(unaccepted, context(*GOOD, bounds=None, error_log=errors)).get("nginx_short_of")

    lines = [error(number, "worker_connections", level="alert") for number in (1, 2, 3)]
    one = short(*lines)
    assert messages_in(one.statement)["health-nginx-unaccepted"] == {
        "lines": 3, "kind": "nginx-error-worker-connections", "span": (at(1), at(3)),
    }  # fmt: skip
    assert one.rows == 3
    assert short(*lines[:2]) is None
    assert short(*(line | {"level": "error"} for line in lines)) is None
    assert short(
        *(line | {"level": level} for line, level in zip(lines, ("crit", "emerg", "alert"), strict=True))
    )
    # The error log reaches farther than the access log.
    assert short(*lines[:2], error(40, "worker_connections", level="alert")) is None


def test_a_header_that_nginx_had_no_room_for():
    words = "upstream sent too big header while reading response header from upstream"
    lines = [error(21 + number, "upstream_invalid", message=words) for number in range(3)]
    one = errors_alone(*lines)["header_too_big"]
    assert messages_in(one.statement) == {"health-header-too-big": {"paths": [HEALTH], "lost": 3}}
    assert messages_in(one.detail)["health-header-too-big-detail"] == {"place": "nginx-location-of"}
    assert logged(one) == ("error_log", 3, None, None, 0.5)
    assert "header_too_big" not in errors_alone(*lines[:2])
    assert "header_too_big" not in errors_alone(*(line | {"message": "x"} for line in lines))
    assert "header_too_big" not in errors_alone(*(line | {"path": JOBS} for line in lines))


def test_an_upstream_that_speaks_no_tls():
    words = "SSL_do_handshake() failed while SSL handshaking to upstream"
    lines = [error(21 + number, "tls", message=words) for number in range(3)]
    conf = _directives((("/", {"proxy_pass": f"https://{USUAL}"}),), ())
    one = errors_alone(*lines, config_directives=conf)["no_handshake"]
    assert messages_in(one.statement) == {"health-no-handshake": {"paths": [HEALTH], "times": 3}}
    said = messages_in(one.detail)
    assert said["health-no-handshake-detail"] == {"place": "nginx-location", "times": 3}
    assert said["nginx-location"] == {"location": "location /"}
    assert said["health-nginx-sets"] == {"setting": f"proxy_pass https://{USUAL}"}
    assert logged(one) == ("error_log", 3, None, None, 0.5)
    assert "no_handshake" not in errors_alone(*lines[:2])
    assert "no_handshake" not in errors_alone(
        *(line | {"message": "while SSL handshaking"} for line in lines)
    )


def at_once_of(*requests, **more):
    return seen(at_once, context(*GOOD, *requests, **more)).get("refused_at_once")


def test_requests_that_were_refused_at_once():
    quick = {"took": 0.01}
    one = at_once_of(*bad(4, nginx_status=503.0, **quick), *bad(2, 23, nginx_status=404.0, **quick))
    assert messages_in(one.statement) == {
        "health-refused-at-once": {
            "refused": 6, "bad": 6, "paths": [HEALTH], "median": 0.01, "statuses": ["503", "404"],
        }
    }  # fmt: skip
    assert (one.table, one.rows) == ("access_log", 6)
    assert at_once_of(*bad(5, nginx_status=503.0, **quick)) is None
    # 85 % of them: 17 of 20.
    rest = bad(4, 30, nginx_status=504.0, **quick)
    assert at_once_of(*bad(17, nginx_status=503.0, **quick), *rest[:3]).rows == 17
    assert at_once_of(*bad(16, nginx_status=503.0, **quick), *rest) is None


@together(
    ("row", "is_refusal"),
    [
        ({"nginx_status": 300.0}, True), ({"nginx_status": 299.0}, False), ({"nginx_status": 504.0}, False),
        ({"nginx_status": 499.0}, False), ({"nginx_status": 502.0}, False), ({"nginx_status": 505.0}, False),
        # A 500 that the application is logged to have sent is its own.
        ({"nginx_status": 500.0}, True), ({"nginx_status": 500.0, "upstream_status": 502.0}, False),
    ],
)  # fmt: skip
def test_a_status_by_which_a_server_refuses(row, is_refusal):
    assert (at_once_of(*bad(6, took=0.01, **row)) is not None) == is_refusal


def answer(second, path, status):
    return {
        "file": "app.log", "line": round(second * 100), "service": "", "time": at(second), "kind": "access",
        "message": "GET", "path": path, "status": status,
    }  # fmt: skip


def renamed(*answers, status=404.0, count=6, **more):
    lines = [answer(number, "/health", 200) for number in range(5)] + list(answers)
    requests = bad(count, nginx_status=status, took=0.02)
    return found(*requests, app_log=lines, **more).get("nginx_renames")


def test_nginx_asks_for_a_path_that_the_application_does_not_know():
    wrong = [answer(21 + number / 4, "/svc/health?x=1", 404) for number in range(6)]
    one = renamed(*wrong)
    assert messages_in(one.statement) == {
        "health-nginx-renames": {
            "path": "/svc/health", "status": "404", "times": 6, "paths": [HEALTH], "logged": 6,
        }
    }  # fmt: skip
    said = messages_in(one.detail)["health-nginx-renames-detail"]
    assert said == {"place": "nginx-location-of", "path": "/svc/health", "status": "404"}
    assert (one.table, one.rows) == ("app_log", 6)
    # Half of what Nginx gave its callers of this status, and three at least.
    assert renamed(*wrong[:3]) is not None
    assert renamed(*wrong[:3], count=7) is None
    assert renamed(*wrong[:2], count=3) is None
    assert renamed(*wrong, count=2) is None
    # Under the name as ever.
    assert renamed(*(line | {"path": "/health"} for line in wrong)) is None
    for status in (200, 299, 499):
        assert renamed(*(line | {"status": status} for line in wrong)) is None, status


def test_without_names_of_upstreams_the_log_of_the_application_shows_who_responded():
    def unseen(*answers, status=403.0, count=10):
        rows = [row | {"upstream_addr": None} for row in (*GOOD, *bad(count, nginx_status=status, took=0.0))]
        return seen(nginx, context(*rows, app_log=answers)).get("nginx_alone")

    other = [answer(21 + number, "/jobs", 200) for number in range(10)]
    one = unseen(*other)
    assert messages_in(one.statement) == {
        "health-nginx-alone-by-app-log": {
            "refused": 10, "bad": 10, "paths": [HEALTH], "statuses": ["403"], "logged": 10, "same": 0,
        }
    }  # fmt: skip
    assert logged(one) == ("access_log", 10, None, None, 1.0)
    assert "health-nginx-alone-detail" in messages_in(one.detail)
    # Ten answers of the application in the incident, of which a tenth may have the status.
    assert unseen(*other[:9]) is None
    assert unseen(*other, answer(21, "/health", 403)) is not None
    assert unseen(*other, answer(21, "/health", 403), answer(22, "/health", 403)) is None
    assert unseen(*other, status=502.0) is None
    assert unseen(*other, status=504.0) is None


NOTICE = {"level": "notice", "path": None, "message": "reconfiguring"}


def loaded(*errors, requests=(), bounds=(20.0, 30.0)):
    # The last good request before the incident begins at 19 s, the first bad at 20 s.
    rows = [request(number) for number in range(20)] + [
        request(20 + number, bad=True) for number in range(10)
    ]
    rows += [request(31 + number) for number in range(400)] if not requests else list(requests)
    return seen(reloads, context(*rows, bounds=bounds, error_log=errors))


def notice(second, **more):
    return error(second, "reload", **NOTICE | more)


def test_nginx_loaded_its_configuration_when_the_incident_began():
    found_ = loaded(notice(19.5))
    one = found_["reloaded_at_onset"]
    assert messages_in(one.statement) == {"health-reloaded-at-onset": {"at": at(19.5), "paths": [HEALTH]}}
    # The interval from 18 to 21 s, of 430 s that are recorded.
    assert (one.table, one.rows, one.strength) == ("error_log", 1, pytest.approx(1 - 3 / 430))
    # A second on each side, for logs of whole seconds.
    for second, is_there in ((18, True), (21, True), (17.9, False), (21.1, False)):
        assert ("reloaded_at_onset" in loaded(notice(second))) == is_there, second
    assert "reloaded_at_onset" in loaded(notice(19.5, message="start worker processes", level="debug"))
    assert loaded(notice(19.5, message="reconfiguring now")) == {}
    assert loaded(notice(19.5, level="warn")) == {}


def test_reloads_that_are_frequent_show_nothing():
    # 29 reloads: one lies within 3 of 430 s with a probability of 18 %; of 50 with 30 %.
    assert "reloaded_at_onset" in loaded(notice(19.5), *(notice(100 + number) for number in range(28)))
    assert loaded(notice(19.5), *(notice(100 + number) for number in range(49))) == {}


def test_a_log_with_notices_from_before_shows_that_nothing_was_loaded():
    one = loaded(notice(5, message="signal process started"))["not_reloaded"]
    assert messages_in(one.statement) == {"health-not-reloaded": {"span": (at(18), at(21))}}
    assert (one.table, one.rows) == ("error_log", 1)
    assert loaded(notice(25, message="signal process started")) == {}
    assert loaded(error(5, "x", level="error")) == {}


def test_a_reload_at_the_end_undid_it():
    # The last bad request begins at 29 s and the first good one at 31 s.
    one = loaded(notice(19.5), notice(30))["reloaded_at_end"]
    assert messages_in(one.statement) == {"health-reloaded-at-end": {"at": at(30)}}
    assert (one.table, one.rows) == ("error_log", 1)
    for second, is_there in ((28, True), (32, True), (27.9, False), (32.1, False)):
        assert ("reloaded_at_end" in loaded(notice(19.5), notice(second))) == is_there, second


def test_a_server_that_answers_nothing_is_dead():
    lines = [error(21 + number, "upstream_unreachable", upstream_addr=DEAD) for number in range(4)]

    def dead(*errors):
        return found(*bad(6, nginx_status=200.0, response_s=5.0), error_log=errors).get("dead_server")

    one = dead(*lines)
    said = {"address": DEAD, "kind": "nginx-error-upstream-unreachable", "usual": [USUAL]}
    assert messages_in(one.statement)["health-dead-server"] == said | {
        "errors": 4,
        "total": 4,
        "paths": [HEALTH],
    }
    assert messages_in(one.detail)["health-dead-server-detail"] == said
    assert logged(one) == ("error_log", 4, None, None, 1.0)
    assert dead(*lines[:2]).strength == 0.5
    assert dead(*lines[:1]) is None
    # Half of the lines of a path are those of the server.
    usual = [error(30 + number / 4, "upstream_closed", upstream_addr=USUAL) for number in range(5)]
    assert messages_in(dead(*lines, *usual[:4]).statement)["health-dead-server"]["total"] == 8
    assert dead(*lines, *usual) is None
    # Lost or filtered packets: a server may be there.
    assert dead(*(line | {"kind": "upstream_timeout_connect"} for line in lines)) is None


def test_nginx_asks_at_a_port_at_which_nobody_listens():
    process = {"file": "c.txt", "line": 1, "addr": "192.0.2.99", "port": 9000, "service": "svc"}
    refused = [error(21 + number, "upstream_refused", upstream_addr=DEAD) for number in range(3)]

    def port(*errors, processes=(process,)):
        rows = [*GOOD, *bad(6)]
        return seen(wrong_port, context(*rows, error_log=errors, app_processes=processes)).get("wrong_port")

    one = port(*refused)
    place = {"address": DEAD, "listens": ["192.0.2.99:9000"]}
    assert messages_in(one.statement) == {"health-wrong-port": place | {"errors": 3, "paths": [HEALTH]}}
    assert messages_in(one.detail)["health-wrong-port-detail"] == place | {"place": "nginx-location-of"}
    assert logged(one) == ("error_log", 3, None, None, 0.5)
    assert port(*refused[:2]) is None
    assert port(*refused, processes=[process | {"port": 8100}]) is None
    assert port(*refused, processes=[process | {"addr": "192.0.2.1"}]) is None
    assert port(*(line | {"kind": "upstream_closed"} for line in refused)) is None


def test_a_limit_explains_the_requests_that_it_delays():
    delays = [error(22 + number, "limit_req", message="delaying request") for number in range(6)]
    slow = bad(6, nginx_status=200.0, response_s=0.01)
    one = found(*slow, error_log=delays)["nginx_limits"]
    assert messages_in(one.statement)["health-nginx-limits"] == {
        "lines": 6, "kind": "nginx-error-limit-req", "paths": [HEALTH], "limited": 6, "bad": 6,
    }  # fmt: skip
    assert messages_in(one.detail)["health-nginx-limits-detail"] == {
        "place": "nginx-location-of", "kind": "nginx-error-limit-req", "times": 6,
    }  # fmt: skip
    assert logged(one) == ("error_log", 6, 6, "requests", 1.0)
    assert "nginx_limits" not in found(*slow, error_log=delays[:2])
    assert found(*slow, error_log=delays[:3])["nginx_limits"].strength == 0.5
    # What failed otherwise, or where the limit refuses alone, has another reason.
    failed = bad(6, nginx_status=502.0)
    assert "nginx_limits" not in found(*failed, error_log=delays)
    refusals = [line | {"message": "limiting requests"} for line in delays]
    assert "nginx_limits" not in found(*slow, error_log=refusals)
    # Of many bad requests those of one endpoint in question.
    others = [request(21 + number / 2, JOBS, bad=True) for number in range(20)]
    mine = found(*slow, *others, error_log=delays, routes=[HEALTH, JOBS])["nginx_limits"]
    assert messages_in(mine.statement)["health-nginx-limits"]["bad"] == 6
    both = found(*slow[:5], *others, error_log=delays, routes=[HEALTH, JOBS])
    assert "nginx_limits" not in both
