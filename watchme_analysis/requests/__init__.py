"""One request across edge, Nginx and application: joined, followed, split into layers.

Entry points: `observations.join_requests` (the join), `fates.request_fates`, `fates.attempts`,
`layers.layer_times`, `followed.follow_requests`.

Imports: `access_logs`, `stats` and below.

Never: weighs evidence for a cause.
"""
