"""Parts of commands: options, errors, queries, guards, runs, settings and timers, by all that they print."""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from worlds.printed import is_error, lines_of, one_line, said
from worlds.settings_file import write_settings

from watchme_analysis.cli import cli
from watchme_analysis.cli.error_sentences import language_of_words, sentence_of
from watchme_analysis.cli.every_command import complete_command
from watchme_analysis.cli.options import (
    ChoiceWithSuggestion,
    FiniteRange,
    Seconds,
    meets,
    queue_argument,
    require_parameters,
    seconds_of,
)
from watchme_analysis.cli.output import output_of
from watchme_analysis.cli.process_settings import module_hidden
from watchme_analysis.cli.run import destinations_of, state_folder
from watchme_analysis.cli.schedule import schedule
from watchme_analysis.cli.terminal import Printer, echo
from watchme_analysis.config import Config, Destination, RunSettings, System
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import Choice, Resource, message
from watchme_analysis.text.render import error_sentence, note, render

OUT = Printer("en")


# Options


def invoked(*words, **options):
    return CliRunner().invoke(*words, standalone_mode=False, **options)


def test_a_finding_meets_the_level_of_fail_on():
    open_one = {"verdict": "inconclusive", "incident": {"start": "2026"}}
    unknown = {"verdict": "inconclusive", "incident": {"start": None}}
    supported, calm = {"verdict": "supported"}, {"verdict": "no_incident", "incident": {"start": "2026"}}
    for level, expected in ((None, [False] * 5), ("supported", [True, False, False, False, False]),
                            ("incident", [True, True, False, False, False])):  # fmt: skip
        assert [meets(level, each) for each in (supported, open_one, unknown, calm, {})] == expected


def test_seconds_are_a_number_or_a_span():
    assert [seconds_of(text) for text in ("2m", "90", "1.5", "0", "500ms")] == [120.0, 90.0, 1.5, 0.0, 0.5]
    for text in ("soon", "-1", "1.", ""):
        with pytest.raises(InputError):
            seconds_of(text)


def test_numbers_durations_and_words_are_checked():
    @click.command()
    @click.option("--rate", type=FiniteRange(0, min_open=True))
    @click.option("--wait", type=Seconds())
    @click.option("--kind", type=ChoiceWithSuggestion(["start", "cancel"]))
    def command(**options):
        return options

    given = invoked(command, ["--rate", "1.5", "--wait", "2m", "--kind", "start"])
    assert given.return_value == {"rate": 1.5, "wait": 120.0, "kind": "start"}
    for value in ("nan", "inf"):
        expected = error_sentence("error-not-finite", value=repr(value))
        assert invoked(command, ["--rate", value]).exception.message == expected
    assert isinstance(invoked(command, ["--rate", "0"]).exception, click.BadParameter)
    near = message("error-did-you-mean", word=Resource("start"))
    for word, suggestion in (("strat", near), ("other", "")):
        expected = error_sentence(
            "error-choice", value=repr(word), known="'start', 'cancel'", near=suggestion
        )
        assert invoked(command, ["--kind", word]).exception.message == expected


def test_a_queue_is_an_argument_or_an_option_and_only_one():
    @click.command()
    @queue_argument
    def command(queue):
        require_parameters("queue")
        return queue, click.get_current_context().params["queue"]

    assert invoked(command, ["orders"]).return_value == ("orders", "orders")
    assert invoked(command, ["--queue", "orders"]).return_value == ("orders", "orders")
    assert invoked(command, ["orders", "--queue", "orders"]).return_value == ("orders", "orders")
    two = invoked(command, ["orders", "--queue", "refunds"]).exception
    assert two.message == error_sentence("error-two-queues", one="orders", other="refunds")
    none = invoked(command, []).exception
    assert (none.param_hint, none.param_type) == ("QUEUE", "argument")


def test_a_missing_option_is_named_by_its_long_name():
    @click.command()
    @click.option("-m", "--measure")
    @click.option("--other")
    def command(**options):
        require_parameters("measure")

    missing = invoked(command, ["--other", "x"]).exception
    assert (missing.param_hint, missing.param_type) == ("--measure", "option")
    assert invoked(command, ["-m", "x"]).exception is None


