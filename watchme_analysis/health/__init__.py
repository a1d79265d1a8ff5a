"""Question 1: why an endpoint such as `/health` is slow or fails.

Entry point: `diagnosis.diagnose`. `context` joins and judges the requests. Signals lie in `signals` by topic,
their meaning for each cause in `causes/*.toml`, the list of detectors in `detection`, and the rules of the
verdict in `judge`; figures and tables in `sections`.

Imports: `requests`, `inference`, `present`, `nginx_conf`, `evidence` and below; never `backlog`.

Never: reads files or uses the network.
"""
