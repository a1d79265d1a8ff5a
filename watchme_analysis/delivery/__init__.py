"""`watchme run`: pull, diagnose, report and deliver, for the systems of ``watchme.toml``.

One run looks at one system: it pulls the evidence, imports a case, diagnoses it, compares the result with the
stored state of the system, and delivers what changed to the destinations. A run that is killed at any moment
leaves nothing incomplete; the next one continues.

Entry point: `run.run_system`.

Imports: everything below `cli`.

Never: changes anything in the system under investigation.
"""
