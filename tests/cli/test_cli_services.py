"""Alarms as code, by all that the command prints."""

import json

from worlds.printed import lines_of, one_line, said

from watchme_analysis.text.message import Number


def test_alarms_are_exported_as_code_with_the_price_of_a_health_check(watchme, small_case, tmp_path):
    from watchme_analysis.remedies.alarm_export import health_check_usd

    spec = tmp_path / "own.yaml"
    spec.write_text(
        "alarms:\n- {name: checks, over: probes, metric: failed, stat: Sum, period_s: 60, threshold: 0}\n"
    )
    url = "https://example.com/health"
    words = ("alarms", "export", "--spec", spec, "--health-url", url, "--format", "cloudformation")
    plain = watchme(*words)
    assert plain.returncode == 0 and json.loads(plain.stdout)["Resources"]
    checked = watchme(*words, "--health-check", "lambda", "--to", tmp_path / "alarms.json")
    usd = Number(health_check_usd("lambda"))
    assert lines_of(checked.stderr)[-1] == said("alarm-health-check-cost", usd=usd)
    assert checked.stdout == "" and len(
        json.loads((tmp_path / "alarms.json").read_text())["Resources"]
    ) > len(json.loads(plain.stdout)["Resources"])
    for more, message_id in (
        ((), "error-case-or-health-url"),
        ((small_case.path, "--health-check", "lambda"), "error-health-check-needs-url"),
    ):
        refused = watchme("alarms", "export", *more, "--format", "cli")
        assert refused.returncode == 2 and said(message_id) in one_line(refused.stderr)


def test_the_test_of_alarms_needs_a_name(watchme, front):
    ended = watchme("alarms", "verify")
    assert ended.returncode == 2 and said("error-no-alarm-named") in one_line(ended.stderr)
