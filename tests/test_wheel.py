"""The wheel in an empty environment: the core alone, and with the libraries of the extra ``report``."""

import os
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LARGEST_CORE_BYTES = 650e6
LONGEST_IMPORT_MS = 5.0
NOT_IN_THE_CORE = ("IPython", "jupyterlab", "matplotlib", "nbconvert", "papermill", "scipy")
IMPORT = """
import sys, time
began = time.perf_counter()
import watchme_analysis
print(1000 * (time.perf_counter() - began))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return the folder of an environment with the wheel and links to those libraries that the core needs."""
    home = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home)]
    subprocess.run(command, cwd=ROOT, env=plain_environment(), capture_output=True, check=True)
    (wheel,) = home.glob("*.whl")
    folder = home / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--quiet", "install"]
    options = ["--no-deps", "--no-index", "--no-compile"]
    done = subprocess.run([*pip, *options, wheel], env=plain_environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    (packages,) = folder.glob("lib/python*/site-packages")
    (installed,) = distributions(name="watchme-analysis", path=[str(packages)])
    for library in needed_by(installed):
        for name in {file.parts[0] for file in library.files} - {"..", "__pycache__"}:
            if not (packages / name).exists():
                (packages / name).symlink_to(library.locate_file(name))
    return folder


def needed_by(installed):
    """Return the distributions of this environment that another one needs without its extras."""
    found, wanted = {}, [(installed, "")]
    while wanted:
        needing, extra = wanted.pop()
        for requirement in map(Requirement, needing.requires or ()):
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
                continue
            library = distribution(requirement.name)
            assert requirement.specifier.contains(library.version, prereleases=True), requirement
            for of_extra in ("", *requirement.extras):
                if (library.name, of_extra) not in found:
                    found[library.name, of_extra] = library
                    wanted.append((library, of_extra))
    return found.values()


def plain_environment():
    """Return the environment of a newcomer: nothing leads to this clone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "WATCHME_"))}


def run(folder, program, *words, cwd):
    command = [folder / "bin" / program, *words]
    return subprocess.run(
        command, cwd=cwd, env=plain_environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_core_diagnoses_and_names_the_extra_for_more(environment, tmp_path):
    (packages,) = environment.glob("lib/python*/site-packages")
    assert [name for name in NOT_IN_THE_CORE if (packages / name).exists()] == []
    files = (Path(top, name) for top, _, names in os.walk(packages, followlinks=True) for name in names)
    size = sum(path.stat().st_size for path in files if path.suffix != ".pyc")
    assert size < LARGEST_CORE_BYTES
    times_ms = [float(run(environment, "python", "-c", IMPORT, cwd=tmp_path).stdout) for _ in range(5)]
    assert min(times_ms) < LONGEST_IMPORT_MS

    shown = run(environment, "watchme", "demo", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("/health timed out")
    assert "thread pool" in shown.stdout
    assert "pip install 'watchme_analysis-0.1.0-py3-none-any.whl[report]'" in " ".join(shown.stdout.split())
    case = packages / "watchme_analysis" / "bundled" / "data" / "health-threadpool"
    for words, extra in ((("report", "health", case), "report"), (("lab",), "lab")):
        refused = run(environment, "watchme", *words, cwd=tmp_path)
        assert refused.returncode == 2
        assert f"-py3-none-any.whl[{extra}]'" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "reports").exists()


@pytest.mark.slow
def test_with_the_libraries_of_the_extra_the_wheel_writes_a_report(environment, tmp_path):
    (packages,) = environment.glob("lib/python*/site-packages")
    # The libraries of this environment, behind those of the other; its path of the clone does not count.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    # nbconvert finds its templates below the environment's own folder.
    (environment / "share").symlink_to(Path(sys.prefix) / "share")
    shown = run(environment, "watchme", "demo", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    (page,) = tmp_path.glob("reports/*/report.html")
    assert "app_threadpool" in page.read_text()
    where = run(
        environment, "python", "-c", "import watchme_analysis as w; print(w.__file__)", cwd=tmp_path
    ).stdout
    assert where.startswith(str(environment))
