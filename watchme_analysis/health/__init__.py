"""Question 1: why an endpoint such as `/health` is slow or fails.

Entry point: `hypotheses.diagnosis.diagnose`; figures and tables in `sections`.

Imports: `requests`, `inference`, `present`, `nginx_conf`, `evidence` and below; never `backlog`.

Never: reads files or uses the network.
"""
