import atexit
import fcntl
import gc
import os
import pickle
import shutil
import signal
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from worlds.small_evidence import ACCESS, PROBES

from watchme_analysis.config import KEYS, PREFIX, trust_file

# How long an example takes says something of the machine, and nothing of what is tested. The same examples
# every time: a test that fails without a change stops a change that has nothing to do with it. So more of
# them find nothing more the next time; the fuzzers draw others each night.
settings.register_profile(
    "project",
    max_examples=25,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")

# A shell has what it runs in the background ignore an interrupt;
# the commands that tests start and stop would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

# The same settings for every test, whatever its working directory and whoever runs it.
for key in KEYS:
    os.environ.pop(PREFIX + key.upper(), None)
os.environ[PREFIX + "TIME_ZONE"] = "Asia/Tokyo"
# Keys, trusted files, caches and the history of kernels are not those of the user who runs the tests.
# The user of the tests trusts the settings of the repository, and no others.
USER_FOLDER = tempfile.mkdtemp(prefix="watchme-tests-")
atexit.register(shutil.rmtree, USER_FOLDER, ignore_errors=True)
for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "IPYTHONDIR", "MPLCONFIGDIR"):
    os.environ[name] = f"{USER_FOLDER}/{name}"
for settings_file in (ROOT / "watchme.toml", ROOT / "data" / "orders-failing" / "watchme.toml"):
    trust_file(settings_file)

# Tests with one of these markers take about so many times as long as others. Those of no single
# package, which lie in this folder itself, play a whole incident or build a wheel.
MARKED = {"slow", "browser", "nginx", "spark", "netns", "fuzz"}
SLOW_WEIGHT = 20
WHOLE_WEIGHT = 200

DATA = ROOT / "data"


def pytest_collection(session):
    """Let each worker compile its share of the test modules before it collects all of them.

    pytest rewrites the assertions of a module that it imports for the first time, and keeps what it compiled.
    Workers that collect in the same order would all rewrite each module at the same moment.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if count == 1:
        return
    worker = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    modules = sorted(path for place in session.config.args for path in Path(place).rglob("test_*.py"))
    for path in modules[worker::count]:
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        with suppress(Exception, pytest.skip.Exception):  # pytest reports it when it collects the module
            import_module(path.stem)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Order files, and keep the first ``fast`` parameter sets of a test marked ``slow(fast=...)`` fast."""
    kept = Counter()
    for item in items:
        for mark in [mark for mark in item.own_markers if mark.name == "slow" and "fast" in mark.kwargs]:
            test = item.nodeid.partition("[")[0]
            if kept[test] < mark.kwargs["fast"]:
                kept[test] += 1
                item.own_markers.remove(mark)
    # Files that take long come first, so that no worker begins one when the others have nothing left to do.
    weight = Counter()
    for item in items:
        if item.path.suffix == ".ipynb":
            weight[item.path] += SLOW_WEIGHT
        elif MARKED & set(item.keywords):
            weight[item.path] += WHOLE_WEIGHT if item.path.parent == ROOT / "tests" else SLOW_WEIGHT
        else:
            weight[item.path] += 1
    items.sort(key=lambda item: -weight[item.path])


def pytest_collection_finish():
    """Let the collector of cyclic garbage pass over modules and tests, which live until the end.

    There are more than a million such objects in each worker; to search them again and again takes a tenth of
    the tests' time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 5, 5)


@pytest.fixture(autouse=True, scope="module")
def no_kernel_sockets_left():
    """Refuse sockets of Jupyter kernels that a module leaves open.

    The collector of garbage closes them at any later moment, with a warning in whichever test runs then.
    """
    yield
    if zmq := sys.modules.get("zmq"):
        sockets = [each for each in gc.get_objects() if issubclass(type(each), zmq.Socket)]
        assert [each for each in sockets if not each.closed] == []


@pytest.fixture
def evidence(tmp_path):
    """A small folder of raw evidence in stock formats."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "access.log").write_text(ACCESS)
    (folder / "probes.csv").write_text(PROBES)
    return folder


@pytest.fixture(scope="session")
def data():
    """The folder of bundled cases."""
    return DATA


