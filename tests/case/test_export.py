"""What remains of secrets and identities at each level, in the case and in all that is made of it."""

import json

import nbformat
import pytest
from click.testing import CliRunner
from worlds.small_evidence import PROBES

from watchme_analysis import notebook
from watchme_analysis.case.case_folder import read_case
from watchme_analysis.case.export import export_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.case.verification import case_problems
from watchme_analysis.cli import cli
from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.present.display import FigureView
from watchme_analysis.stand_ins import LEVELS

# Each kind of value, with the levels at which it may remain.
SECRETS = {
    "password in a body": "hunter2secret",
    "token in a query string": "tok3nvalue9",
    "bearer token": "abcdefghijklmnop1234567",
    "webhook": "T000/B000/XXXXsecret",
    "login of a URL": "dbpassw0rd",
    "variable PASSWORD": "Tr0ub4dor",
    "key in compose": "composekey77",
    "literal in source code": "litpassw0rd",
    "pair in a task definition": "pairvalue55",
    "Japanese name": "hiragana77",
}
IDENTITIES = {
    "device": "9f2c7d10-77aa-4c1e-9e55-0a1b2c3d4e5f",
    "device without a shape": "kitchen-observer",
    "account": "123456789012",
    "address": "192.0.2.77",
    "address of IPv6": "2001:db8:77::9",
    "user of a change": "tanaka",
    "user of a request": "suzuki",
    "host": "api.example.com",
    "home folder": "yamada",
    "server name": "media.example.net",
    "MAC": "00:1b:44:11:3a:b7",
    "phone": "+81 90-1234-5678",
    "card": "4111 1111 1111 1111",
    "instance": "i-0abcd1234ef567890",
    "user of an ARN": "watanabe",
}
ORDINARY = {"name in source code": "recorded_day", "key in YAML": "emotion_kind", "type": "Optional"}
BODIES = {"text of a body": "please transcribe the kitchen", "rejected line": "remember the garden gate"}
REMAINS = {
    "secrets": IDENTITIES | ORDINARY | BODIES,
    "ids": ORDINARY | BODIES,
    "share": ORDINARY,
}
ALL = SECRETS | IDENTITIES | ORDINARY | BODIES


