"""Laws of pasted lines: what says nothing about the fault leaves verdict, layers and likely causes alone."""

from datetime import UTC, datetime, timedelta
from itertools import count, groupby

import pytest
from worlds.altered_evidence import DURATION, SLOWER, at_other_times, renaming

from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import diagnose

START = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
LATER = timedelta(days=17, hours=3, minutes=11)
REFUSED = (
    "2026/03/04 05:06:{} [error] 31#31: *{} connect() failed (111: Connection refused) while connecting to"
    ' upstream, client: 192.0.2.7, server: api.example.com, request: "GET /behavior/health HTTP/1.1",'
    ' upstream: "http://10.80.0.12:8000/health", host: "api.example.com"\n'
)
HEALTH = {
    "error.log": "".join(REFUSED.format(second, 3 + at) for at, second in enumerate(("07", "07", "09"))),
    "compose.log": "behavior-1  | MemoryError\nbehavior-1 exited with code 137\n",
    "nginx.conf": "location /behavior/ { proxy_pass http://10.80.0.12:8000/; proxy_read_timeout 30s; }\n",
}
BACKLOG = {
    "lambda.log": "2026-03-04T05:06:07.120Z 4f2c Task timed out after 15.00 seconds\n"
    "2026-03-04T05:06:07.120Z requests.exceptions.ReadTimeout: HTTPConnectionPool(host='api.example.com',"
    " port=80): Read timed out. (read timeout=10)\n"
    "2026-03-04T05:06:09.500Z 7d1e Task timed out after 15.00 seconds\n",
    "function.json": '{"FunctionName": "behavior", "Timeout": 15}\n',
}
WELL = '192.0.2.9 - - [04/Mar/2026:05:06:{:02} +0000] "GET /billing/health HTTP/1.1" 200 12 "-" "curl/8"\n'
PASTES = {"health": HEALTH, "backlog": BACKLOG}


@pytest.fixture
def judged(tmp_path):
    """Return a function: verdict, likely causes in their order, and layers of files with pasted lines."""
    number = count()

    def verdict(question, files):
        folder = tmp_path / f"evidence-{next(number)}"
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        found = diagnose(question, import_folder(folder, folder.with_suffix(".case")).case).to_dict()
        likely = [each["cause"] for each in found["ranking"] if each["probability"] > 0.1]
        layers = {entry["layer"]: entry["status"] for entry in found.get("layers", ())}
        return found["verdict"], found["cause"], likely, layers

    return verdict


def each_text(files, change):
    return {name: change(text) for name, text in files.items()}


def slower(text):
    later = at_other_times(text, lambda at: START + (at - START) * SLOWER)
    later = DURATION.sub(lambda found: f"{float(found[0]) * SLOWER:g}", later)
    for limit in ("read timeout=", '"Timeout": '):
        later = later.replace(limit + "10", limit + "12").replace(limit + "15", limit + "18")
    return later


def reordered(text):
    """Return a text whose lines of the same second are in reverse order."""
    seconds = groupby(text.splitlines(keepends=True), lambda line: line[:19])
    return "".join("".join(reversed([*lines])) for _, lines in seconds)


@pytest.mark.parametrize("question", PASTES)
def test_unrelated_changes_of_a_paste_change_nothing(question, judged):
    files = PASTES[question]
    usual = judged(question, files)
    assert usual[2]
    changed = {
        "renamed": each_text(files, renaming(())),
        "later": each_text(files, lambda text: at_other_times(text, lambda at: at + LATER)),
        "slower": each_text(files, slower),
        "twice": files | {f"again/{name}": text for name, text in files.items()},
        "reordered": each_text(files, reordered),
        "well": files | {"access.log": "".join(map(WELL.format, range(40)))},
    }
    found = {name: judged(question, each) for name, each in changed.items()}
    assert found == dict.fromkeys(changed, usual)
