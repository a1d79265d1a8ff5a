### case のエラー。

error-actions-unwritable = 対応の記録を { $path } に書き込めません ({ $reason })。
error-actions-damaged = { $path } が壊れています ({ $reason })。削除するか修復してください。
error-case-unreadable = { $path } を読み取れません ({ $reason })。
error-case-path-encoding = ケースのパス { $path } は UTF-8 ではありません。フォルダに別の名前を付けてください。
error-case-link = { $path } はリンクです。ケースにはリンクを置けません。実際のファイルまたはフォルダに置き換えてください。
error-case-of-other-evidence = { $target } は { $source } とは別の証拠のケースです。新しいフォルダを指定するか、--force で置き換えてください。
error-case-table-unlisted = テーブル { $table } はケース { $case } のマニフェストにありません。{ $file } を削除するか、証拠をもう一度インポートしてください。
error-case-table-changed = ケース { $case } のテーブル { $table } は、インポートの後に変更されたか壊れています。証拠をもう一度インポートしてください。
error-case-table-missing = ケース { $case } のテーブル { $table } がありません。証拠をもう一度インポートしてください。
error-case-table-large = ケース { $case } のテーブル { $table } は大きすぎて読み込めません ({ $limit })。
error-sql-only-reads = クエリでできるのは読み取りだけです。SELECT、DESCRIBE、SUMMARIZE、SHOW、PIVOT、またはこれらの EXPLAIN を使ってください。COPY は使えません。全行の出力には `case sql --csv` を使います。
error-sql-empty = クエリが空です。'select * from access_log limit 9' のように書いてください。
error-sql-refused = DuckDB はケース { $case } に対してこのクエリを実行できません: { $reason }。
error-sql-time = クエリは { $seconds } 秒を超えたため中止しました。読み取る行または列を減らしてください。
error-sql-memory = クエリには { $mib } MiB を超えるメモリが必要です。読み取る行または列を減らしてください。
error-sql-rows = クエリの結果が { $rows } 行を超えています。limit、条件、または集計を追加してください。
error-export-level = 秘匿化のレベル { $level } はありません。{ $known } のいずれかを指定してください。
error-target-exists = { $target } はすでに存在します。新しいフォルダを指定してください。
error-several-cases = { $folder } には複数のケースがあるようです。{ $folders } に同じファイル ({ $files }) があります{ $beside }。いずれか 1 つを指定してください。すべてが同じ障害のものであれば、ファイル case.toml を { $source } に置いてください (空でかまいません)。
error-evidence-empty = フォルダ { $source } にファイルがありません{ $first }。証拠のあるフォルダを指定してください。
error-evidence-is-case = { $source } はすでにケースです。証拠のあるフォルダを指定してください。
error-case-in-evidence = 証拠のフォルダの中にケースを書き込むことはできません。{ $target } 以外のフォルダを指定してください。
error-target-no-case = { $target } はすでに存在し、ケースではありません。新しいフォルダを指定するか、先に削除してください。
error-target-below-file = { $above } がフォルダではないため、{ $target } をケースにできません。別のフォルダを指定してください。
error-unknown-kind = case.toml は { $file } の種類を { $kind } としていますが、使える種類は { $known } です。
error-case-unwritable = ケース { $target } を書き込めません ({ $reason })。別のフォルダを指定してください。
error-no-evidence = { $source } には、証拠として読み取れるものがありません: { $left }。docs/evidence.md のとおりにファイル名を付けるか、case.toml で種類を指定してください。
error-evidence-holds-cases = { $source } には証拠ではなくケースがあります。{ $first } のように、いずれか 1 つを指定してください。
error-folder-unreadable = { $folder } を読み取れません: { $reason }。
error-manifest-foreign = { $path } はケースのマニフェストではありません。証拠をもう一度インポートしてください。
error-manifest-version = { $folder } は別のバージョンの watchme で作成されました。証拠をもう一度インポートしてください。
error-manifest-damaged = { $path } の { $place } が壊れています。証拠をもう一度インポートしてください。
error-manifest-unreadable = { $path } を読み取れません ({ $reason })。証拠をもう一度インポートしてください。
error-case-unknown-setting = { $path } に設定 { $names } はありません。使える設定は { $known } です。
error-case-files-table = { $path }: [files] には "export.txt" = "access.log" のような行を書きます。
error-case-window-table = { $path }: [window] には start と end を書きます。
error-case-settings-unreadable = { $path } を読み取れません: { $reason }。
error-case-names-missing-file = { $path } に書かれたファイル { $name } が { $folder } にありません。
error-case-table-unwritable = テーブル { $table } を { $folder } に書き込めません: { $reason }
error-case-source-unreadable = { $path } を読み取れません: { $reason }。
error-case-table-damaged = ケース { $case } のテーブル { $table } を読み取れません ({ $reason })。証拠をもう一度インポートしてください。
error-is-a-file = { $path } はフォルダではなくファイルです。{ $wanted ->
    [case] ケース、証拠のフォルダまたは証拠のファイル
   *[evidence] 証拠のあるフォルダ
  }を指定してください。
error-no-folder = フォルダ { $path } がありません。{ $wanted ->
    [case] ケース、証拠のフォルダまたは証拠のファイル
   *[evidence] 証拠のあるフォルダ
  }を指定してください。
error-no-folder-near = フォルダ { $path } がありません。{ $wanted ->
    [case] ケース、証拠のフォルダまたは証拠のファイル
   *[evidence] 証拠のあるフォルダ
  }を指定してください。`{ $near }` のことですか？
error-evidence-first-left = {" "}(取り込まなかったファイル: { $file } ({ $reason }))
error-file-left = { $file } ({ $reason })
error-several-cases-beside = 。その隣の { $folders } にも証拠があります
error-case-title = { $path }: title は文字列、または文字列 en と ja を持つテーブルでなければなりません。
