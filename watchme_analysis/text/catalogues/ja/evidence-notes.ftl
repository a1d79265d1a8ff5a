### 証拠ファイルに関する注記: 読み取れた内容と読み取れなかった内容。

note-of-file = { $file }: { $note }
note-unread = { $file } を読み取れませんでした: { $reason }
note-rejected-kept = { $lines } 行を解釈できず、最初の { $kept } 行を保存しました。
note-part-kept = { $problem }。それより前の部分は保存されています。
note-no-line-end = 最後の行に改行がありません。ファイルがそこで途切れている可能性があります。
note-log-no-line-end = 最後の行に改行がありません。行が途切れているか、まだ書き込み中です。
note-nested = { $levels } 階層より深い値 { $values } 個をテキストとして保存しました。
note-not-storable = { $column } の値 { $values } 個は保存できないため、{ $how ->
    [left-out] 除外しました
   *[escaped] エスケープして保存しました
  } (最初の値: { $first })。
note-further-headers = ヘッダー行がほかに { $headers } 行あります (最初は { $line } 行目)。それより下の行は新しい列名で読み取りました。
note-zone-apart = すべての時刻がほかのデータより { $hours } 時間{ $side ->
    [after] 後
   *[before] 前
  }のため、比較できません。タイムゾーンのない時刻は { $zone } として読み取りました。別のタイムゾーンの場合は、{ $setting } などと書いた case.toml をファイルと同じフォルダに置くか、{ $option } を指定して、もう一度インポートしてください。
note-zone-beside = 時刻にタイムゾーンがないため、同じフォルダの { $file } に従い { $zone } として読み取りました。別のタイムゾーンは { $option } または case.toml の { $setting } で指定できます。
note-masked = シークレットと思われる値 { $values } 個をテーブルではマスクしましたが、ケース内の { $file } のコピーではマスクしていません。

## ファイル全体の問題

limit-reached = 上限 { $limit }。watchme.toml の [limits] または { $variable } で変更できます
problem-size = 最初の { $read } だけを読み取りました ({ $limit })
problem-lines = 最初の { $lines } 行だけを読み取りました ({ $limit })
problem-aliases = エイリアスの繰り返しが { $values } 個の値を超えるため、{ $aliases } 個のエイリアスを文字列のまま残しました ({ $limit })
problem-settings = 最初の { $values } 個の値だけを読み取りました ({ $limit })
problem-unpacked = 展開後のサイズが { $times } 倍を超えるため、最初の { $read } だけを読み取りました ({ $limit })
problem-packed-end = { $kind } データが { $bytes } バイトで途切れています
problem-packed-other = { $bytes } バイトより後は { $kind } データではありません
problem-packed-damaged = { $kind } データが { $bytes } バイトより後で破損しています ({ $error })
problem-zstandard = Zstandard データが { $bytes } バイトで途切れているか、破損しています ({ $error })
problem-no-log-zip = zip アーカイブは読み取れません: { $command }
problem-no-log-tar = tar アーカイブは読み取れません: { $command }
problem-no-log-utf-16 = UTF-16 のテキストは読み取れません: { $command }
problem-no-log-parquet = ログではなく Parquet ファイルです
problem-json = JSON が途切れているか、破損しています: { $error }
problem-json-values = 1 つの JSON ドキュメントに含まれる値が多すぎます ({ $limit })
problem-json-damaged = JSON が破損しています
problem-not-aws-cli = AWS CLI の出力の形式ではありません
problem-kind-not-read = この種類のオブジェクトは読み取りません: { $kind }

## ログとホストのメトリクス

note-no-start-command = { $file } には CMD も ENTRYPOINT もありません。ベースイメージの起動コマンドは不明です。
note-log-format = ログ形式は log_format { $name } です。
note-log-format-lines = { $lines } 行のログ形式は log_format { $name } です。
note-no-log-format = { $file } には log_format の定義がありません。
note-log-format-invalid = log_format を使用できません: { $error }
note-samples = { $lines } 行に { $samples } 個のサンプルがあります。
note-column-without-name = 名前のない列を除外しました。
note-columns-without-numbers = 数値を含まない列を除外しました: { $columns }

## 設定とソースコード

note-config-part = { $part } は { $main } の include の位置で読み取りました。
note-include-missing = { $place } が include する { $file } がデータにありません。
note-include-circle = { $file } が自分自身を include しています ({ $way })。循環はそこで打ち切りました。
note-source-not-read = { $file }: 読み取っていません。ソースファイル { $files } 個のうち、ウェブアプリケーションに近い { $read } を読み取りました。

## AWS のレスポンス

