### バックログのページの表: キャプション、注記、セル、見出し。

comparison-caption = インシデント前 → インシデント中
comparison-empty = 比較できるインシデントまたはメトリクスがありません。
comparison-effect = 効果量: インシデント中のデータポイントが平常時のデータポイントを上回る確率 (0.5 は差なし)。
comparison-unusual = 特異度: 同じメトリクスの過去の期間のうち、平常時により近かったものの割合。
comparison-left-out = 変化のなかったメトリクス { $metrics } 件は省略しています。
onsets-caption = メトリクスが変化した順序
onsets-empty = 影響を受けたキューのメトリクスに、通常の範囲を外れたものはありません。
onsets-effect = 効果量: 変化以降のデータポイントが変化前のデータポイントを上回る確率 (0.5 は差なし)。
onsets-surprise = 意外性: 水準、ばらつき、変化から見た、過去の日々に対するその時間の順位 (4.7 は 100 分の 1 に相当)。
onsets-after-end = インシデントの終了後に変化したため、インシデントに含まれないもの: { $metrics }。
balance-caption = キューごとのメッセージの収支
balance-empty = キューのデータがありません。
balance-steps-caption = { $step } ごとのメッセージの収支
balance-steps-empty = 区間の終わりにキューに残っていたメッセージはありません。
balance-steps-none-affected = 影響を受けたキューはありません。
balance-steps-left-out = 到着したメッセージがすべて削除された { $steps } 区間は省略しています。
forecast-caption = 滞留が解消する時刻の予測
forecast-empty = 期間の終わりに滞留のあるキューはありません。
dead-letters-caption-work-item = { $unit }別の DLQ メッセージ
dead-letters-caption-error = エラー別の DLQ メッセージ
dead-letters-caption-receive-count = 受信回数別の DLQ メッセージ
dead-letters-caption-age-days = 経過日数別の DLQ メッセージ
dead-letters-empty = DLQ から読み取ったメッセージがありません。
patterns-caption = 実行時間の漸増と繰り返し発生する失敗
patterns-empty = 実行時間の漸増はなく、DLQ のメッセージは特定の曜日や{ $unit }に偏っていません。
missed-work-caption = { $unit }別の未処理の件数
missed-work-not-known = 未処理の件数は不明です。
missed-work-none = 未処理のものは見つかっていません。
missed-work-perhaps-done = この中には実施済みの処理が含まれる可能性があります (データからは確認できません)。
missed-work-unread = 次のファイルを読み取れなかったため、そのメッセージの処理内容は不明です: { $files }。
messages-caption = { $messages ->
    [0] DLQ のメッセージと待機中のメッセージ
   *[other] DLQ のメッセージと待機中のメッセージ: { $messages } 件
  }
messages-empty = キューから読み取ったメッセージがありません。
redrive-caption = デッドレターキューのメッセージの再処理 (リドライブ)
redrive-listed = 再処理
redrive-left-out = 対象外
redrive-never-done = 処理された証拠がありません
redrive-may-have-run = すでに処理された可能性があります。二重に処理しても問題がないか確認してください
redrive-processed = すでに処理されています (ログがその ID の処理完了を示しています)
redrive-no-body = 本文がデータにありません
redrive-unknown-outcome = 成功する見込みが不明です。先にエラーを確認してください
redrive-cannot-succeed = 入力がないか読み取れないため、成功しません
redrive-same-work = 指定したキーの値が一覧のほかのメッセージと同じです
redrive-nothing-read = デッドレターキューから読み取ったメッセージがありません。
redrive-nothing-left = 再処理するメッセージはありません。
redrive-how = { $list } を実行すると、{ $send } の形式の JSON Lines で一覧を出力します。レポートでは、ページと同じフォルダーの { $file } にあります。先に原因を取り除き、1 件を送信して確認してください: { $test }。
redrive-without-url = { $queues } の URL を記入してください。ケースにキューの属性がありません。
changes-named = 直前の変更と診断
changes-before = { $time } 前
changes-after = { $time } 後
alarms-caption = アラーム
alarms-none = 評価できるアラームがありません。
alarms-without-metric = { $alarms } 件のアラームは、メトリクスがケースにないため評価していません。
alarms-never-fired = アラーム { $alarms } 件のうち { $never } 件は発生しません。アラームは、CloudWatch の既定と同じく、スライディングウィンドウで 1 分ごとに評価しています ({ $command } も同じです)。

