"""A remedy that is killed at each of its moments and started again from what is on disk and in the account.

A moment is what a later start can see: an entry that was synced, or a call that may have changed the
account. Between two moments nothing changes that outlives the process, so a kill anywhere between them is the
kill at the earlier one, and calls that only read are no moments.

Where a run costs much, a test kills at every fourth moment or so; WATCHME_FUZZ_SEED says at which of them.
"""

import os
import signal
import sys
import traceback
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import pytest

from watchme_analysis.cloudwatch.session import Aws

# Beginnings of the names of operations that change nothing.
READING = ("get_", "list_", "describe_", "filter_", "head_", "lookup_")
SEED = int(os.environ.get("WATCHME_FUZZ_SEED", "2"))


class KilledError(BaseException):
    """The process ends here; nothing may catch it."""


@contextmanager
def moments(passed):
    """Call a function at each moment of what runs within the context."""
    call, synced = Aws.call, os.fsync

    def fsync(file):
        synced(file)
        passed()

    def changing_call(self, service, operation, **parameters):
        found = call(self, service, operation, **parameters)
        if not operation.startswith(READING):
            passed()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        patch.setattr(Aws, "call", changing_call)
        yield


def kills(begin, *, first=1, real=3, every=1):
    """Kill a run at each of its moments from ``first`` on, and yield the moment's number, counted from 1.

    ``begin(moment)`` prepares a run and returns the function to kill; the last run ends by itself. Runs end
    by an exception that nothing may catch, and at the moment ``real`` by SIGKILL in a process of their own,
    which costs more and must leave the same behind; None for runs that share state with the test. With
    ``every``, one of so many moments is taken, from one of the first by the seed on, and ``real`` is the
    first of them. A step has three moments as a rule, so every third would be the same one each time.
    """
    if every > 1:
        first += SEED % every
        real = first
    for moment in count(first, every):
        if not killed(begin(moment), moment, for_real=moment == real):
            return
        yield moment


def restarted(aws):
    """Return an Aws that remembers nothing, as in a process that was started after a kill."""
    return replace(aws, actions=set(), calls=0, _next_call={}, _slowdown={})


def killed(run, at, *, for_real=False):
    """Kill a function's run at a moment, counted from 1; return False if it ended before."""
    left = count(at - 1, -1)
    if for_real:
        return _killed_process(run, lambda: next(left) or os.kill(os.getpid(), signal.SIGKILL))

    def passed():
        if not next(left):
            raise KilledError

    try:
        with moments(passed):
            run()
    except KilledError:
        return True
    return False


def _killed_process(run, passed):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with moments(passed):
                run()
            code = 0
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
