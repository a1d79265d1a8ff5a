"""Question 2: the causes of backlogs, failures and lost messages.

Entry point: `diagnosis.diagnose`. Signals lie in `signals` by their place on the chain that a message passes,
their meaning for each cause in `causes/*.toml`, and the rule that separates causes from consequences in
`chain`; figures and tables in `sections`.

Imports: `queues`, `alarms`, `inference`, `present` and below; never `health`.

Never: reads files or uses the network.
"""