note-untimed = 時刻を読み取れない項目が { $entries } 件あります。
note-only-ages = { $entries } 件のイベントには経過時間だけがあり、時刻がありません。コマンドを実行した時刻を case.toml の `collected_at` に指定すると、時刻が分かります。
note-states-untimed = { $entries } 件は状態だけで、始まった時刻がありません。
note-entries-missing = 複数ページのうちの 1 ページのため、項目が欠けています (NextToken)。
note-events-damaged = イベント { $events } 件の詳細を読み取れません。
note-repeated-events = { $table } の重複イベント { $repeated } 件を除外しました。
note-repeated-entries = { $table } の重複項目 { $repeated } 件を除外しました。
note-repeated-receives = 同じメッセージの重複した受信 { $repeated } 件を除外しました。各メッセージは最大の受信回数で 1 回だけ保存されています。
note-redrive-policy = { $queue } の RedrivePolicy を読み取れません。デッドレターキューと最大受信回数は不明です。
note-log-of-function = { $by ->
    [name] ファイル名から
   *[other] 証跡にある唯一の関数であるため、
} { $function } のログとみなしました。ログの期間は不明です。
note-log-group-unknown = ロググループが不明です。{ $example } のように、ファイル名 (エクスポートではフォルダ名) を関数名にしてください。
note-trace-time = トレースの時間の大半は { $name } が占めています ({ $total } のうち { $spent })。
note-trace-failed = { $name } は、呼び出し先の失敗なしに { $failures } 回失敗しました。
note-flows-rejected = { $file }: { $source } から { $target } への { $flows } 件のフローが、セキュリティグループまたはネットワーク ACL で拒否されました。
note-query-unknown = queries.json に項目がないため、クエリの期間、ロググループ、上限は不明です。
note-query-page = 複数ページのうちの 1 ページです (nextToken)。
note-query-status = クエリのステータスが { $status } のため、行が欠けています。
note-query-limit = 上限に達したため { $rows } 行より後は欠けています。
note-query-limit-matched = 一致した { $matched } 行のうち { $rows } 行だけです。残りは上限のため欠けています。
note-query-without-result = クエリ { $query } の結果がデータにありません。
note-queries-scanned = クエリのスキャン量: { $size }、料金: { $cost }。
note-cloudwatch-message = CloudWatch からのメッセージ { $code }: { $text }
note-no-metric-queries = クエリの一覧がないため、系列をラベルで識別しました。
note-series-by-label = 系列 { $series } ({ $label }) は、{ $why ->
    [several] 同じ id のクエリが複数ある
   *[none] この id のクエリにこのラベルがない
  }ため、ラベルで識別しました。
note-statistic-inferred = 系列 { $series } 個の統計をラベルと値から推定しました。
note-unnamed-series = 系列 { $series } 個のメトリクスが不明です。{ $advice }。
advice-metric-queries = メトリクスのクエリの一覧を metric-data-queries.json として同じフォルダに置いてください
advice-metric-file = ファイル名を metrics/NAME-Errors.json のように、キューまたは関数とメトリクスの名前にしてください
note-series-incomplete = { $series } のステータスが Complete ではないため、データポイントが欠けています。
note-points-page = 複数ページのうちの 1 ページのため、データポイントが欠けています (NextToken)。
note-points-uneven = 系列 { $series } は時刻が { $times } 個、値が { $values } 個のため、共通の { $kept } 個を保存しました。
note-points-unreadable = 系列 { $series } のうち、時刻または値を読み取れないデータポイント { $points } 個を除外しました。
note-points-repeated = 重複したデータポイント { $points } 個は 1 回だけ保存しました。
note-points-conflicting = そのうち { $points } 個は以前のレスポンスと値が異なり、最後の値を保存しました。
note-series-unanswered = クエリの系列 { $series } 個に対するレスポンスがありません。
left-copy = { $file } と同じ内容のため、1 回だけ数えます
left-hidden = 隠しファイル
left-folder-link = フォルダへのシンボリックリンク
left-link-nowhere = リンク先のないシンボリックリンク
left-link-outside = フォルダの外の { $target } を指すシンボリックリンクのため、たどりません
left-no-file = { $kind ->
    [pipe] パイプ
    [socket] ソケット
   *[special] 特殊ファイル
  }であり、ファイルではありません
