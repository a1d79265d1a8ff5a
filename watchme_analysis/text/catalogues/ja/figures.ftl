### 図: パネルの見出し、軸のラベル、凡例、代替テキスト。

# Shared
figure-none = 図なし: { $reason }
axis-time-day = 時刻 ({ $zone })、{ $day }
axis-time-days = 時刻 ({ $zone })、{ $day } 〜 { $last }
axis-duration = 所要時間
axis-requests = リクエスト数
vantage-outside = 外部
vantage-edge = エッジ
vantage-nginx = Nginx
vantage-host = ホスト
vantage-inside = コンテナ内
phase-baseline = 平常時
phase-all = 全期間
phase-after = 終息後
phase-incident = 障害時
on-edge = エッジ
on-nginx = Nginx
on-connect = 接続
on-header = ヘッダー待ち
on-body = 本文の読み取り
on-app = アプリケーション

# Vantages
vantages-empty = 対象のエンドポイントには、所要時間のあるプローブやログがありません。
vantages-axis = 所要時間 (左はリクエスト数、× 失敗、| 中央値)
vantages-strip = { $vantage }、{ $phase }: { $requests } 件{ $failed ->
    [0] {""}
   *[other] { " " }(失敗 { $failed } 件)
  }
vantages-alt = エンドポイント、観測点、時期ごとの所要時間。{ $strips }。
vantages-alt-strip = { $route } { $vantage } { $phase }: 中央値 { $median }、{ $requests } 件中 { $failed } 件失敗

# Time by layer
where-time-goes-empty = エッジのログにも Nginx のログにも所要時間がありません。
where-time-goes-title = 層ごとの平均時間 (左はリクエスト数)
where-time-goes-bar = { $route }、{ $phase }: { $requests } 件
where-time-goes-axis = 時間
where-time-goes-alt = 時間がかかっている場所。{ $bars }。
time-in-edge = エッジと Nginx までの経路
time-in-nginx = Nginx 内、およびクライアントへの送信
time-in-connect = アプリケーションへの接続
time-in-header = アプリケーションのヘッダー待ち
time-in-body = アプリケーションの本文の読み取り

# Requests in flight
in-flight-empty = リクエストの所要時間のあるログやプローブがありません。
in-flight-nginx-by-upstream = Nginx で処理中のリクエスト (アップストリーム別)
in-flight-nginx-by-route = Nginx で処理中のリクエスト (パス別)
in-flight-edge-by-upstream = エッジで処理中のリクエスト (アップストリーム別)
in-flight-edge-by-route = エッジで処理中のリクエスト (パス別)
in-flight-latency = { $route } のレイテンシー
in-flight-no-log = アクセスログもエッジのログもありません
in-flight-never-two = 同時に 2 件以上になった時点はありません
in-flight-no-load = プロセスのゲージ、アクセスログ、エッジのログがありません
in-flight-axis-with = 負荷: { $load }。× 失敗
in-flight-axis-before = 負荷: { $load }、{ $lag } 前。× 失敗
in-flight-axis-after = 負荷: { $load }、{ $lag } 後。× 失敗
in-flight-alt = 処理中のリクエスト数と { $route } のレイテンシー。アップストリーム別の最大数: { $peaks }。{ $conclusion }。
in-flight-alt-unknown = 処理中のリクエスト数と { $route } のレイテンシー。処理中のリクエスト数は不明です。{ $conclusion }。
load-in-process = プロセス内で処理中のリクエスト (対象自身を除く)
load-other-paths = 同じアップストリームで処理中の、ほかのパスのリクエスト
latency-load-constant = 負荷は { $load } で一定だが、レイテンシーは変化
latency-too-few = レイテンシーと負荷: サンプルが少なく比較不可
latency-apart = レイテンシーと負荷に相関なし (最大 ρ { $rho }、サンプル { $samples } 件)
latency-with = レイテンシーは負荷と同時に変化 (ρ { $rho }、サンプル { $samples } 件)
latency-follows = レイテンシーは負荷から { $lag } 遅れて変化 (ρ { $rho }、サンプル { $samples } 件)
latency-precedes = レイテンシーは負荷より { $lag } 早く変化 (ρ { $rho }、サンプル { $samples } 件)

