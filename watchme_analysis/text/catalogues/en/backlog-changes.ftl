### Changes of queues, functions, mappings and hosts, as phrases, and their time relative to the trouble.

backlog-changed-code = new code deployed
backlog-changed-code-or-configuration = new code or configuration
backlog-changed-configuration = configuration changed
backlog-changed-permissions = permissions changed ({ $event })
backlog-changed-host = host or network changed ({ $event })
backlog-changed-function-timeout = function timeout set to { $value }
backlog-changed-visibility-timeout = visibility timeout set to { $value }
backlog-changed-concurrency = reserved concurrency set to { $value }
backlog-changed-concurrency-removed = reserved concurrency removed
backlog-changed-queue-attributes = queue attributes changed
backlog-changed-purged = queue purged
backlog-changed-mapping-deleted = event source mapping deleted
backlog-changed-other = { $event }
backlog-mapping-disabled = event source mapping disabled
backlog-mapping-enabled = event source mapping enabled
backlog-mapping-changed = event source mapping changed
backlog-resource-unknown = unknown resource
backlog-user-unknown = an unknown user

backlog-change-recorded = Change of { $resource } at { $time } by { $user }: { $change }.
backlog-change-in-configuration = The configuration of { $resource } was last changed at { $time }: { $change }.
backlog-change-then-few-runs = Few invocations followed it.
backlog-change-in-first-interval = The trouble began in the same metric interval.
backlog-change-then-trouble = The trouble began { $lead } later, without a successful invocation in between.
