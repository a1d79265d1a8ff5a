### general のエラー。

error-config-no-such-system = システム { $name } はありません{ $known }
error-config-named-tables = { $path }: { $table } には名前付きのテーブルを書きます。[{ $example }.NAME] と書き、その下にキーを書いてください。
error-config-no-type = { $path }: { $name } に type がありません。指定できる値: { $allowed }。
error-config-no-table = { $path }: { $name } の値 { $value } は無効です。テーブルでなければなりません。[{ $example }] と書き、その下にキーを書いてください。
error-config-value = { $source }: { $key } の値 { $value } は無効です。指定できる値: { $allowed }。
error-config-no-systems = システム { $name } はありません。{ $file } にはシステムが書かれていません。`watchme config init` で作成できます。
error-config-unconfirmed = 見つかった { $path } は信頼されていないため、そのシステムは実行されず、そのプロファイルも使われません。内容を確認してから `watchme config trust { $path }` で信頼してください。
error-config-none = このフォルダにも上位のフォルダにも { $file } がありません。ファイルを指定してください。
error-config-trust = { $path } への信頼を保存できません: { $reason }。代わりに --config でファイルを指定してください。
error-config-unreadable = { $path } を読み取れません: { $reason }。ファイルを修正するか削除してください。
error-config-unknown-key = { $path } に不明なキー { $key } があります{ $known }
error-config-table-name = { $path }: [{ $table }.{ $name }] の名前は無効です。英数字、ハイフン、ピリオドを使ってください。
error-config-lacks-key = { $path }: { $name } に { $key } がありません。指定できる値: { $allowed }。
error-config-unknown-table-key = { $path }: [{ $table }] に不明なキー { $key } があります{ $known }
error-config-table-value = { $source }: { $table }.{ $key } の値 { $value } は無効です。指定できる値: { $allowed }。
error-config-no-destination = { $path }: systems.{ $system }.destinations に書かれた送信先 { $name } はありません{ $known }
error-no-file-name = { $name } は { $folder } のファイル名に使えません。スラッシュを含まず、ピリオドで始まらない名前にしてください。
error-reports-link = { $folder } は { $target } へのリンクです。このフォルダを --to で指定してください。
error-output-other-kind = { $path } はすでに存在し、{ $kind ->
    [parquet] Parquet ファイル
    [messages] メッセージの一覧
    [audit] 監査の結果
    [export] 以前のエクスポート
    [unit] watchme schedule のユニット
    [load-plan] 負荷テストの計画
    [purge-record] パージの記録
    [index] レポートの一覧
    [result] 負荷テストの結果
    [figure] 図
   *[plan] 計画
  }ではありません。出力先を変えてください。
error-output-unreadable = { $path } を読み取れません: { $reason }。
error-file-unreadable = { $path } を読み取れません: { $reason }。
error-extra-missing = { $purpose ->
    [figures] 図の作成
    [chat] apprise タイプの通知先の利用
    [reports] レポートの作成
    [page] ページとその図の作成
    [lab] JupyterLab でのノートブックの利用
    [lab-figures] ズームとホバーに対応した図の表示
   *[widgets] ウィジェットの表示
  }には { $packages } が必要ですが、{ $missing ->
    [1] インストール
   *[other] いずれもインストール
  }されていません: { $command }
