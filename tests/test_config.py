"""Settings: their precedence, their sources, and what is said of invalid ones."""

import os
from dataclasses import replace

import pytest
from worlds.messages import messages_in
from worlds.settings_file import write_settings
from worlds.together import together

from watchme_analysis.config import (
    Config,
    Destination,
    LoadSettings,
    LogWords,
    RunSettings,
    System,
    WorkItemSettings,
    check_text,
    load_config,
)
from watchme_analysis.errors import InputError
from watchme_analysis.limits import LIMIT_KEYS, Limits


@pytest.fixture
def places(tmp_path):
    """A working directory two levels below a project, and a user's configuration folder."""
    work = tmp_path / "project" / "cases" / "last-night"
    work.mkdir(parents=True)
    (tmp_path / "config" / "watchme").mkdir(parents=True)
    return work


def write(places, project="", user=""):
    write_settings(places.parents[1], project)
    (places.parents[2] / "config" / "watchme" / "watchme.toml").write_text(user)


def load(places, **environ):
    own = {"XDG_CONFIG_HOME": str(places.parents[2] / "config"), "XDG_DATA_HOME": os.environ["XDG_DATA_HOME"]}
    return load_config(places, {**own, **environ})


def test_each_key_comes_from_the_first_source_that_states_it(places):
    write(
        places,
        'time_zone = "Europe/Berlin"\nregion = "eu-central-1"\n',
        'time_zone = "America/Lima"\nregion = "us-east-1"\nprofile = "reader"\n',
    )
    found = load(places, WATCHME_REGION="ap-northeast-1", WATCHME_LANGUAGE="ja", LANG="en_GB.UTF-8")
    assert (found.time_zone, found.language, found.profile, found.region) == (
        "Europe/Berlin", "ja", "reader", "ap-northeast-1",
    )  # fmt: skip
    assert {key: found.sources[key] for key in ("time_zone", "language", "profile", "region")} == {
        "time_zone": str(places.parents[1] / "watchme.toml"),
        "language": "WATCHME_LANGUAGE",
        "profile": str(places.parents[2] / "config" / "watchme" / "watchme.toml"),
        "region": "WATCHME_REGION",
    }


def test_a_limit_comes_from_the_environment_or_a_file(places):
    write(places, "[limits]\nlines = 7\nfile_mib = 3")
    found = load(places, WATCHME_LIMIT_LINES="9")
    assert found.limits == Limits(lines=9, file_mib=3)
    assert load(places, WATCHME_LIMIT_FILE_MIB="2048").limits.file_mib == 2048
    assert found.sources["limits.lines"] == "WATCHME_LIMIT_LINES"
    assert found.sources["limits.file_mib"] == str(places.parents[1] / "watchme.toml")
    for wrong in ("0", "-1", "nan", "1e3", "many", "9" * 40):
        with pytest.raises(InputError, match=r"WATCHME_LIMIT_LINES: limits\.lines is '"):
            load(places, WATCHME_LIMIT_LINES=wrong)


def test_the_nearest_file_upwards_counts(places):
    write(places, 'time_zone = "Europe/Berlin"')
    write_settings(places, 'time_zone = "Asia/Seoul"')
    assert load(places).time_zone == "Asia/Seoul"
    assert load(places.parent).time_zone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("environ", "language", "source"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja", "LANG"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en", "LC_ALL"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": ""}, "ja", "LANG"),
        ({"LANG": "de_DE.UTF-8"}, "en", "default"),
        ({"LC_ALL": "C"}, "en", "default"),
    ],
)
def test_the_language_is_that_of_the_locale(places, environ, language, source):
    found = load(places, **environ)
    assert (found.language, found.sources["language"]) == (language, source)


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_ACCESS_KEY_ID"])
def test_aws_variables_are_stronger_than_a_file(places, variable):
    write(places, 'profile = "reader"\nregion = "eu-central-1"')
    found = load(places, **{variable: "other"})
    assert (found.profile, found.sources["profile"]) == (None, variable)
    assert found.region == "eu-central-1"
    assert load(places, **{variable: "other", "WATCHME_PROFILE": "mine"}).profile == "mine"
    assert load(places, AWS_DEFAULT_REGION="us-east-1").region is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'zone = "UTC"',
            "has the unknown key 'zone': do you mean time_zone",
        ),
        (f"[run]\nmax_gb = 1{'0' * 400}", "run.max_gb is 10+…, but must be a number above 0"),
        ('colour = "red"', "has the unknown key 'colour': the keys are time_zone, language, profile, region"),
        ("time_zone = 9", "time_zone is 9, but must be the IANA name of a time zone, such as"),
        ('time_zone = "Asia/Tokio"', "time_zone is 'Asia/Tokio', but must be the IANA name"),
        ("time_zone", "can't be read: Expected '='"),
        ("limits = 1", "limits is 1, but must be a table"),
        ("[work_items]\nunit = {en = 1}", "work_items.unit_en is 1, but must be a noun"),
        ("a = " + "[" * 20_000, "can't be read"),
        ('profile = ["' + "x" * 1000 + '"]', "profile is .{60}…, but"),
    ],
)
def test_an_invalid_file_is_one_sentence_that_names_it(places, text, said):
    write(places, text)
    with pytest.raises(InputError, match=rf"project/watchme\.toml.*{said}") as error:
        load(places)
    assert "\n" not in str(error.value)


