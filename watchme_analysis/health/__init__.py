"""Question 1: why an endpoint such as `/health` is slow or fails.

Entry point: `diagnosis.diagnose`. `incident` judges requests and looks for an incident among them, and
`context_builder` decides whether it counts. Signals lie in `signals` by topic, their list in `detectors`,
their meaning for each cause in `causes/*.toml`, the verdict in `judge`; figures and tables in `sections`.

Imports: `requests`, `inference`, `present`, `nginx_conf`, `evidence` and below; never `backlog`.

Never: reads files or uses the network.
"""
