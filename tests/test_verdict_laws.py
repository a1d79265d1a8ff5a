"""Laws of verdicts: what says nothing about the affected service changes no verdict."""

import gzip
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import PurePath
from zoneinfo import ZoneInfo

import pytest
from worlds.altered_evidence import (
    altered,
    at_other_times,
    renaming,
    shuffled,
    slower,
    with_another_service,
    with_third_service,
)
from worlds.backlog_draws import make
from worlds.health_scenarios import SCENARIOS
from worlds.shorter_case import write_shorter

from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import diagnose

DRAWN = ("throttled 3", "visibility_misconfig 7", "mapping_disabled 18")  # cause and seed
BUNDLED = ("health-threadpool", "health-healthy", "backlog-49", "backlog-shorter", "backlog-healthy")
RAW = ("orders-failing", *BUNDLED, *DRAWN)
MADE_UP = {made.__name__: made for made in SCENARIOS}

LATER = timedelta(days=17, hours=3, minutes=11)
BERLIN, CLOCKS_GO_BACK = ZoneInfo("Europe/Berlin"), datetime(2025, 10, 26, 1, tzinfo=UTC)
NO_TIMES = dict.fromkeys(("start", "end"))
PARTS = ("verdict", "cause", "secondary_cause", "other_causes", "layer", "dead_letters")


@pytest.fixture(scope="module")
def usual(data, tmp_path_factory):
    """Return a function that returns texts of a case by path, the case itself, its verdict and summary."""
    known = {}

    def read(name):
        if name not in known:
            folder = data / name
            if name in DRAWN:
                folder = tmp_path_factory.mktemp("drawn")
                make(int(name.split()[1]), folder, name.split()[0])
            elif name == "backlog-shorter":
                folder = write_shorter(tmp_path_factory.mktemp("shorter") / "evidence")
            files = {}
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.name not in ("README.md", "watchme.toml"):
                    raw = path.read_bytes()
                    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
                    files[path.relative_to(folder).as_posix().removesuffix(".gz")] = text
            case = import_folder(folder, tmp_path_factory.mktemp("case")).case
            verdict = verdict_of(case, "summary")
            known[name] = files, case, verdict, {"summary": verdict.pop("summary")}
        return known[name]

    return read


@pytest.fixture
def judged(tmp_path):
    """Return a function: the verdict on texts by path. A path that ends in ``.gz`` is packed."""
    number = count()

    def verdict(files, *more):
        folder = tmp_path / f"evidence-{next(number)}"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return verdict_of(import_folder(folder, folder.with_suffix(".case")).case, *more)

    return verdict


def verdict_of(case, *more):
    """Return what a verdict consists of, without its confidence, and ``more`` fields of the diagnosis."""
    found = diagnose("health" if {"probes", "access_log"} & set(case.tables) else "backlog", case)
    parts = found.to_dict()
    layers = {entry["layer"]: entry["status"] for entry in parts.get("layers", ())}
    between = {"start": found.incident_start, "end": found.incident_end}
    return {name: parts.get(name) for name in PARTS + more} | {"layers": layers} | between


def moved(verdict, by):
    """Return a verdict whose incident began and ended so much later."""
    return verdict | {bound: verdict[bound] and verdict[bound] + by for bound in ("start", "end")}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("name", RAW)
def test_names_clock_and_order_of_files_change_no_verdict(name, usual, judged):
    """Make all changes at once; the day is one on which clocks go back, in the middle of the incident."""
    files, case, verdict, _ = usual(name)
    start, end = verdict["start"] or case.window.start, verdict["end"] or case.window.end
    step = timedelta(seconds=1) if name.startswith("health") else timedelta(minutes=5)  # as logs and metrics
    by = (CLOCKS_GO_BACK - start - (end - start) / 2) // step * step
    rename = renaming(files)
    parts = sorted({path.split("/")[0] for path in files}, reverse=True)
    other = {
        f"{parts.index(path.split('/')[0]):03d}/{rename(path)}": rename(
            at_other_times(files[path], lambda at: at + by, BERLIN)
        )
        for path in sorted(files, reverse=True)
    }
    assert judged(other) == moved(verdict, by)


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("name", RAW)
def test_slower_system_gets_the_same_verdict(name, usual):
    _, case, verdict, _ = usual(name)
    assert verdict_of(slower(case)) | NO_TIMES == verdict | NO_TIMES


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("name", BUNDLED)
def test_another_healthy_service_changes_no_verdict(name, usual, judged):
    files, _, verdict, _ = usual(name)
    assert judged(with_another_service(files)) == verdict


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("name", MADE_UP)
def test_names_clock_neighbour_and_pace_change_no_made_up_verdict(name):
    """Make all changes at once: real evidence is renamed, moved, extended and slowed down by itself."""
    case = MADE_UP[name]()
    rename = renaming(())
    other = altered(
        with_third_service(case),
        lambda text: rename(at_other_times(text, lambda at: at + LATER)),
        lambda at: at + LATER,
    )
    assert verdict_of(slower(other)) | NO_TIMES == verdict_of(case) | NO_TIMES


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("health-threadpool", "again/{}.gz"),
        ("backlog-shorter", "{} (1){}"),
        ("throttled 3", "again/{}.gz"),
        ("health-healthy", "{} (1){}"),
    ],
)
def test_order_within_a_second_and_copies_of_files_change_nothing(name, copy, usual, judged):
    files, _, verdict, summary = usual(name)
    logs = {
        path: shuffled(path, text)
        for path, text in files.items()
        if path.endswith((".log", ".csv", "l")) or (path.startswith("logs/") and '"results"' in text)
    }
    texts = files | logs
    paths = {path: PurePath(path) for path in texts}
    parts = {
        path: (path,) if ".gz" in copy else (at.with_suffix(""), at.suffix) for path, at in paths.items()
    }
    copies = {copy.format(*parts[path]): text for path, text in texts.items()}
    assert judged(texts | copies, "summary") == verdict | summary