left-unreadable = 読み取れません: { $reason }
left-own-case = 独立したケースのため、フォルダごと取り込みません
left-reader-failed = リーダー { $reader } でエラーが発生しました: { $error }
left-named-like = 名前は { $reader } のものですが、内容が異なります
left-not-recognised = 証拠として認識できません
reject-unknown-line = 既知のプログラムの行ではありません
left-other-script = サーバーもコンテナも起動しないスクリプト
left-other-source = アプリケーション以外のソースファイル (テスト、マイグレーション、インストール済みパッケージ) は読み取りません
left-cloudflare = 行が Cloudflare の形式です。ファイル名を edge.jsonl にしてください
left-uvicorn = 行が uvicorn の形式です。ファイル名を app-SERVICE.log にしてください
left-unknown-format = 行が既知の形式ではありません。log_format を含む nginx.conf を同じフォルダに置くか、case.toml に log_format = '...' と書いてください
left-no-fields = 値の意味を示す #Fields の行がありません。サーバーのログの先頭にある行を前に加えてください
left-other-output = { $commands } の出力ではありません
problem-time = 読み取りに { $seconds } 秒以上かかったため中止しました ({ $limit })
problem-log-time = 読み取りに { $seconds } 秒以上かかったため、最初の { $lines } 行だけを読み取りました ({ $limit })
problem-log-unknown = 大半の行が既知の形式ではないため、最初の { $lines } 行だけを読み取りました ({ $limit })
problem-long-line = { $bytes } バイトの行を読み取りませんでした ({ $limit })
problem-gone = インポートが終わる前になくなりました
problem-changed = 読み取り中に変更されたため、行がハッシュと一致しない可能性があります
problem-grew = 読み取り中にサイズが増えたため、最初の { $bytes } バイトだけを読み取りました
problem-source = { $reader } では読み取れません: { $error }
problem-source-nested = 式の入れ子が深すぎるため、{ $reader } では読み取れません
pull-offline = オフラインのため、何も取得していません。状態は { $time } 時点のものです。
pull-trail-retention = CloudTrail で検索できるのは過去 { $kept } 日間のイベントだけです。変更は期間の { $before } 日前から検索しました。
pull-alarm-history = CloudWatch が保持するアラームの履歴は過去 { $days } 日間です。
pull-own-redrive = { $queue } には独自のリドライブポリシーがあり、読み取るとメッセージが別のキューに移されるため、読み取っていません。
pull-sample = { $queue } のメッセージ約 { $held } 件のうち { $read } 件を読み取りました。
pull-sample-fifo = { $queue } のメッセージ約 { $held } 件のうち { $read } 件を読み取りました。FIFO キューは、読み取り中のメッセージがあるグループのほかのメッセージを渡しません。
pull-hidden = { $queue } では、ほかに約 { $hidden } 件のメッセージが、別の処理または中断した実行によって読み取られている最中でした。数分後に --refresh を付けてもう一度収集してください。
pull-receive = { $queue } の読み取りは、読み取った各メッセージの受信 1 回として数えられます。
insights-broken = 途中で中断しました: { $error }
insights-refused = { $groups } をクエリできませんでした: { $error }
insights-deadline = すべての行がそろう前に期限に達しました。期限を延ばすか、期間を狭めてください。
insights-ceiling = すべての行がそろう前に、スキャン量が { $gigabytes } GB となり上限を超えました。上限を上げるか、期間を狭めてください。
insights-unsplittable = 1 つのクエリが返せるのは { $rows } 行までで、このクエリは分割できません ({ $reason })。条件を絞るか、limit を指定してください。
insights-ended = { $start } から { $end } までのクエリは { $status } で終わりました。
insights-rows-missing = { $start } から { $end } までの行が欠けています。{ $reason ->
    [pointers] 行に @ptr がないため、分割した期間の結果をつなげられません
   *[millisecond] 同じミリ秒のイベントが、1 つのクエリで返せる数を超えています
  }。
insights-not-stopped = クエリ { $query } を停止できませんでした: { $error }
insights-cached = { $end } まではキャッシュから読み取りました (取得時刻: { $taken })。
insights-no-estimate = スキャン量を見積もれなかったため、{ $gigabytes } GB で停止します: { $error }
note-log-moved = 読み取り中に移動されました
note-log-rotated = 読み取り中にローテーションされました (現在は { $file })
note-log-grew = 読み取り中に { $bytes } バイト増えました。後の行が含まれていない可能性があります
note-log-shrank = 読み取りを始めた時より { $bytes } バイト小さくなっています。切り詰めまたはローテーションにより、行が欠けている可能性があります

## 読み取れない行と値