def test_the_form_of_the_output_is_stated_once(tmp_path):
    def made(**options):
        return output_of({"form": None, "file": None, "force": False} | options)

    file = tmp_path / "rows.JSON"
    assert (made().form, made(as_csv=True).form, made(form="jsonl", as_jsonl=True).form) == (
        "table",
        "csv",
        "jsonl",
    )
    assert (made(file=file).form, made(file=file).file) == ("json", file)
    assert made(file=tmp_path / "rows.txt", form="csv").form == "csv"
    assert output_of({"file": tmp_path / "x.tf", "force": False}, "terraform").form == "terraform"
    file.write_text("mine")
    with pytest.raises(InputError) as refused:
        made(file=file)
    assert is_error(refused.value, "error-output-exists", file=file)
    assert made(file=file, force=True).file == file
    for options, message_id in (
        ({"force": True}, "error-force-needs-to"), ({"file": tmp_path / "x"}, "error-output-suffix"),
        ({"file": tmp_path / "x.csv", "form": "table"}, "error-output-suffix"),
    ):  # fmt: skip
        with pytest.raises(click.UsageError) as refused:
            made(**options)
        assert refused.value.message == error_sentence(message_id)
    with pytest.raises(click.UsageError) as refused:
        made(as_json=True, as_csv=True)
    assert refused.value.message == error_sentence("error-output-forms", forms="json, csv")


def test_rows_are_written_as_they_would_be_printed(tmp_path, capsys):
    document = {"a": 1}
    for form, expected in (
        ("json", '{\n "a": 1\n}\n'), ("jsonl", '{"a":1,"b.c":"日"}\n'), ("csv", "a,b.c\n1,日\n")
    ):  # fmt: skip
        rows = [{"a": 1, "b": {"c": "日"}}]
        output_of({"form": form}).write_document(document, lambda: rows)  # noqa: B023
        assert capsys.readouterr().out == expected
        file = tmp_path / f"rows.{form}"
        output_of({"file": file}).write_document(document, lambda: rows)  # noqa: B023
        assert (file.read_text(), capsys.readouterr().out) == (expected, "")
    code = tmp_path / "alarms.json"
    output_of({"file": code}).write_text("code\n")
    output_of({}).write_text("code\n")
    assert (code.read_text(), capsys.readouterr().out) == ("code\n", "code\n")


def test_a_conclusion_stands_beside_rows_that_do_not_state_it(capsys):
    for form, shown in (
        ("table", ("line\n", "")),
        ("json", ("{}\n", "")),
        ("jsonl", ('{"a":1}\n', "End.\n")),
    ):
        output_of({"form": form}).show(lambda: ["line"], dict, lambda: [{"a": 1}], "End.")
        assert tuple(capsys.readouterr()) == shown
    output_of({"form": "csv"}).show(lambda: ["line"], dict, lambda: [{"a": 1}])
    assert tuple(capsys.readouterr()) == ("a\n1\n", "")


def test_texts_of_a_printer_are_escaped_and_go_where_they_belong(capsys):
    OUT.print_message("print-next", command="x")
    OUT.print_message("print-next", err=True, command="y")
    OUT.note("a\x1b")
    echo("z", nl=False)
    echo()
    out, err = capsys.readouterr()
    assert out == f"{said('print-next', command='x')}\nz\n"
    assert err == f"{said('print-next', command='y')}\n{said('print-note', text='a')}" + "\\x1b\n"


# Errors


def test_sentences_of_errors_say_what_is_wrong_in_both_languages():
    error = InputError("It is wrong.")
    assert sentence_of(error, "ja") == ("It is wrong.", 2)
    assert sentence_of(ServiceError("It failed."), "en") == ("It failed.", 1)
    assert sentence_of(KeyboardInterrupt(), "en") == (said("command-stopped"), 130)
    missing = sentence_of(FileNotFoundError(2, "No such file", "x"), "en")
    assert missing == (said("command-file", file="x", reason=message("reason-missing")), 2)
    full, code = sentence_of(OSError(28, "No space", "x"), "en")
    assert (code, full) == (2, said("command-no-room", file="x", folder=str(Path("/tmp"))))
    long = sentence_of(FileNotFoundError(2, "No such file", "x" * 501), "en")[0]
    assert "x" * 500 + "…" in long and "x" * 501 not in long


