### インシデント全体に関する観測。

health-all-well = 長く遅延または失敗したエンドポイントはありません。遅延または失敗したのは、リクエストとプローブ { $total } 件中 { $bad } 件です。
health-no-harm = 長く失敗した、または制限時間の近くまで待たせたエンドポイントはありません。該当するのはリクエストとプローブ { $total } 件中 { $bad } 件です。
health-no-requests = 遅延や失敗を判定できるリクエストやプローブがデータにありません。

cause-text = { $text }
health-not-collected = { $table } がないため、{ $what }は確認できませんでした。
health-pool-threads = { $threads } 本のワーカースレッドが同じ呼び出しで止まり、メインスレッドがアイドル
health-pool-threads-unknown = { $name } という名前のすべてのスレッドが同じ呼び出しで止まり、メインスレッドがアイドル
health-pool-workers = すべてのワーカープロセスが同じ呼び出しで停止している状態

# Names of checks
check-incident = インシデント
check-vantages = 観測地点の比較
check-host-and-inside = ホストとコンテナ内の比較
check-paths = パス
check-onset = 発生時点
check-edge = エッジ
check-way-to-the-edge = エッジまでの経路
check-edge-configuration = エッジの設定
check-nginx = Nginx
check-nginx-errors = Nginx のエラー
check-upstream = アップストリーム
check-upstream-connections = アップストリームへの接続
check-replicas = レプリカ
check-nginx-configuration = Nginx の設定
check-connect = 接続
check-body = ボディ
check-handlers = ハンドラー
check-rhythm = 応答のリズム
check-known-lines = 既知のログ行
check-log = ログ
check-threads = スレッド
check-server = サーバー
check-workers = ワーカー
check-in-flight = 処理中のリクエスト
check-cpu = CPU
check-host-cpu = ホストの CPU
check-descriptors = ファイルディスクリプター
check-connections = 接続プール
check-memory = メモリ
check-container-probes = コンテナのプローブ
check-restarts = 再起動
check-arrivals = 到着数
check-dependency = 依存先
check-dependency-log = 依存先のログ
check-lifecycle = 起動と終了
check-listening = 待ち受け
check-samples = メトリクスの取得
check-disk = ディスク
check-source = ソースコード
check-ports = ポート
check-networks = ネットワーク
check-start-command = 起動コマンド
