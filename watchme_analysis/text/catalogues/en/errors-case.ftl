### Errors of case.

error-actions-unwritable = The actions can't be recorded in { $path } ({ $reason }).
error-actions-damaged = { $path } is damaged ({ $reason }): remove or repair it.
error-case-unreadable = { $path } can't be read ({ $reason }).
error-case-path-encoding = The path { $path } of the case is not UTF-8: give the folder another name.
error-case-link = { $path } is a link, which a case has not: replace it by the file or folder itself.
error-case-of-other-evidence = { $target } is a case of other evidence than { $source }: give a new folder, or --force to replace it.
error-case-table-unlisted = The table { $table } of the case { $case } does not stand in its manifest: remove { $file }, or import the evidence anew.
error-case-table-changed = The table { $table } of the case { $case } was changed or damaged since the import: import the evidence anew.
error-case-table-missing = The table { $table } of the case { $case } is missing: import the evidence anew.
error-case-table-large = The table { $table } of the case { $case } is too large to be loaded ({ $limit }).
error-sql-only-reads = A query only reads: use SELECT, DESCRIBE, SUMMARIZE, SHOW, PIVOT, or EXPLAIN of one, and no COPY; `case sql --csv` prints all rows.
error-sql-empty = The query is empty: write one such as 'select * from access_log limit 9'.
error-sql-refused = DuckDB can't run the query over the case { $case }: { $reason }.
error-sql-time = The query took longer than { $seconds } s and was ended: read fewer rows or columns.
error-sql-memory = The query needs more than { $mib } MiB of memory: read fewer rows or columns.
error-sql-rows = The query returns more than { $rows } rows: add a limit, a condition or an aggregation.
error-export-level = There is no level { $level } of redaction: use one of { $known }.
error-target-exists = { $target } exists already: give a new folder.
error-several-cases = { $folder } seems to hold several cases: { $folders } hold the same files ({ $files }){ $beside }. Give one of them. If all is of one incident, put a file case.toml into { $source }; an empty one will do.
error-evidence-empty = The folder { $source } holds no files{ $first }: give the folder that the evidence lies in.
error-evidence-is-case = { $source } is a case already: give the folder that the evidence lies in.
error-case-in-evidence = The case can't be written into the evidence itself: give another folder than { $target }.
error-target-no-case = { $target } exists and is not a case: give a new folder, or remove it first.
error-target-below-file = { $target } can't be a case, because { $above } is not a folder: give another folder.
error-unknown-kind = case.toml states that { $file } is { $kind }, but the kinds are { $known }.
error-case-unwritable = The case { $target } can't be written ({ $reason }): give another folder.
error-no-evidence = Nothing in { $source } is evidence that can be read: { $left }. Name the files as in docs/evidence.md, or state their kinds in case.toml.
error-evidence-holds-cases = { $source } holds no evidence, but cases: give one, such as { $first }.
error-folder-unreadable = { $folder } can't be read: { $reason }.
error-manifest-foreign = { $path } is not a manifest of a case: import the evidence anew.
error-manifest-version = { $folder } was made by another version of watchme: import the evidence anew.
error-manifest-damaged = { $path } is damaged at { $place }: import the evidence anew.
error-manifest-unreadable = { $path } can't be read ({ $reason }): import the evidence anew.
error-case-unknown-setting = { $path } has no setting { $names }: it knows { $known }.
error-case-files-table = { $path }: [files] holds lines such as "export.txt" = "access.log".
error-case-window-table = { $path }: [window] holds start and end.
error-case-settings-unreadable = { $path } can't be read: { $reason }.
error-case-names-missing-file = { $path } names the file { $name }, which is not in { $folder }.
error-case-table-unwritable = The table { $table } can't be written to { $folder }: { $reason }
error-case-source-unreadable = { $path } can't be read: { $reason }.
error-case-table-damaged = The table { $table } of the case { $case } can't be read ({ $reason }): import the evidence anew.
error-is-a-file = { $path } is a file, not a folder: give { $wanted ->
    [case] a case, a folder of raw evidence or a file of it
   *[evidence] the folder that the evidence lies in
  }.
error-no-folder = There is no folder { $path }: give { $wanted ->
    [case] a case, a folder of raw evidence or a file of it
   *[evidence] the folder that the evidence lies in
  }.
error-no-folder-near = There is no folder { $path }: give { $wanted ->
    [case] a case, a folder of raw evidence or a file of it
   *[evidence] the folder that the evidence lies in
  }. Did you mean `{ $near }`?
error-evidence-first-left = {" "}that are read: { $file } is left out ({ $reason })
error-file-left = { $file } ({ $reason })
error-several-cases-beside = , and beside them lies evidence in { $folders }
error-case-title = { $path }: title is neither a text nor a table with the texts en and ja.
