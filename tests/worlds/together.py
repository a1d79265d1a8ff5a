"""Many small cases of a test in one."""

import functools
import inspect

import pytest


def together(names, cases, ids=str):
    """Return a decorator that calls a test for each case within one test, and reports each case that fails.

    It is written as ``pytest.mark.parametrize`` is. To set up and to report a test takes several
    milliseconds, which is longer than many a case takes itself. Such a test has no fixtures, since nothing is
    set up anew between its cases.

    Parameters
    ----------
    names
        Name of the test's parameter, or the names of several.
    cases
        Value of each case, or the values in the order of the names.
    ids
        How a value is shown if its case fails, or the names of the cases.
    """
    several = not isinstance(names, str)
    names = tuple(names) if several else (names,)
    cases = [tuple(case) if several else (case,) for case in cases]
    shown = ["-".join(map(str, map(ids, case))) for case in cases] if callable(ids) else list(ids)

    def decorate(test):
        assert set(inspect.signature(test).parameters) == set(names), "a test of many cases has no fixtures"

        @functools.wraps(test)
        def each():
            failed = []
            for name, case in zip(shown, cases, strict=True):
                try:
                    test(**dict(zip(names, case, strict=True)))
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"case: {name}")
                    failed.append(error)
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(cases)} cases", failed)

        each.__signature__ = inspect.Signature()
        return each

    return decorate
