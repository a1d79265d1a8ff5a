import json

import pytest
from click.testing import CliRunner
from worlds.printed import one_line, said

from watchme_analysis.cli.deploy import deploy
from watchme_analysis.errors import InputError

SOURCE = "import json\nimport requests\n\n\ndef lambda_handler(event, context):\n    return 1\n"


@pytest.fixture
def package(tmp_path):
    (tmp_path / "lambda_function.py").write_text(SOURCE)
    (tmp_path / "lambda_function.py").chmod(0o644)  # whatever the umask
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(
        deploy, ["check", *map(str, arguments)], catch_exceptions=False, standalone_mode=False
    )


def test_a_problem_is_a_line_with_file_and_line_and_exit_code_1(package):
    result = run(package, "--language", "en")
    problem, verdict = result.stdout.splitlines()
    assert "`requests`" in problem and "lambda_function.py:2" in problem and "python3.12" in problem
    assert verdict == "1 problem"
    assert result.return_value == 1
    assert "lambda_function.py:2" in run(package, "--language", "ja").stdout


def test_a_package_that_is_ready_exits_with_0(package):
    (package / "requests.py").write_text("")
    (package / "requests.py").chmod(0o644)
    result = run(package, "--language", "en")
    assert (result.stdout, result.return_value) == ("ready to deploy\n", 0)


def test_json_has_each_sentence_with_its_message(package):
    result = run(package, "--json", "--runtime", "python3.13")
    found = json.loads(result.stdout)
    (problem,) = found["problems"]
    assert problem["message"]["id"] == "deploy-missing-import"
    assert problem["message"]["values"]["place"] == {"code_place": {"file": "lambda_function.py", "line": 2}}
    assert problem["sentence"] and found["verdict"]["message"]["id"] == "deploy-problems"
    assert (found["runtime"], found["architecture"], found["modules"]) == ("python3.13", "x86_64", 1)
    assert result.return_value == 1


def test_bad_input_is_one_sentence(package, tmp_path):
    for arguments in (
        (tmp_path / "nowhere",),
        (package, "--handler", "handler"),
        (package, "--layer", "nowhere"),
    ):
        with pytest.raises(InputError):
            run(*arguments)


def test_bad_input_of_a_plan_is_one_sentence(package, watchme, small_case, tmp_path):
    event = tmp_path / "event.json"
    event.write_text("{")
    words, to = ("deploy", "plan", package), ("--function", "orders", "--to", tmp_path / "plan.json")
    name = small_case.name
    no_message = said("error-deploy-no-message", case=name, function="orders", known="no queue")
    for more, sentence in (
        (to[:2], "Missing option --to."),
        ((*to, "--watch-invocations", "0"), "'--watch-invocations': 0 is not in the range"),
        ((*to, "--event", event), said("error-event-no-json", path=str(event), problem="").rstrip(".")),
        ((*to, "--case", small_case.path), no_message),
    ):
        ended = watchme(*words, *more)
        assert (ended.returncode, sentence in one_line(ended.stderr)) == (2, True), ended.stderr
        assert ended.stderr.startswith("watchme: ") and not (tmp_path / "plan.json").exists()


def test_a_module_name_cannot_act_on_the_terminal(package):
    (package / "evil\x1b[2J").mkdir()
    (package / "evil\x1b[2J" / "lambda_function.py").write_text("")
    (package / "lambda_function.py").unlink()
    assert "\x1b" not in run(package).stdout


def test_the_help_states_the_exit_codes(package):
    result = CliRunner().invoke(deploy, ["check", "--help"])
    assert "0 ready to deploy; 1 problems were found; 2 bad input" in result.stdout
