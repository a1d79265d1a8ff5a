"""The stored corpus of `/health` cases, as its benchmark reads and judges it."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "health_corpus.py"


@pytest.fixture(scope="session")
def corpus():
    spec = importlib.util.spec_from_file_location("health_corpus", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules["health_corpus"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["health_corpus"]
