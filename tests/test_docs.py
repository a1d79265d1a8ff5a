"""Every module, file, function, command and option that a document names exists."""

import ast
import re
import shlex
import tomllib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from click import Argument, Choice, Command, Context, Group

import tasks
import watchme_analysis
from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.reader_registry import sources
from watchme_analysis.cli import cli
from watchme_analysis.files.evidence_file import RawFile

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "watchme_analysis"
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in (
        "*.md",
        "docs/**/*.md",
        ".github/**/*.md",
        ".github/ISSUE_TEMPLATE/*.yml",
        "data/README.md",
        "benchmarks/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
# The changelog tells of earlier versions: its links must work, its names may be of their time.
CURRENT = [document for document in DOCUMENTS if document.name != "CHANGELOG.md"]
# Files of evidence, of a case or of other projects that documents name without a path.
FOREIGN_FILES = {"app.py", "common.py", "probe.py"}
DATA_FILE = re.compile(r"\.(conf|csv|jsonl?|log|parquet|sh|toml|ya?ml)$")
# Options of other programs.
FOREIGN_OPTIONS = {
    "--cli-input-json",
    "--enabled",
    "--limit-concurrency",
    "--no-deps",
    "--only-binary",
    "--scaling-config",
    "--timeout",
    "--timestamps",
    "--workers",
}
PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]*|\.\.\.")


def text_of(document):
    return (ROOT / document).read_text(encoding="utf-8")


def spans(document):
    """Return the inline code of a document, without its fenced blocks."""
    prose = re.sub(r"^```.*?^```", "", text_of(document), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def fenced(document, language="sh"):
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(document), re.DOTALL | re.MULTILINE)


def anchor(heading):
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_relative_links_lead_to_files_and_headings(subtests):
    for document in DOCUMENTS:
        with subtests.test(document=document):
            for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text_of(document)):
                name, _, heading = target.partition("#")
                path = (ROOT / document).parent / name if name else ROOT / document
                assert path.exists(), target
                if heading:
                    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                    assert heading in {anchor(each) for each in headings}, target


@cache
def names_in(module):
    """Return the names that a module defines at its top level, and the attributes of its classes."""
    names = {}
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        for name in defined(node):
            names[name] = (
                {inner for each in node.body for inner in defined(each)}
                if isinstance(node, ast.ClassDef)
                else set()
            )
    return names