# Headings
column-queue = キュー
column-from = 開始
column-function = 関数
column-metric = メトリクス
column-onset = 変化した時刻
column-not-before = 最も早い時刻
column-within = 間隔
column-direction = 方向
column-before = 変化前
column-after = 変化後
column-effect = 効果量
column-surprise = 意外性
column-unusual = 特異度
column-queue-or-function = キューまたは関数
column-points = データポイント数
column-per-hour = 1 時間あたり
column-total = 合計
column-median = 中央値
column-p90 = 90 パーセンタイル
column-stock-before = 開始時の滞留
column-sent = 送信
column-received = 受信
column-deleted = 削除
column-visible = 待機中 (visible)
column-in-flight = 処理中 (in flight)
column-dead-lettered = DLQ へ移動
column-expired = 期限切れ
column-purged = 消去 (purge)
column-unexplained = 説明できない差
column-receives-per-message = 1 件あたりの受信回数
column-mean-stay = 平均滞在時間
column-reasons = 差の理由
column-as-of = 時点
column-backlog = 滞留 (件)
column-arrivals-per-min = 到着 (件/分)
column-capacity-per-min = 処理能力 (件/分)
column-drained-at = 解消時刻
column-drained-earliest = 早い場合
column-drained-latest = 遅い場合
column-wait-of-new-message = 新しいメッセージの待ち時間
column-unit = { $unit }
column-error = エラー
column-receives = 受信回数
column-age-days = 経過日数
column-messages = メッセージ数
column-share-of-queue = キュー内の割合
column-first-sent = 最初の送信
column-last-sent = 最後の送信
column-state = 状態
column-work-time = 処理対象の日時 (送信値)
column-work-date = 日付
column-processed = 処理済み
column-can-succeed = 成功の見込み
column-expires = 期限
column-expired-since = 保持期間を経過
column-before-window = 期間より前
column-pattern = パターン
column-observation = 観測
column-chance = 偶然の確率
column-items = 件数
column-which = 内容
column-reason = 理由
column-resource = リソース
column-user = ユーザー
column-relative-to-start = 開始との差
column-could-cause = 起こし得る原因
column-diagnosis = 診断
column-alarm = アラーム
column-first-fired = 最初に発生した時刻
column-threshold = しきい値
column-m-of-n = M/N
column-after-start = 開始からの時間
column-times-raised = 発生回数
column-in-alarm-at-end = 終了時にアラーム状態
stock-no-dlq = 証拠には、このキューのデッドレターキューがありません。
stock-left-at-most = { $dlq } から最大 { $messages } 件のメッセージがなくなりました。非表示のメッセージのメトリクスがないため、受信者が一時的に隠しただけの可能性があります。
stock-left = { $dlq } から { $messages } 件のメッセージがなくなりました。同じ時刻に移されたメッセージは数えていません。
stock-shared = { $dlq } は { $queues } のデッドレターキューでもあります。{ $by ->
    [messages] 各メッセージに記録された送信元
   *[counters] 各キュー自身のカウンターだけ
  }で区別しました。
stock-other-policy = リドライブポリシーは現在 { $named } を指定していますが、失敗したメッセージは { $dlq } にあります。
balance-open = 送信数、削除数、または DLQ に移された数が不明なため、収支は確定しません。
balance-woke = メトリクスが再開した時点で、送信数に含まれない { $messages } 件のメッセージがキューにありました。
balance-moved = DLQ の { $messages } 件は、キュー自身のカウンターから算出しました。
balance-lost-points = 本来あるはずのデータポイントが { $intervals } 区間で欠けています。その間の出来事は数えていません。
error-kind-function = 関数自体のエラー
error-kind-timeout = タイムアウト
error-kind-unreachable = 応答しない API のエラー (拒否、502、503)
error-kind-overload = リクエストを減らすよう求める API のエラー
error-kind-server-error = API の 500 エラー
error-kind-message = メッセージのエラー (4xx、読み取り不能)
error-kind-code-or-message = コードまたはメッセージによるエラー
error-kind-receipt = 可視性タイムアウト切れのエラー
error-kind-other = その他のエラー
error-kind-usual = { $kind } ({ $function } のログのエラーはほぼすべてこの種類)
error-kind-unknown = メッセージと対応するログなし
balance-duplicates = 削除がメッセージ数より { $deletes } 回多くなっています。複数回処理されたか、デッドレターキューに移った後に古い受信ハンドルで削除されたメッセージがあります。
balance-purged = { $messages } 件のメッセージが、受信されずに滞留から消えました (パージ)。
balance-expired = { $messages } 件のメッセージが、キューの保持期間を過ぎて期限切れになりました。
balance-unexplained = { $messages } 件の差は説明できません。CloudWatch の数は概算で、期間の両端で移動中のメッセージは一度だけ数えられます。
balance-step-shared-dlq = デッドレターキューはほかのキューのメッセージも受け取ります。この区間のその件数は不明です。
balance-step-unknown = 収支に必要なメトリクスの一部が収集されていません。
balance-step-delayed = メッセージ数は直前 1 分間の最大値で、デッドレターキューのメトリクスは遅れて届きます。

