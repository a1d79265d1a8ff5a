### ヘルスチェックのページの表。

# Shared
part-of = { $whole } 件中 { $part } 件
requests-none = 行なし: リクエストもプローブも記録されていません。
column-vantage = 観測点
column-phase = 時期
column-requests = リクエスト数
column-layer = 層
column-setting = 設定
column-service = サービス
column-value = 値
column-source = 出典
column-status = ステータス
column-kind = 種類
column-upstream = アップストリーム
column-lines = 行数

# Baseline against incident
baseline-caption = 平常時 (インシデント以外の全期間) と障害時の比較
comparison-note = 遅延または失敗: 失敗したか、通常の所要時間の 2 倍を 0.5 秒以上超えたリクエストです。Cliff の δ: 障害時のすべてのリクエストがほかのすべてより長ければ +1、差がなければ 0 です。
comparison-timed = (所要時間あり { $baseline } → { $incident })
column-bad-baseline = 遅延または失敗 (平常時)
column-bad-incident = 遅延または失敗 (障害時)
column-of-these-failed = うち失敗
column-median-change = 中央値、平常時 → 障害時
column-p90-change = p90、平常時 → 障害時
column-ratio-of-medians = 中央値の比
column-cliffs-delta = 効果量 (Cliff の δ)

# Connections
by-connection-caption = 新規接続とキープアライブ接続の比較
by-connection-note = 新規接続には、ネットワーク、待ち受けキューの空き、接続を受け付けるプロセスが必要です。キープアライブ接続に必要なのは応答だけです。混雑時は新規接続が増えるため、新規接続の不良が多いだけでは判断できません。不明: 0.5 ミリ秒未満で接続したかキープアライブ接続で、アプリケーションのログに応答がないものです。
by-connection-none = 行なし: エッジのハンドシェイク、$connection_requests、$upstream_connect_time、アプリケーションのログのポートのいずれも記録されていません。
hop-to-nginx = Nginx まで
hop-to-app = Nginx からアプリケーションまで
column-connection = 接続
column-bad-over-new = 新規接続の遅延または失敗、平常時 → 障害時
column-bad-over-keep-alive = キープアライブの遅延または失敗、平常時 → 障害時
column-bad-over-unknown = 不明な接続の遅延または失敗、平常時 → 障害時
column-median-over-new = 新規接続の中央値、平常時 → 障害時
column-median-over-keep-alive = キープアライブの中央値、平常時 → 障害時

# Statuses and errors
statuses-caption = ステータス別の応答数、平常時 → 障害時
errors-caption = Nginx のエラーログ (種類別)
errors-none = 行なし: エラーログがありません。

# Layers
layer-times-caption = 各層がリクエストに加える平均時間
layer-times-none = 行なし: どちらのログにも所要時間がありません。Nginx の log_format に $request_time と $upstream_*_time を追加してください。
column-at-edge = エッジと Nginx までの経路
column-in-nginx = Nginx 内
column-connect = 接続
column-wait-for-header = ヘッダー待ち
column-read-body = 本文の読み取り
column-time-limit-passed = 時間制限を超過
layers-caption = 2 件のリクエストの層ごとの時間
layers-note = 時間は、最も外側の層でリクエストが始まった時点からのものです。
layers-none = 行なし: 所要時間のあるログがありません。
column-request = リクエスト
column-began = 開始
column-first-byte = 最初のバイト
column-ended = 終了