error-mcp-missing = サーバーには追加パッケージ `mcp` が必要です: { $command }
error-mcp-no-case = ケース { $name } はありません。list_cases で一覧を確認できます。
error-mcp-unknown-argument = ツール { $tool } に引数 { $name } はありません。引数は { $known } です。
error-table-no-column = テーブル { $table } に列 { $columns } はありません。
error-no-table = テーブル { $table } はありません。使えるテーブルは { $known } です。
error-language-unknown = 言語 { $name } は不明です。{ $known } を指定してください。
error-time-kind = { $value } は有効な時刻ではありません。'2h' のような文字列、datetime、timedelta のいずれかを指定してください。
error-time-range = 時刻 { $time } は 1900 年から 2261 年の範囲にありません。修正してください。
error-duration-invalid = { $text } は有効な時間の長さではありません。500ms、90s、30m、2h、3d、1d12h のように書いてください。
error-duration-long = 時間の長さ { $text } は 100 年を超えています。2h や 3d のように書いてください。
error-window-backwards = 期間の終わり { $end } が始まり { $start } より後ではありません。両端を入れ替えるか、期間を広げてください。
error-zone-unknown = タイムゾーン { $name } は不明です。Europe/Berlin や UTC のような IANA の名前を使ってください。
error-time-invalid = { $text } は有効な時刻ではありません。2025-12-11T10:00+09:00 のような ISO 8601、または 2h のような時間の長さで書いてください。

## オペレーティングシステムとパーサーの理由

reason-missing = ファイルまたはフォルダがありません
reason-denied = アクセスが許可されていません
reason-folder = フォルダです
reason-no-folder = フォルダではありません
reason-exists = すでに存在します
reason-full = 空き容量がありません
reason-read-only = 読み取り専用のファイルシステムです
reason-long-name = 名前が長すぎます
reason-loop = シンボリックリンクが循環しているか、多すぎます
reason-refused = 接続が拒否されました
reason-timeout = 接続がタイムアウトしました
reason-unreachable = ホストに到達できません
reason-port-in-use = ポートはすでに使われています
reason-encoding = { $encoding } ではありません (バイト位置 { $at })
reason-json = JSON ではありません ({ $line } 行 { $column } 列: { $problem })
reason-nested = 入れ子が深すぎます
error-did-you-mean = `{ $word }` のことですか？
error-config-both = { $path }: { $name } に { $key } と { $others } の両方があります。どちらか一方を書いてください。
error-file-unwritable = { $path } に書き込めません: { $reason }。
error-time-without-zone = 時刻 { $time } にタイムゾーンがありません。+09:00 のように指定してください。
error-case-is-raw = { $folder } は未加工の証拠のフォルダです。先に `watchme case import` でインポートしてください。
error-settings-link = { $path } は{ $problem }。ファイルそのものを置いてください。
error-journal-foreign = { $place } は watchme のジャーナルではありません。別のファイルを指定してください。
error-edge-analytics = エッジのリクエストの集計またはサンプルで、個々のリクエストを追跡できません。Logpush の http_requests を使ってください
error-edge-refused = エッジがエクスポートを拒否しました: { $reason }
error-edge-refused-no-reason = 理由の記載なし
error-dlq-key = DLQ のメッセージを { $key } で集計することはできません。{ $known } のいずれかを指定してください。
error-owned-elsewhere = { $system } は { $since } から、{ $known ->
    [host] { $host }
   *[nothing] 別のマシン
  } の別の状態フォルダで実行されています ({ $record })。両方で実行すると、すべての変化が二重に通知されます。もう一方を停止し、--take-over を指定してください。同じ名前の別のシステムの場合は、送信先に別の prefix を指定してください。
error-lines-unaccounted = { $file }: { $lines } 行のうち { $differ } 行の数が合いません ({ $how ->
    [lost] { $differ } 行の欠落
   *[twice] { $differ } 行の重複
  })。watchme_analysis の不具合です。`watchme --version` の出力を添えて報告してください。
error-column-kind = テーブル { $table } の列 { $column } に { $kind } ではない値があります: { $reason }
error-magic-usage = { $magic }: { $problem }。{ $usage }
magic-missing = 引数が足りません: { $names }
magic-unknown = 不明な引数です: { $names }
magic-no-value = { $names } に値がありません
error-explain-empty = 説明するログがありません。ログを貼り付けるか、ファイルを指定するか、コマンドの出力をパイプで渡してください。
error-explain-binary = 入力はテキストではなくバイナリデータです。先に展開するか、テキストファイルを指定してください。
