"""Question 2: the causes of backlogs, failures and lost messages.

Entry point: `hypotheses.diagnosis.diagnose`; figures and tables in `sections`.

Imports: `queues`, `alarms`, `inference`, `present` and below; never `health`.

Never: reads files or uses the network.
"""
