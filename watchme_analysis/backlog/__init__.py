"""Question 2: why messages pile up, fail or get lost.

Entry point: `hypotheses.diagnosis.diagnose`; figures and tables in `sections`.

Imports: `queues`, `alarms`, `inference`, `present` and below; never `health`.

Never: reads files or uses the network.
"""