def test_the_advice_of_an_invalid_use_names_the_command():
    @click.command("sub")
    def command():
        pass

    context = click.Context(command, info_name="watchme sub")
    advice = said("command-see-help", command="watchme sub")
    for problem, shown in (("Wrong", "Wrong."), ("Wrong.", "Wrong."), ("Why?", "Why?")):
        assert sentence_of(click.UsageError(problem, context), "en") == (f"{shown} {advice}", 2)
        assert sentence_of(click.UsageError(problem), "en") == (shown, 2)
    # Japanese has a full stop of its own, and no space after it.
    advice = render(message("command-see-help", command=Resource("watchme sub")), "ja")
    for problem, shown in (("Wrong", "Wrong。"), ("Wrong。", "Wrong。"), ("Why？", "Why？")):
        assert sentence_of(click.UsageError(problem, context), "ja") == (f"{shown}{advice}", 2)
        assert sentence_of(click.UsageError(problem), "ja") == (shown, 2)


def test_each_kind_of_error_of_the_command_line_is_in_the_language_of_the_reader():
    @click.command("sub")
    @click.argument("case")
    @click.option("--limit", type=int)
    def command(**options):
        pass

    context = click.Context(command, info_name="watchme sub")
    case, limit = command.params

    def shown(error):
        return sentence_of(error, "ja")[0].partition(ADVICE)[0].rstrip("。")

    def words(message_id, **values):
        named = {name: Resource(value) for name, value in values.items()}
        return render(message(message_id, **named), "ja").rstrip("。")

    missing = words("command-missing", name="CASE")
    assert shown(click.MissingParameter(ctx=context, param=case)) == missing
    assert shown(click.MissingParameter(ctx=context, param_hint="CASE")) == missing
    unknown = words("command-no-option", name="--limits")
    assert shown(click.NoSuchOption("--limits", ctx=context)) == unknown
    near = words("command-did-you-mean", words="--limit")
    found = shown(click.NoSuchOption("--limits", possibilities=["--limit"], ctx=context))
    assert found == render(message("command-no-option", name=Resource("--limits")), "ja") + near
    bad = click.BadParameter("Wrong.", ctx=context, param=limit)
    assert shown(bad) == words("command-invalid", name="--limit", problem="Wrong.")
    hinted = click.BadParameter("Wrong.", ctx=context, param=limit, param_hint="-n")
    assert shown(hinted) == words("command-invalid", name="-n", problem="Wrong.")
    usage = click.BadOptionUsage("--limit", "Wrong.", ctx=context)
    assert shown(usage) == words("command-invalid", name="--limit", problem="Wrong.")
    assert sentence_of(click.ClickException("Wrong."), "ja") == ("Wrong.", 2)


ADVICE = render(message("command-see-help", command=Resource("watchme sub")), "ja")


def test_the_language_of_the_words_is_the_first_that_is_known(monkeypatch):
    monkeypatch.setenv("WATCHME_LANGUAGE", "en")
    assert language_of_words(["x", "--language", "ja"]) == "ja"
    assert language_of_words(["--language=ja"]) == "ja"
    assert language_of_words(["--language", "fr", "--language=ja"]) == "ja"
    assert language_of_words(["--language"]) == "en" and language_of_words(["ja"]) == "en"


# Queries


