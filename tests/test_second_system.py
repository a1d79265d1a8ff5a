"""A second team, with other keys, paths and words: from its files to a page in both languages."""

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest
from worlds.orders import write_orders

from watchme_analysis.config import load_config
from watchme_analysis.notebook import open_backlog
from watchme_analysis.report.run import write_reports
from watchme_analysis.services.diagnose import diagnose

pytestmark = pytest.mark.slow

ORDERS = Path(__file__).resolve().parents[1] / "data" / "orders-failing"
# Words of the first team, in either language.
FIRST_TEAM = (
    r"device_id|recorded_at|local_date|\bdevices?\b(?!-width)|デバイス|録音|Asia/Tokyo|JST|async-process"
    r"|\b(asr|sed|ser)-|dashboard"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the example as working directory, so that its settings are in force."""
    monkeypatch.delenv("WATCHME_TIME_ZONE", raising=False)
    shutil.copytree(ORDERS, tmp_path / "orders")
    monkeypatch.chdir(tmp_path / "orders")
    return tmp_path / "orders"


def content(path):
    """Return the bytes of a file, unpacked: versions of zlib pack differently."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def test_the_seed_gives_the_files(tmp_path):
    truth = write_orders(tmp_path)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    stored = {path.relative_to(ORDERS) for path in ORDERS.rglob("*") if path.is_file()}
    assert stored - written == {Path("README.md"), Path("watchme.toml")}
    assert {path for path in written if content(ORDERS / path) != content(tmp_path / path)} == set()
    assert truth["cause"] == "consumer_failing"
    assert sum((ORDERS / path).stat().st_size for path in stored) < 300_000


def test_the_diagnosis_has_the_orders_and_no_word_of_another_team(folder, watchme):
    done = watchme("diagnose", "backlog", ".", "--json", cwd=folder)
    found = json.loads(done.stdout)
    assert (found["verdict"], found["cause"]) == ("supported", "consumer_failing")
    assert all(re.fullmatch(r"A-[0-9a-f]{8}", order) for order, _ in found["missed_work"])
    assert len(found["missed_work"]) > 300
    assert not re.search(FIRST_TEAM, done.stdout)
    japanese = watchme("diagnose", "backlog", ".", "--language", "ja", "--all", cwd=folder)
    assert not re.search(FIRST_TEAM, japanese.stdout)


def test_keys_need_not_be_stated(folder):
    (folder / "watchme.toml").unlink()
    assert load_config().work_items.item_keys == ()
    missed = diagnose("backlog", folder).to_dict()["missed_work"]
    assert len(missed) > 300
    assert all(order.startswith("A-") for order, _ in missed)


def test_the_tables_speak_of_orders(folder):
    page = open_backlog(case=str(folder), language="en")
    reported = [section().to_text() for section in (page.missed_work, page.messages, page.redrive)]
    assert "Missed work by order" in reported[0]
    assert not re.search(FIRST_TEAM, "\n".join(reported))


def test_the_page_speaks_of_orders(folder, tmp_path):
    (result,) = write_reports("backlog", (folder,), tmp_path / "out", language="ja")
    assert result["status"] == "ok"
    (page,) = (tmp_path / "out").rglob("report.html")
    text = page.read_text(encoding="utf-8")
    assert "注文別の未処理の件数" in text
    plain = re.sub(r"data:[a-z/+]+;base64,[A-Za-z0-9+/=]+", "", text)
    assert {found[0] for found in re.finditer(FIRST_TEAM, plain)} == set()