# キュー、デッドレターキュー、関数のメトリクス
queue-metric-sent = 送信数
queue-metric-received = 受信数
queue-metric-deleted = 削除数
queue-metric-empty-receives = 空の受信
queue-metric-visible = 待機中のメッセージ
queue-metric-in-flight = 処理中のメッセージ
queue-metric-age-s = 最も古いメッセージの経過時間
queue-metric-dlq-visible = DLQ のメッセージ
queue-metric-invocations = 呼び出し回数
queue-metric-errors = 失敗した呼び出し
queue-metric-throttles = スロットリング
queue-metric-duration-avg-s = 実行時間 (平均)
queue-metric-duration-max-s = 実行時間 (最長)
queue-metric-concurrency = 同時実行数
queue-metric-cpu-pct = ホストの CPU (%)
direction-up = 増加
direction-down = 減少
message-state-dead-lettered = DLQ
message-state-waiting = 待機中

# シグナルのグループ
check-blind-spots = データの欠落
check-change = 変更
check-concurrency-limit = 同時実行数の上限
check-daily-peak = 毎日のピーク
check-consumer = コンシューマー
check-dead-letters-by-chance = 偶発的な DLQ メッセージ
check-dead-letters = DLQ メッセージ
check-deletes = 削除
check-error-kind = エラーの種類
check-harm = 影響
check-host = ホスト
check-how-it-ended = 呼び出しの終わり方
check-items = 処理対象
check-last-log-line = 最後のログ
check-latency-drift = 実行時間の漸増
check-mapping = イベントソースマッピング
check-order = 変化の順序
check-receives = 受信
check-redelivery = 再配信
check-run-time = 実行時間
check-same-messages-fail = 同じメッセージの失敗
check-settings = 設定
check-share-of-runs-failing = 呼び出しの失敗率
check-throttles = スロットリング
check-unseen-work = 記録のない処理
check-visibility-timeout = 可視性タイムアウト
check-whose-error = エラーの発生元

# 滞留の解消の予測
drain-busiest-intervals = 処理中のキューがないため、期間中で最も処理の多かった区間の値を処理能力としています。
drain-mapping-off = イベントソースマッピングが無効です。時間は、再び有効にした時点から数えます。

# パターン
pattern-one-item = 1 つの処理対象
pattern-one-weekday = 特定の曜日
pattern-creeping-run-time = 実行時間の漸増
pattern-says-item = DLQ のメッセージ { $total } 件中 { $messages } 件 ({ $share }) は{ $unit } { $item } のものです。{ $items } 個の間で均等なら { $even } です。
pattern-says-weekday = { $least ->
    [1] DLQ にメッセージが移ったのは
   *[other] DLQ に 1 日 { $least } 件以上のメッセージが移ったのは
  }、{ $weekday ->
    [mon] 月曜日
    [tue] 火曜日
    [wed] 水曜日
    [thu] 木曜日
    [fri] 金曜日
    [sat] 土曜日
   *[sun] 日曜日
  } { $such } 日中 { $hit } 日、ほかの曜日 { $days } 日中 { $others } 日です ({ $zone })。
pattern-says-drift = { $function } の実行時間は { $days } 日間で { $before } から { $after } に増えました。
pattern-says-timeout = タイムアウトは { $timeout } です。
pattern-says-began = 増加は { $earliest } から { $latest } の間に始まりました。
balance-stay = リトルの法則によるとメッセージの平均滞留時間は { $stay } で、最も古いメッセージの経過時間 ({ $oldest }) を超えています。送信数が欠けているか、3 回受信されて経過時間に数えられなくなったメッセージがあります。
stock-no-metric = { $dlq } にはメトリクスがありません。{ $messages } 件のメッセージは以前からあった可能性があります。
stock-unknown = { $dlq } に移動されたメッセージの数は不明です。