def test_a_path_is_relative_to_the_file_that_states_it(places):
    write(places, 'alarms = "our/alarms.yaml"')
    assert load(places).alarms == str(places.parents[1] / "our" / "alarms.yaml")
    assert load(places, WATCHME_ALARMS="other.yaml").alarms == "other.yaml"


SYSTEMS = """
[systems.orders]
queue = "orders"
dlq = ["orders-dlq"]
function = "orders-worker"
api = "https://api.example.com/orders"
health = "/orders/health"
port = 8080
log_groups = ["/aws/lambda/orders-*"]
error_words = ["abgelehnt"]
alarms = "alarms.yaml"
reports = "reports"
destinations = ["on-call"]

[destinations.on-call]
type = "slack"
webhook = "env:SLACK_WEBHOOK"
when = "changes"
language = "ja"
"""


def test_the_system_is_the_one_named_else_the_only_one(places):
    assert load(places).chosen_system() is None
    with pytest.raises(InputError, match=r"no system 'orders': watchme.toml states none"):
        load(places).chosen_system("orders")
    write(places, SYSTEMS)
    assert load(places).chosen_system().name == "orders"
    with pytest.raises(InputError, match=r"no system 'order': do you mean orders\?"):
        load(places).chosen_system("order")
    write(places, SYSTEMS + "[systems.refunds]\n")
    assert load(places).chosen_system() is None
    assert load(places, WATCHME_SYSTEM="refunds").chosen_system().name == "refunds"
    with pytest.raises(InputError, match=r"no system 'x': the systems are orders, refunds\."):
        load(places).chosen_system("x")


def error_of(call, *arguments):
    with pytest.raises(InputError) as raised:
        call(*arguments)
    return messages_in(raised.value.args[0])


FULL = """
time_zone = "Europe/Berlin"
language = "ja"
profile = "reader"
region = "eu-central-1"
alarms = "alarms.yaml"
system = "orders"

[work_items]
item_keys = ["camera"]
time_keys = ["at"]
day_keys = ["night"]
day_in_path = "/(x)/"
unit = {en = "camera"}

[log_words]
error = ["kaputt"]
no_error = ["kein"]
timeout = ["zu spät"]
status = ["Status"]
done = ["fertig"]

[load]
senders = 3
interval_s = 2
together = true

[limits]
lines = 7

[run]
state = "state"
window = "6h"
max_gb = 5
max_usd = 0.5
max_gb_per_day = 6
max_usd_per_day = 7
usd_per_gb = 0.01
deadline_s = 60

[systems.orders]
queue = ["orders"]
dlq = "orders-dlq"
function = "orders-worker"
instance = "i-0123456789abcdef0"
api = "https://api.example.com/orders"
health = "/health"
port = 8080
log_groups = ["/aws/lambda/*"]
error_words = ["kaputt", "defekt"]
alarms = "a.yaml"
reports = "reports"
destinations = ["store"]
test = true

[destinations.store]
type = "files"
folder = "out"
url = "https://reports.example.com/"
keep = "30d"
keep_incidents = true
when = "every-run"
language = "en"
redact = "ids"
errors = true
"""


