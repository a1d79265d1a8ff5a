"""Evidence pulled by plain names, as a notebook does."""

import pytest
from worlds.aws_examples import account_of_examples

import watchme_analysis as w
from watchme_analysis.errors import InputError


@pytest.fixture
def account(front, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    account_of_examples(front, tmp_path, monkeypatch)
    return front


@pytest.mark.slow
def test_a_pull_states_its_price_and_writes_the_case_that_the_command_writes(account, tmp_path, watchme):
    named = {"queue": "uploads", "log_group": "/aws/lambda/asr-worker", "since": "3h", "profile": "prod"}
    pulled = w.pull("backlog", **named)
    assert pulled.case.path.name.startswith("backlog-uploads-aws-lambda-asr-worker-")
    assert pulled.case.table("log_queries")["cost_usd"].sum() == pytest.approx(pulled.usd)
    assert 0 < pulled.usd < 0.1
    assert len(repr(pulled)) < 200
    words = [word for name, value in named.items() for word in (f"--{name.replace('_', '-')}", value)]
    done = watchme("case", "pull", "backlog", "cases/by-command", *words)
    assert w.open_case("cases/by-command").tables == pulled.case.tables, done.stderr
    with pytest.raises(InputError, match="USD"):
        w.pull("backlog", **named, max_usd=1e-9, to="dear")
