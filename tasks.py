#!/usr/bin/env python3
"""Set up the environment and run the project's chores with nothing but Python 3.11, 3.12 or 3.13.

    python3 tasks.py report    investigate the bundled cases and say where the report index lies
    python3 tasks.py test      run the tests, the notebooks among them; `test --fast` runs the quick ones
    python3 tasks.py setup     only create .venv, which holds the command `watchme`
    python3 tasks.py lint      formatting, lint, types, layers
    python3 tasks.py docs      build the documentation site into build/site; it opens without a network
    python3 tasks.py spark     add Spark to .venv (450 MB; needs Java) for `watchme access --engine spark`
    python3 tasks.py lock      write the locks anew from pyproject.toml (--upgrade: newest versions)

Each makes or updates .venv first, from requirements.lock, with plain pip and checked hashes; when nothing
changed that takes no time. What follows the task's name goes to the tool: `tasks.py test -k window`.
"""
# The script must parse on an older Python too, which then hears in one sentence what is missing.

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

try:
    import fcntl
except ImportError:
    sys.exit("tasks.py: Windows is not supported; use Linux, macOS or the Windows Subsystem for Linux.")

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "setup-done.txt"
LOCK = ROOT / "requirements.lock"
SPARK_LOCK = ROOT / "requirements-spark.lock"
# Its notebooks ask AWS; a test runs them against a local server.
NO_GALLERY = "--ignore=notebooks/gallery"
EXAMPLE = ROOT / "data" / "health-threadpool"
SUPPORTED = ((3, 11), (3, 12), (3, 13))
VERSIONS = "Python 3.11, 3.12 or 3.13"
PROBE = "import sys; print('%d.%d' % sys.version_info[:2]); import ensurepip, venv"
# Tests without these markers, and without the notebooks, are those to run after each change.
FAST = "not slow and not browser and not nginx and not spark and not netns and not fuzz"
# Installations of the lock at once: while one waits for the network, another unpacks.
AT_ONCE = 3
# Each worker of the tests takes about half a gigabyte.
MOST_WORKERS = 4
UV = "uv==0.13.9"  # compiles the lock; nobody else needs it


class TaskError(Exception):
    """A sentence for the person at the terminal."""


def main(argv: list[str]) -> int:
    """Run one task; return the exit code of what it ran."""
    tasks = {
        "report": report,
        "test": test,
        "setup": setup,
        "lint": lint,
        "docs": docs,
        "spark": spark,
        "lock": lock,
    }
    name, rest = (argv[0], argv[1:]) if argv else ("", [])
    if name not in tasks:
        print(__doc__.strip())
        return 0 if name in ("-h", "--help", "help") else 2
    try:
        return tasks[name](rest)
    except TaskError as error:
        print(f"tasks.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tasks.py: stopped; the same command takes up the work again.", file=sys.stderr)
        return 130


def report(arguments: list[str]) -> int:
    """Investigate the bundled cases; `watchme report` says where the index lies."""
    setup([])
    cases = [
        str(path.relative_to(ROOT)) for name in ("health", "backlog") for path in ROOT.glob(f"data/{name}-*")
    ]
    return run([tool("watchme"), "report", "all", *sorted(cases), *arguments])


def test(arguments: list[str]) -> int:
    """Run every test, or those named; the tests of one file and each notebook's cells stay in one worker.

    `--fast` leaves out the notebooks and the tests whose marker says that they are slow or need a program.
    """
    setup([])
    rest = [argument for argument in arguments if argument != "--fast"]
    fast = len(rest) < len(arguments)
    named = any((ROOT / argument.split("::")[0]).exists() for argument in rest)
    if fast:
        # The plugin for notebooks takes seconds to load in each worker.
        selection = ["-p", "no:nbval", "-m", FAST]
        everything = ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal", "tests"]
    else:
        selection = ["--nbval-lax", "--nbval-current-env"]
        # One worker more than processors, since slow tests also wait; tests/conftest.py orders the files.
        workers = str(min(MOST_WORKERS, (os.cpu_count() or 1) + 1))
        everything = [
            "-n",
            workers,
            "--dist",
            "loadfile",
            "--no-loadscope-reorder",
            "tests",
            "notebooks",
            NO_GALLERY,
        ]
    return run([tool("pytest"), *selection, *([] if named else everything), *rest])