def test_a_query_is_shown_with_its_parameters(watchme):
    found = json.loads(watchme("query", "show", "request", "--json").stdout)
    assert (found["query"], [each["name"] for each in found["parameters"]]) == ("request", ["request_id"])
    [parameter] = found["parameters"]
    assert parameter.keys() == {"name", "type", "default", "description"}
    assert (parameter["type"], parameter["default"]) == ("uuid", None)
    assert found["columns"] and "| sort @timestamp asc" in found["text"]
    rows = watchme("query", "show", "request", "--output", "jsonl").stdout.splitlines()
    assert [json.loads(row)["name"] for row in rows] == ["request_id"]
    shown = lines_of(watchme("query", "show", "request").stdout)
    assert shown[0] == f"request: {one_line(found['description'])}"
    assert shown[1:3] == [
        said("query-log-groups", groups=found["log_groups"]),
        said("query-columns", columns=", ".join(found["columns"])),
    ]
    about = {"name": "request_id", "type": "uuid", "description": parameter["description"]}
    assert shown[3] == said("query-parameter", **about, has=Choice("nothing"), default="")
    listed = json.loads(watchme("query", "list", "--json").stdout)
    assert listed[0].keys() == {"query", "description", "log_groups"}
    lines = watchme("query", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [row["query"] for row in listed]


# Probes and guards


def test_the_script_of_probes_is_printed_and_curl_runs_until_it_is_stopped(watchme):
    from watchme_analysis.evidence import prober

    script = watchme("probe", "--standalone")
    assert (script.returncode, script.stdout) == (0, Path(prober.__file__).read_text())
    lines = watchme("probe", "https://example.com/health", "--curl")
    assert lines.returncode == 0 and "curl" in lines.stdout and "https://example.com/health" in lines.stdout
    for words, message_id in (
        (("--curl", "--for", "1m"), "error-for-without-curl"),
        (("--slower-than", "1s"), "error-slower-needs-publish"),
        (("--every", "0.5s"), "error-probe-every"), (("--timeout", "0"), "error-probe-every"),
    ):  # fmt: skip
        ended = watchme("probe", "https://example.com/health", *words)
        assert ended.returncode == 2 and said(message_id) in one_line(ended.stderr)


def test_probes_are_not_appended_to_a_file_of_something_else(watchme, tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    ended = watchme("probe", "https://example.com/health", "--to", "other.csv", "--for", "1s", cwd=tmp_path)
    assert ended.returncode == 2 and (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"


@pytest.fixture
def probed(tmp_path):
    """Checks every ten seconds, of which the third to the eighth failed."""
    (tmp_path / "evidence").mkdir()
    rows = ["timestamp,vantage,path,status,seconds,error"]
    for number in range(12):
        bad = 2 <= number < 8
        end = ",10.0,timeout" if bad else "200,0.1,"
        rows.append(f"2025-12-11T01:{number // 6:02}:{number % 6 * 10:02}Z,host,/health,{end}")
    (tmp_path / "evidence" / "probes.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "evidence"


def test_a_guard_is_tried_on_recorded_checks(watchme, probed):
    words = ("guard", "http://127.0.0.1/health", "--backtest", probed, "--cooldown", "2m")
    found = json.loads(watchme(*words, "--json").stdout)
    sentences = [each["sentence"] for each in found.pop("sentences")]
    # Three failures in a row restart: the third failed check is that of 01:00:40.
    assert {name: found[name] for name in ("stopped", "checks", "failed", "answered_inside", "effect")} == {
        "stopped": None, "checks": 12, "failed": 6, "answered_inside": None, "effect": None
    }  # fmt: skip
    [restart] = found["restarts"]
    assert restart.startswith("2025-12-11T01:00:") and found["failing_s"] == 60.0
    assert 0 <= found["avoided_s"] < 60
    assert lines_of(watchme(*words).stdout) == [one_line(each) for each in sentences]
    rows = watchme(*words, "--output", "jsonl")
    assert [json.loads(line) for line in rows.stdout.splitlines()] == [{"restart": restart}]
    assert one_line(rows.stderr) == one_line(" ".join(sentences))


def test_a_guard_needs_one_way_to_restart_and_a_folder(watchme, tmp_path):
    url = "http://127.0.0.1/health"
    for words, message_id in (
        ((url, "--json"), "error-output-needs-backtest"),
        ((url,), "error-guard-one-restart"),
        ((url, "--restart", "x", "--docker", "y"), "error-guard-one-restart"),
        ((url, "--restart", "x"), "error-guard-no-evidence"),
    ):
        ended = watchme("guard", *words)
        assert (ended.returncode, said(message_id) in one_line(ended.stderr)) == (2, True)


def test_each_run_of_a_guard_makes_one_check_and_ends(watchme, tmp_path, probed):
    words = (
        "http://127.0.0.1:1/health",
        "--evidence",
        tmp_path / "g",
        "--cooldown",
        "3s",
        "--recovery",
        "3s",
    )
    words += ("--restart", f"touch {tmp_path / 'restarted'}", "--notify", f"sh -c 'touch {tmp_path}/told'")
    for number in range(3):
        assert not (tmp_path / "restarted").exists(), number
        ended = watchme("guard", *words)
        assert ended.returncode == 0
    assert (tmp_path / "restarted").exists() and (tmp_path / "told").exists()
    assert len(ended.stdout.splitlines()) == 2  # evidence, and the result
    raw = watchme("guard", *words, "--case", probed)
    assert (raw.returncode, f"{probed}" in one_line(raw.stderr)) == (2, True)


# Runs


def test_a_system_without_destinations_has_the_folder_of_its_reports(tmp_path):
    chat = Destination("chat", "sns", settings={})
    config = Config(destinations={"chat": chat}, sources={"systems.orders.queue": f"{tmp_path}/watchme.toml"})
    assert destinations_of(config, System("orders", destinations=("chat",))) == {"chat": chat}
    for reports, folder in ((None, "reports"), ("pages", "pages")):
        [made] = destinations_of(config, System("orders", reports=reports)).values()
        assert (made.name, made.type, made.when, made.settings) == (
            "reports",
            "files",
            "every-run",
            {"folder": folder},
        )
    assert state_folder(config, System("orders")) == tmp_path / ".watchme"
    assert state_folder(config, System("other")) == Path.cwd() / ".watchme"
    stated = Config(run=RunSettings(state="/srv/state"))
    assert state_folder(stated, System("orders")) == Path("/srv/state")


def test_a_run_needs_a_system_and_shows_its_result_on_a_terminal(watchme, tmp_path, front):
    ended = watchme("run", "--offline", cwd=tmp_path)
    assert ended.returncode == 2 and said("error-run-no-system", file="watchme.toml") in one_line(
        ended.stderr
    )


# Settings


def test_the_settings_that_were_found_are_printed_with_their_sources(watchme, tmp_path):
    (tmp_path / "nginx.conf").write_text(
        "events {}\nhttp { server { listen 80; server_name api.example.com;\n"
        " location = /healthz { proxy_pass http://192.0.2.5:8017; } } }\n"
    )
    ended = watchme("config", "init", "nginx.conf", "--no-aws", cwd=tmp_path)
    heads = " ".join(said(f"config-heading-{name}") for name in ("setting", "value", "source"))
    lines = lines_of(ended.stdout)
    assert (ended.returncode, lines[0]) == (0, heads)
    assert [line.split()[:2] for line in lines[1:-2]] == [
        ["systems.api-example-com.health", "/healthz"], ["systems.api-example-com.port", "8017"]
    ]  # fmt: skip
    written = said("config-init-written", systems=1, file="watchme.toml")
    assert lines[-2:] == [written, said("print-next", command="watchme config check")]
    rows = json.loads(
        watchme("config", "init", "nginx.conf", "--no-aws", "--force", "--json", cwd=tmp_path).stdout
    )
    assert [(row["setting"], row["value"]) for row in rows] == [
        tuple(line.split()[:2]) for line in lines[1:-2]
    ]
    assert all(row["source"].startswith("nginx.conf") for row in rows)


def test_a_file_without_a_system_is_said_to_be_empty(watchme, tmp_path):
    (tmp_path / "compose.yaml").write_text("services:\n  db: {image: db}\n")
    ended = watchme("config", "init", "compose.yaml", "--no-aws", cwd=tmp_path)
    assert lines_of(ended.stdout) == [said("config-init-nothing", file="watchme.toml")]
    for words, message_id in (
        (("--no-aws",), "error-no-aws-needs-files"),
        (("compose.yaml", "--no-aws", "--queue", "x"), "error-no-aws-needs-files"),
    ):
        refused = watchme("config", "init", *words, "--to", "new.toml", cwd=tmp_path)
        assert refused.returncode == 2 and said(message_id) in one_line(refused.stderr)
    nowhere = watchme("config", "init", "compose.yaml", "--no-aws", "--to", "no/x.toml", cwd=tmp_path)
    expected = said("error-config-no-folder", target="no/x.toml", folder="no")
    assert nowhere.returncode == 2 and expected in one_line(nowhere.stderr)


def test_names_of_the_systems_are_checked_in_the_account(watchme, tmp_path, front):
    import boto3

    boto3.client("sqs").create_queue(QueueName="orders")
    toml = '[systems.orders]\nqueue = "orders"\n[systems.refunds]\nqueue = "refunds"\n'
    none = watchme("config", "check", cwd=tmp_path)
    assert none.returncode == 2 and said("error-no-system") in one_line(none.stderr)
    write_settings(tmp_path, toml)
    good = watchme("config", "check", "--system", "orders", "--json", cwd=tmp_path)
    row = {"setting": "systems.orders.queue", "value": "orders", "problem": None}
    assert (good.returncode, json.loads(good.stdout)) == (0, [row])
    both = watchme("config", "check", "--json", cwd=tmp_path)
    found = json.loads(both.stdout)
    assert (both.returncode, found[0], found[1]["value"]) == (1, row, "refunds")
    table = watchme("config", "check", cwd=tmp_path, columns=400)
    heads = " ".join(said(f"config-heading-{name}") for name in ("setting", "value", "found"))
    assert table.returncode == 1
    assert lines_of(table.stdout) == [
        heads, "systems.orders.queue orders ok",
        f"systems.refunds.queue refunds {one_line(found[1]['problem'])}",
        said("config-checked", names=2, wrong=1),
    ]  # fmt: skip


# Timers


@pytest.fixture
def team(tmp_path, monkeypatch):
    """A folder with two systems, on a machine whose systemctl and crontab note their calls."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("systemctl", "crontab"):
        script = '#!/bin/sh\necho "$(basename "$0") $@" >> "$LOG"\n'
        script += 'case "$1" in -l) cat "$TAB" 2>/dev/null || exit 1;; -) cat > "$TAB";; esac\n'
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    for name, value in (("LOG", tmp_path / "log"), ("TAB", tmp_path / "crontab"), ("HOME", tmp_path)):
        monkeypatch.setenv(name, str(value))
    write_settings(tmp_path, '[systems.orders]\nqueue = "orders"\n[systems.refunds]\nqueue = "r"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def timers(*words):
    return CliRunner().invoke(schedule, [*words, "--language", "en"], standalone_mode=False)


def test_timers_are_listed_with_where_they_are(team):
    assert lines_of(timers("list").stdout) == [said("schedule-none")]
    timers("install", "orders", "--yes")
    timers("install", "refunds", "--cron", "--yes")
    unit = team / ".config/systemd/user/watchme-orders.timer"
    line = (team / "crontab").read_text().splitlines()[-1].rpartition(" # ")[0]
    assert lines_of(timers("list").stdout) == [
        f"watchme-orders: {unit}", one_line(f"watchme-refunds: crontab: {line}")
    ]  # fmt: skip
    assert json.loads(timers("list", "--json").stdout) == [
        {"timer": "watchme-orders", "kind": "systemd", "at": str(unit)},
        {"timer": "watchme-refunds", "kind": "crontab", "at": line},
    ]


def test_a_timer_is_removed_only_with_yes_and_only_if_it_is_there(team):
    timers("install", "orders", "--yes")
    timers("install", "refunds", "--cron", "--yes")
    (team / "log").write_text("")
    folder = team / ".config/systemd/user"
    shown = timers("remove", "orders")
    paths = [str(folder / f"watchme-orders.{kind}") for kind in ("service", "timer")]
    assert (lines_of(shown.stdout), lines_of(shown.stderr)) == (
        paths, [said("schedule-unchanged", kind="systemd")]
    )  # fmt: skip
    assert (team / "log").read_text() == ""
    done = timers("remove", "orders", "--yes")
    assert lines_of(done.stderr) == [said("schedule-done")]
    assert (team / "log").read_text().splitlines() == [
        "systemctl --user disable --now watchme-orders.timer", "systemctl --user daemon-reload"
    ]  # fmt: skip
    assert is_error(
        timers("remove", "orders").exception, "error-units-missing", folder=folder, job="watchme-orders"
    )
    line = (team / "crontab").read_text()
    shown = timers("remove", "refunds", "--cron")
    assert (shown.stdout, lines_of(shown.stderr)) == (
        line.splitlines()[-1].rpartition(" # ")[0] + "\n", [said("schedule-unchanged", kind="crontab")]
    )  # fmt: skip
    assert (team / "crontab").read_text() == line
    assert lines_of(timers("remove", "refunds", "--cron", "--yes").stderr) == [said("schedule-done")]
    assert (team / "crontab").read_text() == ""
    gone = timers("remove", "refunds", "--cron").exception
    assert is_error(gone, "error-crontab-no-line", job="watchme-refunds")


def test_timers_need_systems_and_programs(team, monkeypatch):
    (team / "bin" / "systemctl").write_text("#!/bin/sh\necho no >&2\nexit 3\n")
    failed = timers("install", "orders", "--yes").exception
    assert failed.args[0].id == "error-schedule-failed" and "no" in str(failed)
    monkeypatch.setenv("PATH", "/nonexistent")
    missing = timers("install", "orders", "--yes").exception
    assert missing.args[0].id == "error-command-unavailable" and "systemctl" in str(missing)
    assert timers("install", "orders", "--cron", "--yes").exception.args[0].id == "error-crontab-unavailable"
    write_settings(team, "")
    assert is_error(timers("install").exception, "error-schedule-no-system", file="watchme.toml")


# Servers, examples and reports


def test_the_example_is_diagnosed_and_reported(watchme, tmp_path, monkeypatch):
    from watchme_analysis.cli.demo import CASE
    from watchme_analysis.installation import PROJECT_FILES

    called, case = [], str(PROJECT_FILES / CASE)
    for name in ("diagnose", "report"):
        main = lambda words, name=name, **more: (called.append((name, words)), 7)[1]  # noqa: E731
        monkeypatch.setattr(f"watchme_analysis.cli.{name}.{name}.main", main)
    ended = watchme("demo", "--to", tmp_path)
    assert (ended.returncode, lines_of(ended.stdout)) == (7, [said("demo-evidence", case=case)])
    assert called == [
        ("diagnose", ["health", case, "--language", "en"]),
        ("report", ["health", case, "--to", str(tmp_path), "--language", "en"]),
    ]
    lacking = InputError(note("balance-open"))

    def require(extra, what):
        assert (extra, what) == ("report", "page")
        raise lacking

    monkeypatch.setattr("watchme_analysis.installation.require", require)
    without = watchme("demo", "--to", tmp_path)
    assert (without.returncode, lines_of(without.stdout)[-1]) == (0, said("balance-open"))


def test_the_words_of_a_command_are_in_its_group():
    context = click.Context(cli)
    assert "case" in cli.list_commands(context)
    assert cli.get_command(context, "nothing") is None


def test_an_optional_module_is_absent_for_a_block_unless_it_is_loaded():
    name = "watchme_analysis.no_such_module"
    assert name not in sys.modules
    with pytest.raises(ValueError, match="no"), module_hidden(name):
        assert sys.modules[name] is None
        raise ValueError("no")
    assert name not in sys.modules
    with module_hidden("json"):
        assert sys.modules["json"] is json
    assert sys.modules["json"] is json


def test_every_command_has_the_same_options_and_states_its_exit_codes_once():
    @click.command(epilog="Examples: none")
    def plain():
        pass

    @click.command(epilog="Exit codes: 0 done")
    def stated():
        pass

    group = click.Group(commands={"plain": plain, "stated": stated})
    for _ in range(2):
        complete_command(group)
    for command in (plain, stated):
        assert [param.name for param in command.params] == ["verbose", "debug"]
    assert plain.epilog.startswith("Examples: none") and plain.epilog.count("Exit codes") == 1
    assert stated.epilog == "Exit codes: 0 done" and group.params == []


def test_the_log_is_shown_while_a_command_runs(capsys):
    logger = logging.getLogger("watchme_analysis")
    before = logger.level, [*logger.handlers]

    @click.command()
    def command():
        for level in (logging.INFO, logging.DEBUG):
            logging.getLogger("watchme_analysis.x").log(level, "one")

    complete_command(command)
    for words, levels in (
        ([], []), (["-v"], ["INFO"]), (["-vv"], ["INFO", "DEBUG"]), (["--debug"], ["INFO", "DEBUG"]),
        (["-v", "--debug"], ["INFO", "DEBUG"]),
    ):  # fmt: skip
        command.main(words, standalone_mode=False)
        lines = capsys.readouterr().err.splitlines()
        assert [line.split()[1:] for line in lines] == [
            [level, "watchme_analysis.x:", "one"] for level in levels
        ]
        assert (logger.level, logger.handlers) == before
        for line in lines:
            shown = datetime.strptime(line.split()[0], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
            assert abs((datetime.now(UTC) - shown).total_seconds()) < 60