def test_every_setting_of_a_file(places):
    write(places, FULL)
    project = places.parents[1]
    found = load(places)
    assert replace(found, sources={}) == Config(
        time_zone="Europe/Berlin",
        language="ja",
        profile="reader",
        region="eu-central-1",
        alarms=str(project / "alarms.yaml"),
        work_items=WorkItemSettings(
            ("camera",), ("at",), ("night",), "/(x)/", "camera", "camera", "Europe/Berlin"
        ),
        log_words=LogWords(("kaputt", "defekt"), ("kein",), ("zu spät",), ("Status",), ("fertig",)),
        load=LoadSettings(3, 2.0, together=True),
        system="orders",
        systems={
            "orders": System(
                "orders",
                ("orders",),
                ("orders-dlq",),
                ("orders-worker",),
                ("i-0123456789abcdef0",),
                "https://api.example.com/orders",
                "/health",
                8080,
                ("/aws/lambda/*",),
                ("kaputt", "defekt"),
                str(project / "a.yaml"),
                str(project / "reports"),
                ("store",),
                is_test=True,
            )
        },
        destinations={
            "store": Destination(
                "store",
                "files",
                "every-run",
                "en",
                "ids",
                errors=True,
                settings={
                    "folder": str(project / "out"),
                    "url": "https://reports.example.com/",
                    "keep": "30d",
                    "keep_incidents": True,
                },
            )
        },
        limits=Limits(lines=7),
        run=RunSettings(str(project / "state"), "6h", 5.0, 0.5, 6.0, 7.0, 0.01, 60.0),
    )
    file = str(project / "watchme.toml")
    stated = {key for key, source in found.sources.items() if source == file}
    assert {key for key in found.sources if key not in stated} == {
        f"limits.{key}" for key in LIMIT_KEYS if key != "lines"
    }
    assert found.sources["destinations.store"] == found.sources["systems.orders.dlq"] == file
    assert found.systems["orders"].stated() == {
        "queue": ("orders",),
        "dlq": ("orders-dlq",),
        "function": ("orders-worker",),
        "instance": ("i-0123456789abcdef0",),
        "api": "https://api.example.com/orders",
        "health": "/health",
        "port": 8080,
        "log_groups": ("/aws/lambda/*",),
        "error_words": ("kaputt", "defekt"),
        "alarms": str(project / "a.yaml"),
        "reports": str(project / "reports"),
        "destinations": ("store",),
        "test": True,
    }
    assert LogWords.from_dict(found.log_words.to_dict()) == found.log_words


DESTINATION = {
    "files": 'folder = "x"',
    "s3": 'bucket = "abc"',
    "sns": 'topic = "arn:aws:sns:eu-west-1:123456789012:t"',
    "slack": 'webhook = "env:X"',
    "apprise": 'url = "file:/x"',
    "email": 'to = "a@example.com"\nfrom = "b@example.com"\nsmtp = "mail.example.com:25"',
    "eventbridge": 'bus = "b"',
    "markdown": 'folder = "x"',
}


@together("kind", DESTINATION)
def test_a_destination_without_a_required_key_is_refused(kind):
    start = f'[destinations.a]\ntype = "{kind}"\n'
    check_text(start + DESTINATION[kind])
    for line in DESTINATION[kind].splitlines():
        rest = "\n".join(other for other in DESTINATION[kind].splitlines() if other != line)
        found = error_of(check_text, start + rest)["error-config-lacks-key"]
        assert (found["name"], found["key"]) == ("destinations.a", line.split(" = ")[0])


def test_systems_and_destinations_of_two_files(places):
    """A key of a system comes from the first file that states it, a destination as a whole."""
    write(
        places,
        '[systems.a]\nport = 1\nreports = "r"\n[destinations.d]\ntype = "markdown"\nfolder = "x"',
        '[systems.a]\nport = 2\napi = "http://a"\n[destinations.d]\ntype = "apprise"\nurl = "env:X"',
    )
    found = load(places)
    project, user = places.parents[1], places.parents[2] / "config" / "watchme"
    assert found.systems["a"] == System("a", port=1, api="http://a", reports=str(project / "r"))
    assert found.sources["systems.a.api"] == str(user / "watchme.toml")
    assert found.destinations["d"] == Destination("d", "markdown", settings={"folder": str(project / "x")})
    assert found.sources["destinations.d"] == str(project / "watchme.toml")
