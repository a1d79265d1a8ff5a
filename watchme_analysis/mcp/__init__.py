"""A read-only server for agents (Model Context Protocol): the services of the package as tools.

Every answer is bounded and redacted. `check_claim` is the referee: it states whether the evidence supports
what somebody claims.

Entry point: `server.make_server`.

Imports: `services` and below; the SDK `mcp` only in `server`.

Never: calls AWS, or changes anything. Copies of cases lie in the temporary folder of the process.
"""