# Configuration
settings-caption = パスごとに有効な設定
settings-note = ≠: 一部のパスで異なります。location の定義: { $lines }。
settings-none = 行なし: Nginx の設定もエッジの設定もケースに含まれていません。
handlers-caption = ソースコードのハンドラー
handlers-note = ソースコードを読み取ったもので、実行はしていません。FastAPI では、`def` のハンドラーはプールのスレッド (既定は 40) の空きを待ち、イベントループをブロックする呼び出しはプロセスのすべてのハンドラーを止めます。Flask のハンドラーと Django の `def` のハンドラーは、レスポンスを返すまでサーバーのワーカーを占有します。
handler-not-analysed = 未分析
handlers-none = 行なし: アプリケーションのソースコードがケースに含まれていません。
handlers-more = ほか { $handlers } 個のハンドラーは、呼び出しがないか多すぎるため省略しています。テーブル app_handlers にあります。
column-route = ルート
column-written-as = 定義
column-runs-on = 実行場所
column-in-answer = 応答前にブロックしうる呼び出し
column-in-background = バックグラウンドの処理
processes-caption = プロセスとコンテナ
processes-note = 未設定: プログラムの既定値です。コンテナが異常と判定されるまでの時間は、障害の発生からの時間です。短いほうは各チェックがすぐに失敗する場合、長いほうは各チェックが時間制限いっぱいかかる場合です。
processes-none = 行なし: 起動コマンドも compose ファイルもケースに含まれていません。
setting-application = アプリケーション
setting-address = 待ち受けアドレス
setting-workers = ワーカー数
setting-connections = 同時接続数
setting-listen-backlog = 待ち受けキューの長さ
setting-keep-alive = キープアライブ (秒)
setting-open-files = 開けるファイル数
setting-command = コマンド
setting-network = ネットワーク
setting-ports = 公開ポート
setting-cpus = CPU 数
setting-memory = メモリ
setting-processes = プロセス数
setting-restart = 再起動
setting-health-check = ヘルスチェック
setting-check-interval = 間隔
setting-unhealthy-after = 異常と判定されるまで
setting-start-period = 起動猶予期間
setting-no-limit = 制限なし
setting-of-shell = シェルの設定値
setting-of-docker = Docker の既定値
setting-any-port = 任意
setting-unset = 未設定 ({ $default })
setting-memory-measured = { $limit } (実測の最大は { $used } MB)
setting-health-check-disabled = 無効
setting-health-check-none = 定義なし (イメージに定義されている可能性があります)
setting-health-check-of-image = イメージの定義
setting-check-interval-value = { $interval } ごと、上限 { $timeout }、連続 { $retries } 回
setting-unhealthy-after-value = 障害の発生から { $soonest } 〜 { $latest }
setting-start-period-value = { $period } (この間の失敗は数えません)
mark-change = { $change }
mark-change-by = { $change } (実行者: { $user })
mark-nginx-reload = Nginx のリロード
mark-nginx-startup = Nginx の起動
mark-nginx-shutdown = Nginx の停止
mark-application = アプリケーションの{ $state ->
    [stops] 停止
   *[starts] 起動
  }
mark-service = アプリケーション { $service } の{ $state ->
    [stops] 停止
   *[starts] 起動
  }
directive-served-by = location
directive-asks = アップストリームのアドレス
directive-as = アップストリームのパス
directive-not-followed = 解析していない設定
directive-server-block = server ブロック
directive-no-upstream = なし
directive-default = { $value } (Nginx の既定値)
directive-limit-key = { $key } ごと
directive-limit-zone = ゾーン { $zone }
directive-connections = { $key }に同時 { $connections } 接続まで
directive-rate = { $key }に毎秒 { $rate } 件、バースト { $burst } 件{ $how ->
    [refused] を超えると拒否
   *[delayed] までは待機
  }
call-said = { $call } ({ $where }で{ $kind }、{ $place })
call-limited = { $call } ({ $where }で{ $kind }、最大 { $limit } 秒、{ $place })
call-none-blocks = { $task }: ブロックする呼び出しなし
calls-more = ほか { $calls } 件 (app_calls)
call-kind-blocking-io = ブロックする I/O
call-kind-blocking-sleep = ブロックするスリープ
call-kind-blocking-file = ブロックするファイル処理
call-kind-cpu = CPU の計算
call-kind-lock = ロックの待機
call-context-event-loop = イベントループ
call-context-thread-pool = スレッドプール
call-context-process-pool = プロセスプール
call-context-worker = サーバーのワーカー
call-context-unknown = ソースからは不明なスレッド
status-no-answer = 応答なし
upstream-not-asked = 転送なし
