"""How much each observation weighs for a cause of a backlog, and why.

Natural log-odds: the logarithm of how many times likelier the observation is when the cause holds than
when another cause of the list does. 0.7 is two to one, 1.6 five to one, 2.3 ten to one, 3 twenty to one.
They follow from the mechanism of SQS and Lambda, not from counting cases.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight and its reason."""

    value: float
    reason: str


WEIGHTS: dict[str, Weight] = {
    # Which error the runs died of.
    "own_error": Weight(3.0, "Import, handler and permission errors name the function itself."),
    "own_error_absent": Weight(-3.0, "Another place is named by the errors."),
    "unreachable_error": Weight(3.0, "A refused connection, 502 or 503 says that nothing answers there."),
    "timeout_error": Weight(2.5, "A run that ends at its time limit waited for something."),
    "message_error": Weight(2.5, "A 4xx or an unreadable body is about that one message."),
    "server_error": Weight(1.5, "A 500 is the API's own failure, but one message can provoke it too."),
    "own_code_error": Weight(
        2.0, "A Python error in every run, whoever sent the message, is no message's and no dead API's."
    ),
    "explained_elsewhere": Weight(-5.0, "What speaks for it belongs to another incident, which it explains."),
    "limit_lowered": Weight(4.0, "Runs that always took longer than they may now were given less time."),
    "limit_lowered_against": Weight(-4.0, "The function's time ran out, not the API's patience."),
    "memory_lowered": Weight(4.0, "With less memory, and so less processor, the same work takes longer."),
    "memory_lowered_against": Weight(
        -4.0, "The function itself was slowed down, by as much as it is slower."
    ),
    # How many of the runs fail.
    "all_fail": Weight(1.2, "What every message needs is broken."),
    "some_pass": Weight(-2.0, "Other messages pass at the same time through the same code and API."),
    "others_pass": Weight(1.2, "Good messages pass while bad ones fail."),
    "some_pass_unsteady": Weight(
        0.0, "Code that fails now and then lets others pass, and the same messages at another try."
    ),
    "backlog_not_slow": Weight(-1.7, "Messages wait though the runs are as fast as ever."),
    "some_pass_slow": Weight(-0.5, "A slow API lets some runs through, a hanging one none."),
    "all_fail_poison": Weight(-2.5, "Bad messages don't stop the good ones."),
    "same_messages_fail": Weight(
        2.0, "Each failing message fails every try while others pass the first time."
    ),
    "same_messages_fail_against": Weight(
        -2.5, "An API that is slow now and then is hardly so for every try of one message and for no other."
    ),
    "tries_succeed": Weight(
        -3.5, "Many messages that failed once passed at a later try, as no bad one does."
    ),
    "group_held_up": Weight(
        2.5, "Nothing else was slow or short, and a bad message in a FIFO queue keeps its group waiting."
    ),
    "only_surge_fails": Weight(
        1.2, "What failed is what came beyond the usual; what comes as ever passes again right after it."
    ),
    "others_silent": Weight(0.0, "What failed is what came beyond the usual: nobody else sent meanwhile."),
    "one_device": Weight(1.8, "Dead letters pile up on few senders: their messages differ."),
    "many_devices": Weight(-1.0, "All senders are hit alike."),
    # Run times.
    "runs_at_limit": Weight(2.0, "Runs last as long as the function may: it waits."),
    "runs_short": Weight(1.0, "Runs end at once, before any work: loading or connecting fails."),
    "runs_got_far": Weight(
        -0.7, "What doesn't load or lacks a setting ends at once; with no log, these got as far as good ones."
    ),
    "runs_usual": Weight(-1.2, "The API answers as fast as ever."),
    "runs_longer": Weight(1.5, "Runs take several times as long as before."),
    "runs_at_limit_against": Weight(-2.0, "A run that breaks or is refused ends early."),
    "runs_longer_against": Weight(-1.0, "A run that breaks ends early."),
    "runs_short_against": Weight(-2.0, "A run that waits lasts."),
    "runs_not_longer_leak": Weight(-1.0, "After days of creeping the runs must be long."),
    "runs_as_refused": Weight(0.3, "A refused call takes as long as an answered one, or less."),
    "slow_errors_unknown": Weight(1.5, "Runs got slower; whether they failed is unknown."),
    "slow_no_error": Weight(
        2.0, "Runs got slower, nothing else changed, and messages wait for a free worker."
    ),
    "creep": Weight(4.0, "Run time rises over many hours: no switch was thrown."),
    "no_creep": Weight(-3.0, "Run time shows no rise over many hours."),
    "creep_not_step": Weight(-3.0, "A slow rise is another story than a sudden one."),
    # A deployment that makes the function wait looks like an API that does.
    "waits_for_call": Weight(2.0, "The last thing the run said is which call it made."),
    "before_call": Weight(2.0, "Runs hang before the call that good runs get to: it is their own doing."),
    "deployed_before": Weight(
        -2.0, "The function was deployed right before, and no run has succeeded since."
    ),
    "healed": Weight(-2.5, "Broken code stays broken until it is deployed again."),
    "healed_by_deploy": Weight(1.5, "The next deployment ended it."),
    # Arrivals.
    "surge_first": Weight(3.5, "Arrivals rose first and the backlog followed."),
    "surge_after": Weight(-1.5, "The trouble began before the arrivals rose."),
    "no_surge": Weight(-4.0, "Arrivals kept their rhythm."),
    "no_surge_of_runs": Weight(
        -1.5, "Runs kept their rhythm, which a function at its limit does in a surge."
    ),
    "load_breaks_no_message": Weight(
        -3.0, "Load makes runs wait or be refused; it makes no message unreadable and no file vanish."
    ),
    "surge_explains": Weight(-3.0, "More arrived than usual before anything else moved."),
    "released_explains": Weight(
        -3.0, "A backlog let loose at once asks more of the API than it is used to, as a surge does."
    ),
    "capacity_reached": Weight(1.0, "The function ran at its maximum while messages waited."),
    # Throttles.
    "throttles": Weight(
        3.0, "Deliveries were refused for want of concurrency, and each counts as a receive."
    ),
    "no_throttles": Weight(-5.0, "No delivery was throttled."),
    "slow_explains": Weight(
        -3.0, "Longer runs hold the concurrency that was enough before: what runs at once is rate times time."
    ),
    "low_reserve": Weight(1.5, "The reserved concurrency is below what the arrivals need."),
    # Visibility.
    "redelivered": Weight(3.0, "Messages came back although nothing failed and nothing was throttled."),
    "not_redelivered": Weight(-4.0, "No message came back but after a failure or a throttle."),
    "visibility_short": Weight(2.0, "The visibility timeout is shorter than a run: the message shows again."),
    "visibility_long": Weight(-1.5, "The visibility timeout is longer than the longest run."),
    "visibility_advice": Weight(0.3, "The visibility timeout is below six times the function's timeout."),
    "hidden_long": Weight(
        4.0, "Nobody works on them and nobody can: a long visibility timeout makes each second try late."
    ),
    "repeated_deletes": Weight(1.5, "More deletes than messages: some were worked on more than once."),
    # Mapping.
    "waiting_unpolled": Weight(2.0, "Messages wait now behind a mapping that is off now."),
    "starved": Weight(3.0, "Messages waited and nobody asked for them."),
    "still_received": Weight(-5.0, "Messages were received throughout."),
    "mapping_off": Weight(3.0, "The mapping is switched off."),
    "off_after_failures": Weight(
        -5.0, "It was switched off because runs were failing, not the other way round."
    ),
    "mapping_on": Weight(-1.0, "The mapping is on now; it can have been off for a while."),
    # Time order.
    "change_fits": Weight(2.5, "A change that can do this came right before, with no good run after it."),
    "modified_fits": Weight(
        2.0, "It was changed right before, with no good run after it; what was changed is not kept."
    ),
    "unchanged": Weight(
        -2.0, "Code that ran well breaks when it is changed; what it leans on can break by itself."
    ),
    "unchanged_own": Weight(
        -0.3, "A disk that fills or a permission that ends is the function's own trouble without a change."
    ),
    "no_change": Weight(-0.3, "No recorded change fits; deployments can go unrecorded."),
    "failures_lead": Weight(-2.5, "Failing runs explain the backlog."),
    "no_failures": Weight(-4.0, "No more runs failed than ever."),
    # Nothing wrong.
    "no_harm": Weight(4.0, "No sign of lost, late or failing work in this metric."),
    "harm": Weight(-4.0, "Work was late, repeated or lost."),
    "slow_harmless": Weight(-0.5, "Runs took longer for a while, and the next time somebody may wait."),
    "stray_dead": Weight(-0.5, "A few messages can never succeed, and others of their kind may come."),
    "stray_together": Weight(
        4.0, "Messages that are bad by chance hardly ever come this close together: 1 set in 1000."
    ),
    "daily_peak": Weight(0.5, "The peak comes every day and drains by itself."),
    "blind_to_harm": Weight(-1.0, "Without these metrics nobody can say that nothing happened."),
    "blind_to_work": Weight(-5.0, "Late or failing work shows in these metrics alone."),
}


def weight(name: str, scale: float = 1.0) -> float:
    """Return a weight's value, scaled by how much of the evidence speaks (0 to 1)."""
    return WEIGHTS[name].value * scale