def evidence(folder):
    """Write a folder in which every value occurs in several places, one of them a file name."""
    s, i, b = (list(values.values()) for values in (SECRETS, IDENTITIES, BODIES))
    for name in ("queues", "functions"):
        (folder / name).mkdir(parents=True)
    lines = [
        f'{i[3]} - {i[6]} [11/Dec/2025:10:10:3{n} +0900] "GET /d/{i[0]}?token={s[1]} HTTP/1.1" 504 15 "-" '
        f'"curl {i[4]}"\n'
        for n in range(9)
    ]
    (folder / f"access-{i[0]}.log").write_text("".join([*lines, f"{b[1]}\n"]))
    (folder / "case.toml").write_text(f'title = "Night of {i[1]} at https://{i[7]}/?token={s[1]}"\n')
    (folder / "probes.csv").write_text(PROBES)
    (folder / f"app-token={s[1]}.log").write_text(
        f"2025-12-11 01:10:30 ERROR [17] app: postgres://me:{s[4]}@{i[7]}/x failed for {i[1]} with {s[5]}\n"
        f"2025-12-11 01:10:31 ERROR [17] app: /home/{i[8]}/app.py, {s[6]}, Authorization: Bearer {s[2]}\n"
        f"2025-12-11 01:10:33 ERROR [17] app: {i[10]} {i[11]} {i[12]} on {i[13]}\n"
        "2025-12-11 01:10:33 ERROR [17] app: keyed by recorded_day, Optional\n"
        f"2025-12-11 01:10:34 ERROR [17] app: arn:aws:iam::{i[2]}:user/ops/{i[14]} for emotion_kind\n"
        f'2025-12-11 01:10:35 ERROR [17] app: {{"name": "DB_PASSWORD", "value": "{s[8]}"}}\n'
        f"2025-12-11 01:10:35 ERROR [17] app: パスワード：{s[9]}\n"
        f"2025-12-11 01:10:36 ERROR [17] app: login with {s[7]}\n"
        f"2025-12-11 01:10:32 ERROR [17] app: https://hooks.slack.com/services/{s[3]} of {i[7]} {s[5]}\n"
    )
    (folder / "nginx.conf").write_text(f"http {{ server {{ server_name *.{i[9]} api _; }} }}\n")
    (folder / "compose.yml").write_text(
        f"services:\n  web:\n    environment:\n      PASSWORD: {s[5]}\n      API_KEY: {s[6]}\n"
        "      PARTITION_KEY: emotion_kind\n"
    )
    (folder / "main.py").write_text(
        f"key = recorded_day\nPASSWORD = '{s[7]}'\ntoken: Optional[str] = None\ndef f(x): pass\n"
    )
    arn = f"arn:aws:sqs:us-east-1:{i[2]}:jobs"
    (folder / "queues" / "jobs.json").write_text(
        json.dumps({"Attributes": {"QueueArn": arn, "ApproximateNumberOfMessages": "3"}})
    )
    body = json.dumps({"device_id": i[1], "note": b[0], "password": s[0], "owner": {"device_id": i[0]}})
    messages = [{"MessageId": f"m{n}", "Body": body, "Attributes": {"SenderId": i[2]}} for n in range(3)]
    (folder / "queues" / "jobs-messages.json").write_text(json.dumps({"Messages": messages}))
    detail = {"userIdentity": {"userName": i[5], "accountId": i[2]}, "sourceIPAddress": i[3]}
    event = {
        "EventId": "e", "EventName": "PurgeQueue", "EventTime": "2025-12-11T01:00:00Z", "Username": i[5],
        "CloudTrailEvent": json.dumps(detail),
    }  # fmt: skip
    alarm = {
        "AlarmName": f"depth of {i[1]} in {i[2]}, token={s[1]}", "MetricName": "m", "Threshold": 1.0,
        "Period": 60, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1,
        "StateValue": "OK", "AlarmDescription": f"{i[7]}: Bearer {s[2]}",
        "Dimensions": [{"Name": "QueueName", "Value": "jobs"}],
        "AlarmActions": [f"arn:aws:sns:us-east-1:{i[2]}:{i[5]}"],
    }  # fmt: skip
    (folder / "alarms.json").write_text(json.dumps({"MetricAlarms": [alarm], "CompositeAlarms": []}))
    times = [f"2025-12-11T01:{minute:02}:00Z" for minute in range(30)]
    series = {"Id": "m", "Label": "jobs ApproximateNumberOfMessagesVisible", "Timestamps": times}
    (folder / "metrics").mkdir()
    (folder / "metrics" / f"{i[0]}.json").write_text(
        json.dumps({"MetricDataResults": [{**series, "Values": [float(n) for n in range(30)]}]})
    )
    (folder / "cloudtrail.json").write_text(json.dumps({"Events": [event]}))


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    root = tmp_path_factory.mktemp("share")
    evidence(root / "evidence")
    return import_folder(root / "evidence", root / "case").case


@pytest.fixture(scope="module")
def exported(case, tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    return {level: export_case(case, root / level / "case", level) for level in LEVELS}


def everything(case):
    """Return all text of a case: names and contents of files, and every cell of every table."""
    parts = [json.dumps(case.manifest, ensure_ascii=False)]
    for path in case.path.rglob("*"):
        parts.append(path.relative_to(case.path).as_posix())
        if path.is_file() and path.suffix != ".parquet":
            parts.append(path.read_text())
    for name in case.manifest["tables"]:
        parts += case.table(name).astype(str).to_csv(sep="\x1f").split("\x1f")
    # Escapes of JSON within JSON would hide a value.
    return "\n".join(parts).replace("\\", "")


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("level", LEVELS)
def test_what_remains_in_the_case_is_as_stated(exported, level):
    text = everything(exported[level])
    assert [kind for kind, value in ALL.items() if value in text] == list(REMAINS[level])


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "words",
    [["diagnose", "health"], ["diagnose", "backlog"], ["case", "show"], ["alarms", "backtest"], ["redrive"]],
)
def test_nothing_made_of_the_case_holds_more(exported, level, words):
    forms = [[]]
    if words[0] == "diagnose":  # each form at the strictest level; levels differ in the values alone
        forms = [["--json"], ["--sql"], []] if level == "share" else [["--json"]]
    for form in forms:
        done = CliRunner().invoke(cli, [*words, str(exported[level].path), *form])
        assert done.output
        gone = [kind for kind, value in ALL.items() if value in done.output and kind not in REMAINS[level]]
        assert gone == []