problem-of = { $of }: { $problem }
value-no-number = { $value } は数値ではありません
value-no-whole-number = { $value } は整数ではありません
value-too-large = { $value } は件数やステータスとして大きすぎます
value-no-time = { $value } は時刻ではありません
value-no-seconds = { $value } は秒数として大きすぎます。時間を秒単位で記録したログが必要です
value-option-number = { $option } の値 { $value } は数値ではありません
reject-no-time = 時刻がありません
reject-no-event = イベントがありません
reject-invalid-time = 時刻が無効です
reject-edge-no-time = EdgeStartTimestamp がありません
reject-csv-cells = { $columns } 列に対してセルが { $cells } 個あります
reject-csv-cut = 行が途切れています
reject-csv-cut-cells = 行が途切れています (セル { $columns } 個のうち { $cells } 個)
reject-csv-cut-row = 行が途切れ、その途中から別の行が続いています
reject-csv-header = 途切れたヘッダー行の繰り返しです
reject-csv-quote = 引用符が閉じていません
reject-csv = セルを読み取れません: { $error }
reject-no-server = 既知のサーバーを起動する行ではありません
reject-shell-quote = 引用符が閉じていません
reject-shell-escape = 行末のバックスラッシュの後に文字がありません
reject-shell = 単語に分割できません: { $error }
reject-no-instruction = Dockerfile の命令で始まっていません
reject-nginx-nested = ブロックの入れ子が深すぎます
reject-nginx-end = ステートメントの途中でファイルが終わっています
reject-nginx = 設定として無効です: { $error }
compose-breaks = YAML として読み取れません: { $error }
compose-no-yaml = YAML ではありません
compose-value = YAML に読み取れない値があります: { $error }
compose-no-mapping = compose ファイルの形式 (マッピング) ではありません
expression-behind = ルールの終わりまたは続きがあるべき位置に { $found } があります
expression-unreadable = { $found } を読み取れません
expression-expected = { $expected } があるべき位置に { $found } があります
expression-no-operand = フィールドまたは値があるべき位置に { $found } があります
expression-no-member = 集合の値があるべき位置に { $found } があります
expression-end = 式の終わり
expression-in = { $problem } (式: { $expression })
edge-rule-setting = 設定 { $name }
edge-rule-action = アクション { $name }
edge-rule-limit = { $period } 秒あたり { $count } リクエストのレート制限、アクション { $action }
edge-rule-settings = { $settings }
insights-class = 検索しなかったロググループ: { $groups }。{ $kind ->
    [DELIVERY] 配信クラスのロググループはクエリできません。
   *[INFREQUENT_ACCESS] 低頻度アクセスのログクラスは、このクエリのコマンドに対応していません: { $commands }。
  }
insights-blocks = 1 つのクエリで検索できるロググループは 50 個までのため、{ $number } 個のクエリを実行しました。`stats` と `limit` はクエリごとに適用されます (log_groups 列を参照)。
insights-shortfall = { $start } から { $end } では、CloudWatch の件数 { $counted } に対して { $rows } 行しか返されませんでした。もう一度クエリを実行してください。
unsplittable-subquery = サブクエリが別のイベントを参照しています
unsplittable-column = 期間をつなげるための { $column } が別の値の名前になっています
unsplittable-order = 並び順 ({ $command }) が @timestamp だけではありません
unsplittable-language = { $language } のクエリは分割できません
unsplittable-limit = 件数を制限しています ({ $command })
unsplittable-command = { $command } が複数のイベントをまとめて処理します
note-metrics-not-kept = { $intervals } 個の区間は、CloudWatch がこの期間 (period) のデータポイントを保持している { $kept } より前です。期間を { $period } にして取得してください。
note-metrics-without-points = { $resource } の { $intervals } 個の区間のうち、値があるものは 0 個です。このリージョンとアカウントに存在するか確認してください。
note-encoding = { $encoding } の { $lines } 行を UTF-8 に変換しました
note-encoding-kept = ログの文字コードは { $encoding } です。その文字のバイトは \xNN と表示しています。{ $command } で変換してください
note-encoding-unknown = { $lines } 行が UTF-8 でも日本語の文字コードでもないため、そのバイトを \xNN と表示しています。ファイルを { $command } で変換して、もう一度取り込んでください
note-times-repeated = { $first } 以降の { $times } 種類の時刻は、{ $zone } で時計が戻されて 2 回現れる 1 時間にあります。エラーログの順序から 2 回目と分かる場合を除き、1 回目として読み取りました
note-times-skipped = { $first } 以降の { $times } 種類の時刻は、時計が進められる { $zone } には存在しません。ログのタイムゾーンを確認してください
metrics-incomplete = CloudWatch から { $series } のすべてのデータポイントが返されませんでした。
aws-returned = { $call } が { $code } を返しました
route-not-followed-if = `if` ブロックにより動作が変わる可能性があります
route-not-followed-try-files = `try_files` によりリクエストが別の場所で処理される可能性があります
route-not-followed-auth-request = 先に `auth_request` で別の location に問い合わせます
route-not-followed-fastcgi-pass = FastCGI で転送されます
route-not-followed-uwsgi-pass = uwsgi で転送されます
route-not-followed-scgi-pass = SCGI で転送されます
route-not-followed-grpc-pass = gRPC で転送されます
route-not-followed-mirror = リクエストがミラーリングされます
route-not-followed-split-clients = リクエストが割合で振り分けられます
route-not-followed-variable = アップストリームが変数で指定されています
route-not-followed-pattern = 正規表現 { $pattern } は先読み、後読み、後方参照など評価できない構文を含むため、これが適用される可能性があります
