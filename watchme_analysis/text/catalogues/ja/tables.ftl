### ページの表: 共通のキャプション、注記、見出し。

# Shared
table-times = { $caption } (時刻は { $zone })
table-nothing-recorded = 記録がありません。
table-more-rows = ほか { $rows } 行は省略しています。
cell-yes = はい
cell-no = いいえ

# The page itself
opened-caption = このページの対象
opened-question = 診断
opened-case = ケース
opened-window = 対象期間
opened-endpoint = エンドポイント
opened-queue = キュー
opened-folder = 保存先
opened-pulled = 収集結果
further-caption = このページのすべてのセクション (関数)
queries-caption = データを取得したログクエリ
queries-none = ログクエリはありません。ログはファイルから読み込んだか、存在しません。
bars-empty = 行がありません。
frame-query = 元になる行を返す SQL (フレームはこの行から計算)
frame-rows = { $rows } 行中 { $shown } 行
column-section = 関数
column-shows = 内容
column-query = クエリ
column-log-groups = ロググループ
column-scanned-gb = スキャン量 (GB)
column-cost-usd = 料金 (USD)
column-truncated = 打ち切り
column-usual-per-hour = 平常時の 1 時間あたり
column-incident-per-hour = インシデント中の 1 時間あたり
opened-no-font = 日本語フォント (fonts-noto-cjk など) がインストールされていないため、図のラベルは英語です。

explore-time = 期間
explore-section = セクション
explore-all = すべて
explore-opening = 選択した範囲を診断しています…

# Coverage
coverage-caption = 対象データ
coverage-uncounted = 元データに行数の記録がありません
coverage-cut-off = 打ち切り: { $note }
coverage-cut-off-more = 打ち切り: { $note }ほか { $more } 件。
losses-caption = 不足しているデータ
losses-none = 不足しているデータは見つかっていません。
losses-no-row = 行なし
losses-needed-by = 次の原因の評価に必要: { $causes }
losses-rejected = 除外された行: { $lines }
losses-kept = { $table } に保存
losses-cut-off = 行の打ち切り
losses-gap = { $lasted } の間、行なし
losses-between = { $start } 〜 { $end }
changes-caption = 変更
changes-none = この期間に記録された変更はありません。

# Headings
column-table = テーブル
column-rows = 行数
column-first = 最初
column-last = 最後
column-rejected-lines = 除外された行
column-notes = 補足
column-note = 補足
column-loss = 不足
column-detail = 詳細
column-mark = 記号
column-time = 時刻
column-change = 変更

# Requests followed through the layers
fates-caption = 各層を通して追跡したリクエスト
fates-note = 「確実に対応」は、ray ID またはリクエスト ID で、アプリケーションのログでは ID または唯一一致する記録で対応付けた件数です。それ以外は時刻が最も近い記録です。uvicorn は、応答前に接続が閉じられたリクエストの行を書きません。記録がない場合は、応答が間に合わなかった可能性があります。{ $clocks }
fates-none = 行なし: エッジにも Nginx にもリクエストの記録がありません。
fate-served = 正常に応答
fate-limited = Nginx の制限により拒否
fate-too-large = Nginx のサイズ上限を超過
fate-nginx-resources = Nginx のリソース不足
fate-nginx-responded = Nginx 自身が応答
fate-unresolved = アップストリームのアドレスを得られず
fate-tls-failed = アップストリームとの TLS に失敗
fate-refused = 接続拒否
fate-unreachable = アップストリームに到達不可
fate-connect-timeout = アップストリームに接続できず
fate-connection-dropped = アップストリームが接続を切断
fate-header-timeout = アップストリームから応答なし
fate-body-timeout = 応答が途中で停止
fate-upstream-gave-up = アップストリーム自身のゲートウェイエラー
fate-invalid-response = Nginx が処理できない応答
fate-unavailable = Nginx の背後から 503
fate-application-error = アプリケーションのエラー
fate-rejected = リクエストを拒否
fate-slow-connect = 遅延: 接続中
fate-slow-header = 遅延: 応答待ち
fate-slow-body = 遅延: 応答の読み取り中
fate-slow-nginx = 遅延: Nginx 内
fate-held-by-edge = 遅延: Nginx の手前
fate-edge-responded = エッジ自身が応答
fate-never-arrived = Nginx に届かず
fate-sent-elsewhere = 別のオリジンに送信
fate-edge-tls-failed = エッジと Nginx の間の TLS に失敗
fate-client-left = クライアントが切断
fate-unknown = 不明
column-endpoint = エンドポイント
column-fate = リクエストの結果
column-app-responses = アプリケーションの応答の記録
column-app-late = うちリクエスト終了後
column-baseline = 平常時
column-incident = 障害時
column-joined-surely = 確実に対応
column-example = 例
clocks-unknown = 各層の時計のずれは不明です。
clocks-known = 時計のずれは推定して補正しています。
clock-same = { $one } の時計は { $other } の時計と一致します (± { $margin }、リクエスト { $pairs } 件)。
clock-ahead = { $one } の時計は { $other } の時計より { $apart } 進んでいます (± { $margin }、リクエスト { $pairs } 件)。
clock-behind = { $one } の時計は { $other } の時計より { $apart } 遅れています (± { $margin }、リクエスト { $pairs } 件)。