@pytest.fixture(scope="session")
def common(tmp_path_factory):
    """Return a context manager: the path of a name, common to all workers, one of whom has it at a time."""
    home = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the parent of the workers' folders is common to them
        home = home.parent
    home = home / "common"
    home.mkdir(exist_ok=True)

    @contextmanager
    def turn_at(name):
        with (home / f"{name}.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield home / name

    return turn_at


@pytest.fixture(scope="session")
def imported_once(common):
    """Return a function that imports evidence by the name of its case, once for all workers."""
    from watchme_analysis.case.importer import import_folder
    from watchme_analysis.case.opening import open_case

    def imported(name, evidence):
        """Return the case; ``evidence()`` returns the folder to import, and is called the first time."""
        with common(name) as folder:
            return open_case(folder) if folder.exists() else import_folder(evidence(), folder).case

    return imported


@pytest.fixture(scope="session")
def bundled(data, imported_once):
    """Return a function that imports a bundled case by its name, each case once for all workers."""
    return cache(lambda name: imported_once(name, lambda: data / name))


@pytest.fixture(scope="session")
def shorter(tmp_path_factory, imported_once):
    """The bundled case of a DLQ, cut to a few hours, queues and messages: what a command needs to work on."""
    from worlds.shorter_case import write_shorter

    return imported_once(
        "backlog-shorter", lambda: write_shorter(tmp_path_factory.mktemp("shorter") / "evidence")
    )


@pytest.fixture(scope="session")
def shorter_page(shorter):
    """The backlog page of the case `shorter`; its diagnosis and its parts are computed once for all tests."""
    from watchme_analysis.notebook import open_backlog

    return open_backlog(case=str(shorter.path))


@pytest.fixture(scope="session")
def diagnosed(bundled, common):
    """Return a function that diagnoses a bundled case by its name for the question that it is about.

    Each case is diagnosed once for all workers.
    """
    from watchme_analysis.services.diagnose import diagnose

    @cache
    def found(name):
        question = "health" if name.startswith("health") else "backlog"
        with common(f"{name}.diagnosis") as path:
            if not path.exists():
                path.write_bytes(pickle.dumps(diagnose(question, bundled(name))))
            return pickle.loads(path.read_bytes())

    return found


@pytest.fixture
def watchme(monkeypatch, capsys):
    """Return a function that runs the command in this process, which saves the start of another one.

    Its result has the attributes ``returncode``, ``stdout`` and ``stderr`` of a finished process.
    """
    from watchme_analysis.cli import main

    def run(*words, cwd=".", columns=100):
        monkeypatch.setattr(sys, "argv", ["watchme", *map(str, words)])
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.chdir(cwd)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code, stdout=out, stderr=err)

    usual = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield run
    for number, handler in usual.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def moto_server():
    """A moto server of this process."""
    from worlds.moto_server import MotoServer

    server = MotoServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def moto_port(moto_server):
    """Port of the moto server of this process."""
    return moto_server.port


@pytest.fixture
def quick_calls(monkeypatch):
    """Let commands ask AWS, and ask it again, at a test's pace; what they wait for takes no time."""
    from worlds.aws_front import FAST
    from worlds.quick_clock import QuickAws, Skipped

    from watchme_analysis.cloudwatch import session as client

    here, skipped = client.SessionTarget(), Skipped()
    monkeypatch.setattr(client, "Aws", lambda place=here, pace=FAST: QuickAws(place, pace, skipped=skipped))
    return skipped


def use_test_account(patch):
    """Let the environment name credentials of no account, whatever it names otherwise."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_CONFIG_FILE", os.devnull)
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def front(moto_server, monkeypatch, quick_calls):
    """A front before moto with nothing in it, as the account that the environment points at.

    It has other quotas than an account.
    """
    import http.client

    from worlds.aws_front import Server

    use_test_account(monkeypatch)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    server = Server(moto_server)
    server.front.queues.clock.skipped = quick_calls
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    connection = http.client.HTTPConnection("127.0.0.1", moto_server.port)
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()
    connection.close()
    yield server.front
    server.close()


@pytest.fixture
def aws(front):
    """A session of the account whose failed calls are repeated at once."""
    from watchme_analysis.cloudwatch import session

    return session.Aws()


@pytest.fixture(scope="module")
def queue_server():
    """An endpoint for accounts of `worlds.queue_service`."""
    from worlds.queue_endpoint import Server

    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def clocked(queue_server):
    """A session of this endpoint, whose clock is the account's."""
    from worlds.clocked_session import ClockedAws, Plan
    from worlds.queue_service import REGION

    from watchme_analysis.cloudwatch.session import RateLimits, SessionTarget

    with pytest.MonkeyPatch.context() as patch:
        use_test_account(patch)
        target = SessionTarget(region=REGION, endpoint_url=queue_server.url)
        pace = RateLimits(gap_s=0, backoff_s=0.1, max_backoff_s=1.0)
        yield ClockedAws(target, pace, server=queue_server, plan=Plan())