def shown(page):
    """Return all that a page shows: sentences, tables, headings, and the text and properties of figures."""
    for name in page.sections:
        view = getattr(page, name)()
        bundle = view._repr_mimebundle_()
        data, about = bundle if isinstance(bundle, tuple) else (bundle, {})
        yield json.dumps(
            {kind: text for kind, text in data.items() if kind != "image/png"}, ensure_ascii=False
        )
        yield json.dumps(about, ensure_ascii=False)
        if isinstance(view, FigureView):
            yield "\n".join([view.name, view.alt, *view.words, view.png.decode("latin-1")])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "level"),
    [("health", "secrets"), ("health", "share"), ("backlog", "share"), ("alarms", "share")],
)
def test_no_figure_heading_or_title_holds_more(exported, level, question):
    page = getattr(notebook, f"open_{question}")(case=str(exported[level].path))
    parts = [exported[level].title, *shown(page)]
    text = "\n".join(parts).replace("\\", "")
    assert len(parts) > 5
    if level == "secrets":
        assert any(value in text for value in IDENTITIES.values()), "the page shows what the case holds"
    assert [kind for kind, value in ALL.items() if value in text and kind not in REMAINS[level]] == []


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_an_exported_case_is_a_sound_case(exported, case, level):
    assert case_problems(exported[level].path) == []
    assert exported[level].manifest["redacted"] == level
    counts = {name: entry["rows"] for name, entry in case.manifest["tables"].items()}
    assert {name: len(exported[level].table(name)) for name in counts} == counts


@pytest.mark.slow
def test_the_same_identity_has_the_same_stand_in(exported):
    found = exported["ids"]
    (address,) = found.table("access_log")["client_addr"].unique()
    assert address.startswith("198.18.")
    users = [*found.table("access_log")["remote_user"].unique(), *found.table("changes")["user"]]
    assert len(set(users)) == 2
    assert all(user.startswith("user-") for user in users)
    devices = found.table("app_log")["message"].str.extract(r"for (device-\d+)")[0].dropna()
    assert devices.iloc[0] in found.table("queue_messages")["body"].iloc[0]


def test_an_export_overwrites_nothing_and_leaves_nothing_behind(case, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(CaseError, match="exists already"):
        export_case(case, tmp_path / "there", "ids")
    with pytest.raises(InputError, match="no level 'all'"):
        export_case(case, tmp_path / "new", "all")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.slow
def test_a_report_at_the_strictest_level_holds_none_of_them(case, tmp_path):
    from watchme_analysis.report.run import write_reports

    (result,) = write_reports("backlog", [case.path], tmp_path / "reports", redact="share")
    assert result["redacted"] == "share"
    files = [path for path in (tmp_path / "reports").rglob("*") if path.is_file() and path.suffix != ".png"]
    assert {path.suffix for path in files} >= {".html", ".ipynb", ".json"}
    text = "".join(path.read_text() for path in files).replace("\\", "")
    assert [kind for kind, value in ALL.items() if value in text] == []
    assert str(tmp_path) not in text
    (notebook,) = [path for path in files if path.suffix == ".ipynb"]
    nbformat.read(notebook, as_version=4)
    assert read_case(case.path).manifest.get("redacted") is None