def defined(node):
    """Return the names that a statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, (ast.If, ast.Try)):
        return [name for each in node.body for name in defined(each)]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return []


def exists(dotted):
    """Return True if a dotted name, without ``watchme_analysis.``, is a module or is defined in one."""
    place, parts = PACKAGE, dotted.split(".")
    while parts and (place / parts[0]).is_dir():
        place = place / parts.pop(0)
    module = place / "__init__.py"
    if parts and (place / f"{parts[0]}.py").is_file():
        module = place / f"{parts.pop(0)}.py"
    if not parts:
        return module.is_file()
    names = names_in(module)
    if parts[0] not in names:
        return False
    return len(parts) == 1 or parts[1] in names[parts[0]]


def test_the_check_of_names_finds_what_is_missing():
    assert exists("case.case_folder")
    assert exists("case.case_folder.Case.table")
    assert exists("open_case")
    assert not exists("case.case_folder.Case.no_such_method")
    assert not exists("case.no_such_module")
    assert not exists("case.case_folder.no_such_name")


def test_modules_and_functions_exist(subtests):
    # `requests` is a library as well, whose names documents cite: ours are written with the package's name.
    ours = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()} - {"requests"}
    for document in CURRENT:
        with subtests.test(document=document):
            missing = []
            for span in spans(document):
                dotted = re.match(r"([a-z_]\w*(?:\.\w+)+)(?:\(.*\))?$", span)
                if not dotted or span in FOREIGN_FILES or DATA_FILE.search(span):
                    continue
                name = dotted[1]
                first, _, rest = name.partition(".")
                if first == "watchme_analysis":
                    found = exists(rest) or rest in dir(watchme_analysis)
                elif first in ours:
                    found = (PACKAGE / name).exists() or exists(name)
                else:
                    continue
                if not found and not (
                    first == "case" and rest in dir(Case)
                ):  # `case` is an open case in examples
                    missing.append(span)
            run = re.findall(r"python3? -m (watchme_analysis[\w.]*)", text_of(document))
            missing += [module for module in run if find_spec(module) is None]
            assert missing == []


@cache
def all_files():
    skipped = {".git", ".venv", "node_modules", "__pycache__"}
    return [path for path in ROOT.rglob("*") if not skipped & set(path.relative_to(ROOT).parts)]


def test_paths_of_the_repository_exist(subtests):
    """Check inline code that begins with a folder of the repository or the package, or ends in ``.py``."""
    for document in CURRENT:
        with subtests.test(document=document):
            top = {path.name for path in ROOT.iterdir()} - {
                "reports"
            }  # what lies in reports depends on what was run
            packages = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
            missing = []
            for span in spans(document):
                if not re.fullmatch(r"[\w.\-]+(/[\w.*\-]+)*/?", span):
                    continue
                first, slash, _ = span.partition("/")
                if span.endswith(".py") and not slash:
                    found = span in FOREIGN_FILES or any(path.name == span for path in all_files())
                elif (slash and first in top) or span.endswith(".py"):
                    found = any(any(base.glob(span.rstrip("/"))) for base in (ROOT, PACKAGE))
                elif slash and first in packages:
                    found = any(PACKAGE.glob(span.rstrip("/")))
                else:
                    continue
                if not found and not PLACEHOLDER.search(span.rpartition("/")[2].partition(".")[0]):
                    missing.append(span)
            assert missing == []


def commands_in(document):
    """Return the words of each shell command in fenced blocks and inline code."""
    lines = [line for block in fenced(document) for line in block.replace("\\\n", " ").splitlines()]
    lines += [span for span in spans(document) if re.match(r"(\S*/)?(watchme|python3?) ", span)]
    for line in lines:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = []
        try:
            parts = list(lexer)
        except ValueError:  # a quotation that goes on in the next line
            continue
        for part in [*parts, ";"]:
            if set(part) <= set("|&;<>()"):
                if words:
                    yield words
                words = []
            else:
                words.append(part)


def unknown_in_watchme(words):
    """Return the first word that `watchme` would refuse as a command or an option; None if there is none."""
    command: Command = cli
    context, position = Context(cli), 0
    for word in words:
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            known = {
                name for each in command.params if not getattr(each, "hidden", False) for name in each.opts
            }
            known |= {name for each in command.params for name in each.secondary_opts} | {"--help", "-h"}
            if name not in known:
                return word
        elif isinstance(command, Group) and not PLACEHOLDER.fullmatch(word):
            alternatives = [command.get_command(context, name) for name in word.split("|")]
            if None in alternatives or any(each.hidden for each in alternatives):
                return word
            command, position = alternatives[0], 0
        else:
            arguments = [each for each in command.params if isinstance(each, Argument)]
            kind = arguments[min(position, len(arguments) - 1)].type if arguments else None
            known_values = kind.choices if isinstance(kind, Choice) and position < len(arguments) else [word]
            if not PLACEHOLDER.fullmatch(word) and not set(word.split("|")) <= set(known_values):
                return word
            position += 1
    return None


def test_commands_and_their_options_exist(subtests):
    for document in CURRENT:
        with subtests.test(document=document):
            unknown = []
            for words in commands_in(document):
                program, rest = Path(words[0]).name, words[1:]
                if program == "watchme" and unknown_in_watchme(rest):
                    unknown.append(words)
                if program.startswith("python") and rest and rest[0] == "tasks.py":
                    names = set(rest[1].split("|")) if len(rest) > 1 else set()
                    if not all(callable(getattr(tasks, name, None)) for name in names):
                        unknown.append(words)
                elif program.startswith("python") and rest and rest[0].endswith(".py"):
                    unknown += [words] if not (ROOT / rest[0]).is_file() else []
            assert unknown == []


def test_the_check_of_commands_finds_what_is_missing():
    assert unknown_in_watchme(["diagnose", "health", "CASE", "--json"]) is None
    assert unknown_in_watchme(["diagnose", "nothing", "CASE"]) == "nothing"
    assert unknown_in_watchme(["diagnose", "health", "CASE", "--jsn"]) == "--jsn"
    assert unknown_in_watchme(["nothing"]) == "nothing"


@cache
def all_options():
    """Return every option of every command, of the tasks, the benchmarks and the prober."""
    options, waiting = {"--help"}, [cli]
    while waiting:
        command = waiting.pop()
        options |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        if isinstance(command, Group):
            waiting += [
                command.get_command(Context(cli), name) for name in command.list_commands(Context(cli))
            ]
    scripts = [
        ROOT / "tasks.py",
        *(ROOT / "benchmarks").rglob("*.py"),
        PACKAGE / "evidence/prober.py",
    ]
    for script in scripts:
        options |= set(re.findall(r"[\"'](--[a-z][\w-]*)", script.read_text(encoding="utf-8")))
    # The recorder has an option for each of its parameters, and two for a yes or no.
    parameters = (ROOT / "benchmarks/recorder/parameters.py").read_text(encoding="utf-8")
    for name in re.findall(r"^    (\w+): .+ = _option\(", parameters, re.MULTILINE):
        option = name.replace("_", "-")
        options |= {f"--{option}", f"--no-{option}"}
    return options


def test_options_named_alone_exist(subtests):
    for document in [each for each in CURRENT if "causes" not in each.parts]:
        with subtests.test(document=document):
            named = {span.split("=")[0].split()[0] for span in spans(document) if re.match(r"--[a-z]", span)}
            assert named - all_options() - FOREIGN_OPTIONS == set()


def test_environment_variables_exist():
    source = "".join(
        path.read_text(encoding="utf-8") for path in [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    )
    named = {(str(page), name) for page in CURRENT for name in re.findall(r"\bWATCHME_\w+", text_of(page))}
    assert named
    assert [(page, name) for page, name in sorted(named) if name not in source] == []


def test_the_architecture_page_lists_the_floors_that_are_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in project["contracts"] if contract["id"] == "floors"]
    page = text_of("docs/architecture.md").partition("<!-- floors -->")[2].partition("<!-- /floors -->")[0]
    shown = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in page.splitlines() if row.startswith("| `")]
    assert [sorted(row) for row in shown] == [sorted(layer.split(" | ")) for layer in layers]


def test_the_page_on_evidence_covers_every_reader():
    page = text_of("docs/evidence.md")
    named = re.findall(r"`([^`]+)`", page.partition("## Files")[2].partition("**Time zones.**")[0])
    files = [name for name in named if re.search(r"\.\w+\*?$|^Dockerfile$", name)]
    files = [f"functions/NAME{name}" if name.startswith("-") else name for name in files]
    raw = [RawFile(ROOT, name.replace("*", "-x", 1).replace("*", "")) for name in files]
    unnamed = [
        source.name for source in sources() if source.patterns and not any(map(source.knows_name, raw))
    ]
    assert unnamed == []


def test_no_command_installs_a_name_that_no_index_has():
    """The project is on no index: a clone is set up, or the file of a wheel is installed."""
    named = re.compile(r"pip install [^\n]*watchme-analysis")
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    files += [
        path for path in (ROOT / "watchme_analysis").rglob("*") if path.suffix in (".py", ".ftl", ".toml")
    ]
    assert [str(path) for path in files if named.search(path.read_text(encoding="utf-8"))] == []