def lint(arguments: list[str]) -> int:
    """Check formatting, lint, types and layers, all of them even when one complains."""
    setup([])
    checks = (
        [tool("ruff"), "format", "--check", "."],
        [tool("ruff"), "check", "."],
        [tool("mypy")],
        [tool("lint-imports")],
    )
    return max(run([*check, *arguments]) for check in checks)


def docs(arguments: list[str]) -> int:
    """Build the documentation site, and say where its first page lies."""
    setup([])
    return run([tool("python"), str(ROOT / "docs" / "site" / "build_site.py"), *arguments])


def spark(arguments: list[str]) -> int:
    """Add Spark to .venv; it comes as a source archive, which the other packages never do."""
    del arguments
    setup([])
    pip(VENV, ["install", "--require-hashes", "--no-compile", "-r", SPARK_LOCK.name])
    if not shutil.which("java"):
        print("Spark needs Java 17 or newer (on Debian or Ubuntu: apt install default-jre-headless).")
    return 0


def lock(arguments: list[str]) -> int:
    """Write both locks for every supported Python and platform, without index addresses."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as folder:
        builder = Path(folder)
        make_environment(suitable_python(candidates()), builder)
        pip(builder, ["install", UV])
        compiler = str(builder / "bin" / "uv")
        options = "--universal --python-version 3.11 --generate-hashes --no-header"
        quiet = "--no-emit-index-url --no-annotate --quiet"
        compile_ = [compiler, "pip", "compile", *options.split(), *quiet.split(), *arguments]
        code = run([*compile_, "pyproject.toml", "--extra", "dev", "-o", LOCK.name])
        wanted = builder / "spark.in"
        wanted.write_text("\n".join(project["optional-dependencies"]["spark"]))
        return code or run([*compile_, str(wanted), "-c", LOCK.name, "-o", SPARK_LOCK.name])


def setup(arguments: list[str]) -> int:
    """Make .venv match requirements.lock; safe to repeat, to interrupt and to run twice at once."""
    del arguments
    with (ROOT / ".venv.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        state = describe()
        if usable(VENV) and STAMP.is_file():
            done = STAMP.read_text()
            if done == state:
                return 0
            same_place = done.splitlines()[:1] == state.splitlines()[:1]
        else:
            same_place = False
        if VENV.is_symlink():
            raise TaskError(
                f"{VENV} is a symbolic link, and the set-up would empty the environment behind it, "
                f"{VENV.resolve()}; remove the link (not the folder) and run the same command again."
            )
        STAMP.unlink(missing_ok=True)  # from here on a killed run leaves no stamp and is begun anew
        if not same_place:
            python = suitable_python(candidates())
            print(f"Creating .venv with {python} ...", flush=True)
            make_environment(python, VENV)
        count = sum("==" in line for line in LOCK.read_text().splitlines())
        print(
            f"Installing up to {count} locked packages; the first time takes a minute or two ...", flush=True
        )
        # To compile all of it would take as long as the rest; what a diagnosis imports is compiled below.
        locked = ["--require-hashes", "--only-binary", ":all:", "--no-compile", "--no-deps"]
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, f"part-{number}.lock") for number in range(AT_ONCE)]
            for file, part in zip(files, parts(LOCK.read_text(), AT_ONCE), strict=True):
                file.write_text(part)
            pip(VENV, *(["install", *locked, "-r", str(file)] for file in files))
        pip(VENV, ["install", "--no-deps", "--no-build-isolation", "--editable", "."])
        # Where PYTHONDONTWRITEBYTECODE is set, each later command would compile all that it imports again.
        run([tool("python"), "-m", "compileall", "-q", "watchme_analysis"])
        # Running this script already trusts the clone's code, so the clone's settings are trusted as well.
        run([tool("watchme"), "config", "trust", str(ROOT / "watchme.toml")], stdout=subprocess.DEVNULL)
        if run([tool("watchme"), "diagnose", "all", str(EXAMPLE)], stdout=subprocess.DEVNULL):
            raise TaskError(
                f"the trial diagnosis of {EXAMPLE} failed (its words are above); correct what they name, or "
                f"remove {VENV}, and run the same command again."
            )
        STAMP.write_text(state)
        print("Ready: .venv/bin/watchme --help", flush=True)
    return 0


def describe() -> str:
    """Say what the environment depends on: its place, then the lock, the project's metadata and version."""
    metadata = (LOCK, ROOT / "pyproject.toml", ROOT / "watchme_analysis" / "version.py")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in metadata)).hexdigest()
    return f"{ROOT}\n{digest}\n"


