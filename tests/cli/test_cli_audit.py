"""The command ``watchme audit``: its table, its JSON, and what it does not accept together."""

import json

import pytest
from worlds.printed import lines_of, one_line, said

from watchme_analysis.cli.audit import _print
from watchme_analysis.remedies.audit import SOURCES, Setting
from watchme_analysis.text.message import Choice, Code, Resource, message

RULE = "dlq"


def text(value):
    return message("value", value=Resource(value))


def setting(resource, status, consequence=None):
    says = None if consequence is None else text(consequence)
    return Setting(RULE, resource, status, text("`30` s"), text("`180` s"), says)


def verdict(change, ok, unknown):
    return said("audit-verdict", change=change, ok=ok, unknown=unknown)


@pytest.fixture
def printed(capsys, monkeypatch):
    """Return a function that prints settings and returns the lines."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*found, shows_all=False):
        _print(found, "en", shows_all=shows_all)
        return lines_of(capsys.readouterr().out)

    return run


def row(resource, status):
    rule, state = said("audit-rule", rule=Choice(RULE)), said("audit-status", status=Choice(status))
    return one_line(f"{rule} {resource} {state} 30 s 180 s")


HEADS = one_line(
    " ".join(
        said(f"audit-column-{name}") for name in ("rule", "resource", "status", "current", "recommended")
    )
)


def test_settings_that_conform_are_counted_and_shown_on_request(printed):
    found = setting("good", "ok"), setting("bad", "change"), setting("dark", "unknown")
    rows = {each.resource: row(each.resource, each.status) for each in found}
    counts = verdict(1, 1, 1)
    assert printed(*found) == [HEADS, rows["bad"], rows["dark"], counts]
    assert printed(*found, shows_all=True) == [HEADS, rows["good"], rows["bad"], rows["dark"], counts]
    # Nothing to show: no table.
    assert printed(setting("good", "ok"), setting("better", "ok")) == [verdict(0, 2, 0)]


def test_resources_with_the_same_consequence_share_its_sentence(printed):
    found = (
        setting("a", "change", "Twice."),
        setting("b", "change", "Twice."),
        setting("c", "change", "Lost."),
    )
    rule = said("audit-rule", rule=Choice(RULE))
    source = said("audit-source", url=Code(SOURCES[RULE])).replace("`", "")
    below = printed(*found)[4:]
    twice, lost = (said("audit-consequence", text=text(each)) for each in ("Twice.", "Lost."))
    assert below == [f"a, b: {rule}", twice, source, f"c: {rule}", lost, source, verdict(3, 0, 0)]


def test_names_go_with_the_account_and_either_that_or_a_case_is_audited(watchme, small_case):
    for words, message_id in (
        ((), "error-case-or-live"),
        ((small_case.path, "--live"), "error-case-or-live"),
        ((small_case.path, "--queue", "orders"), "error-named-needs-live"),
        ((small_case.path, "--function", "orders"), "error-named-needs-live"),
    ):
        ended = watchme("audit", *words)
        assert ended.returncode == 2
        assert one_line(ended.stderr).startswith(f"watchme: {said(message_id)}")


def test_the_account_is_audited_from_what_the_system_names(front, watchme, tmp_path):
    import boto3

    for name in ("orders", "other"):
        boto3.client("sqs").create_queue(QueueName=name)
    (tmp_path / "watchme.toml").write_text('[systems.orders]\nqueue = "orders"\n')
    audited = json.loads(watchme("audit", "--live", "--json", cwd=tmp_path).stdout)
    lines = watchme("audit", "--live", "--output", "jsonl", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["current"] for line in lines] == [
        each["current"]["sentence"] for each in audited
    ]
    assert {each["resource"] for each in audited if each["rule"] == RULE} == {"orders"}
    named = json.loads(watchme("audit", "--live", "--queue", "other", "--json", cwd=tmp_path).stdout)
    assert {each["resource"] for each in named if each["rule"] == RULE} == {"other"}