# Timeline of a health page
health-timeline-empty = この期間には、プローブ、ログ、ホストのメトリクスがありません。
panel-probes = プローブ
panel-requests = { $layer }: 全リクエスト { $requests } 件
panel-requests-steps = { $layer }: 全リクエスト { $requests } 件、{ $step }ごと
panel-requests-untimed = { $layer }: 全リクエスト { $requests } 件 (所要時間なし)
panel-events = イベント
panel-events-without-nginx = イベント (Nginx のエラーログなし)
panel-events-without-app = イベント (アプリケーションのログなし)
panel-events-without-nginx-app = イベント (Nginx のエラーログとアプリケーションのログなし)
panel-host = ホスト
panel-host-metric = ホスト: { $metric }
metric-cpu-pct = CPU (%)
metric-in-flight = 処理中のリクエスト
metric-threads = スレッド数
metric-open-files = 開いているファイル
metric-rss-mb = メモリ (MB)
event-nginx = Nginx: { $kind } ({ $lines } 行)
event-app = アプリ: { $kind } ({ $lines } 行)
app-line-access = リクエスト
app-line-lifecycle = 起動・停止
app-line-application = メッセージ
app-line-error = エラー
requests-failed = 失敗
requests-slowest-failed = 最も遅い失敗
requests-succeeded = 成功
requests-affected = 影響あり
requests-others = その他
line-median = 中央値
line-main-process = メイン
absent-probes = プローブなし
absent-edge-log = エッジのログなし
absent-nginx-log = Nginx のログなし
absent-host-metrics = ホストのメトリクスなし
timeline-alt = タイムライン。{ $parts }。網掛けはインシデント、破線は変更です。
timeline-alt-probes = { $vantage }からのプローブ { $rows } 件 (失敗 { $failed } 件)
timeline-alt-requests = { $vantage } のリクエスト { $rows } 件 (失敗 { $failed } 件)
timeline-alt-error-log = Nginx のエラー { $rows } 行
timeline-alt-app-log = アプリケーションのログ { $rows } 件
timeline-alt-metrics = ホストのメトリクス { $metrics }

# Single requests
waterfall-empty = エッジのログにも Nginx のログにも、リクエストの所要時間がありません。
waterfall-axis = リクエスト開始からの時間 (リクエストの時刻は { $zone })
waterfall-alt = 個々のリクエストの層ごとの時間。{ $requests }。
waterfall-responded = { $after } 後に応答
request-slowest = 最も遅いリクエスト
request-typical = 典型的なリクエスト
layer-state-seen = 記録あり
layer-state-gave-up = タイムアウト
layer-state-not-seen = 記録なし
layer-state-not-asked = 未到達
layer-state-not-logged = ログなし
layer-note-no-timing = $request_time と $upstream_*_time が log_format にありません
layer-note-not-at-edge = エッジのログにありません
layer-note-no-edge-log = エッジのログがありません
layer-note-cache = キャッシュ { $status }
layer-note-not-at-nginx = Nginx のログにこのリクエストの記録がありません
layer-note-no-access-log = Nginx のアクセスログがありません
layer-note-joined = { $key } で対応付け
layer-note-nginx-responded = Nginx 自身が応答
layer-note-by-id = ID が一致
layer-note-by-time = 一致する唯一の記録
layer-note-by-nearest = 一致する { $candidates } 件のうち最も近い記録
layer-note-by-order = 一致する { $candidates } 件を順に対応付け (不確実)
layer-note-not-reached = リクエストが届いていません
layer-note-no-response = ログに応答がありません
layer-note-no-app-log = アプリケーションのログがありません

# Matrix
matrix-empty = ケースのテーブルからは、どの仮説の証拠も見つかりませんでした。
matrix-note = ▲ 支持   ▼ 反証   · 中立。重みは自然対数のオッズ
matrix-left-out = 重みの小さい { $checks } 項目は省略しています
matrix-alt = { $checks } 項目と { $causes } 件の仮説の表: { $parts }。
matrix-alt-cause = { $cause } ({ $id }) { $probability } (支持 { $supporting }、反証 { $contradicting }、中立 { $neutral })

strip-shaded = 網かけ: インシデントの期間
strip-more-changes = ほかの変更 { $changes } 件はタイムラインにあります

# Timeline of a backlog
backlog-timeline-empty = この期間には、キューの CloudWatch メトリクスがありません。
panel-per-step = { $title }、{ $step }ごと
panel-sent = 送信されたメッセージ数
panel-deleted = 処理されて削除されたメッセージ数
panel-visible = 待機中のメッセージ数 (可視)
panel-in-flight = 処理中のメッセージ数 (不可視)
panel-age-s = 最も古いメッセージの経過時間
panel-dlq-visible = デッドレターキューのメッセージ数
panel-invocations = 呼び出し回数
panel-failed = 失敗した試行の回数
panel-throttles = スロットリングされた呼び出し回数
panel-duration-avg-s = 呼び出しの実行時間 (平均)
panel-duration-max-s = 呼び出しの実行時間 (最長)
panel-cpu-pct = ホストの CPU (%)
absent-metric = このメトリクスのデータポイントなし
line-other-queues = ほかのキュー { $queues } 個
line-host = ホスト
backlog-alt = キューと関数のメトリクスのタイムライン。{ $queues }。網掛けはインシデントです。
backlog-alt-queue = { $queue }: 最大 { $peaks }
backlog-alt-visible = 待機 { $peak } 件
backlog-alt-age-s = 最も古いメッセージ { $peak }
backlog-alt-dlq-visible = デッドレターキュー { $peak } 件
backlog-alt-duration-max-s = 最長の実行時間 { $peak }
figure-button-home = 表示を元に戻す
figure-button-back = 前の表示に戻る
figure-button-forward = 次の表示に進む
figure-button-pan = ドラッグで移動
figure-button-zoom = 範囲をドラッグして拡大
figure-button-download = 図を保存