def suitable_python(interpreters: list[str]) -> str:
    """Choose the first interpreter of a supported version that can make environments."""
    lame = None
    for candidate in interpreters:
        answer = subprocess.run([candidate, "-c", PROBE], capture_output=True, text=True, check=False)
        version = tuple(int(part) for part in answer.stdout.split(".") if part.strip().isdigit())
        if version in SUPPORTED:
            if answer.returncode == 0:
                return candidate
            lame = lame or ".".join(map(str, version))
    if lame:
        raise TaskError(
            f"Python {lame} is here without its module venv; install it (on Debian or Ubuntu: "
            f"apt install python{lame}-venv) and run the same command again."
        )
    raise TaskError(
        f"{VERSIONS} is needed and none was found (this is {sys.version.split()[0]}); install one, or name "
        "it in the variable PYTHON, and run the same command again."
    )


def candidates() -> list[str]:
    """Interpreters worth asking, the one named or running first."""
    names = [f"python{major}.{minor}" for major, minor in SUPPORTED] + ["python3"]
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    folders += ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"]
    found = [
        os.environ.get("PYTHON"),
        sys.executable,
        *(shutil.which(name, path=os.pathsep.join(folders)) for name in names),
    ]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found += [str(path) for path in sorted(pyenv.glob("versions/3.1[123]*/bin/python3"))]
    inside = [path for path in found if path and not path.startswith(str(VENV))]
    return list(dict.fromkeys(path for path in map(shutil.which, inside) if path))


def make_environment(python: str, folder: Path) -> None:
    """Create an empty environment in place of whatever is there."""
    made = subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=False)
    if made.returncode:
        raise TaskError(
            f"{python} could not create {folder} (its words are above); free the folder and run again."
        )


def usable(folder: Path) -> bool:
    """Tell whether the environment's interpreter still runs and is of a supported version."""
    with contextlib.suppress(OSError):
        check = f"import sys; sys.exit(sys.version_info[:2] not in {SUPPORTED!r})"
        return subprocess.run([str(folder / "bin" / "python"), "-c", check], check=False).returncode == 0
    return False


def parts(lock: str, count: int) -> list[str]:
    """Divide a lock into so many, each with whole entries; a line without indentation begins one."""
    entries = [entry for entry in re.split(r"^(?=\S)", lock, flags=re.MULTILINE) if entry]
    return ["".join(entries[first::count]) for first in range(count)]


def pip(folder: Path, *tasks: list[str]) -> None:
    """Run pip inside an environment, quietly and without questions; several tasks at once."""
    command = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]
    with ThreadPoolExecutor(len(tasks)) as pool:
        failed = any([*pool.map(run, ([*command, *arguments] for arguments in tasks))])
    if failed:
        raise TaskError(
            "pip could not install what is locked (its words are above); check the network, or PIP_INDEX_URL "
            "for an index of your own, and run the same command again."
        )


def tool(name: str) -> str:
    """Give the path of a command in the environment."""
    return str(VENV / "bin" / name)


def run(command: list[str], stdout: int | None = None) -> int:
    """Run a command in the repository's folder; Python keeps what it compiles.

    Otherwise each worker of the tests, each kernel and each command would compile the same files again.
    """
    sys.stdout.flush()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=stdout, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
