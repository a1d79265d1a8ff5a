### Nginx のログと設定から分かる、リクエストに対する Nginx の動作。


# Kinds of lines in Nginx's error log
nginx-error-upstream-timeout-connect = 接続時のタイムアウト
nginx-error-upstream-timeout-header = 応答ヘッダー待ちのタイムアウト
nginx-error-upstream-timeout-body = 応答ボディ読み取り時のタイムアウト
nginx-error-upstream-queue-full = アップストリームのソケットが満杯
nginx-error-upstream-refused = 接続拒否
nginx-error-upstream-unreachable = ホスト到達不可
nginx-error-upstream-reset = 接続リセット
nginx-error-upstream-closed = 応答前の切断
nginx-error-limit-req = リクエストレートの制限
nginx-error-limit-conn = 接続数の制限
nginx-error-no-live-upstream = 有効なアップストリームなし
nginx-error-worker-connections = worker_connections の不足
nginx-error-open-files = ファイルディスクリプターの不足
nginx-error-resolver = アップストリームの名前解決の失敗
nginx-error-upstream-timeout-send = リクエスト送信のタイムアウト
nginx-error-upstream-invalid = 不正な応答
nginx-error-upstream-disabled = アップストリームの一時停止
nginx-error-buffering-to-disk = ディスクへのバッファリング
nginx-error-disk-full = ディスク容量不足
nginx-error-request-too-large = リクエスト過大
nginx-error-denied = アクセス拒否
nginx-error-missing-file = ファイルなし
nginx-error-client-invalid = 不正なリクエスト
nginx-error-client-closed = クライアントによる切断
nginx-error-worker-crash = ワーカーの異常終了
nginx-error-tls = TLS エラー
nginx-error-configuration = 設定エラー
nginx-error-reload = リロード
nginx-error-startup = 起動
nginx-error-shutdown = 停止
nginx-error-other = その他
nginx-location = ロケーション { $location }
nginx-location-of = { $paths } のロケーション

# Observations
health-nginx-passes-on = 遅延または失敗したリクエスト { $bad } 件のうち { $passed } 件を、Nginx は通常のアップストリーム { $services } に転送し、応答を待っていました。
health-nginx-alone-by-app-log = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $refused } 件に、Nginx は { $statuses } を返しました。同じ時間帯にアプリケーションが記録した応答 { $logged } 件のうち、このステータスは { $same } 件です。
health-nginx-alone-detail = Nginx は { $place } で自ら { $statuses } を返しています。
health-moved-upstream = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $moved } 件は、{ $usual } ではなく、一度も正常に応答していない { $address } に送られました。
health-moved-upstream-detail = Nginx は { $place } のリクエストを { $address } に転送しています。ほかのパスはこのアドレスを使っておらず、正常な応答もありません。
health-moved-upstream-errors = { $address } に関するエラー { $total } 件のうち { $errors } 件は{ $kind }です。
health-moved-upstream-status = 応答 { $total } 件のうち { $responses } 件はステータス { $status } です。
health-moved-upstream-by-errors = { $paths } のエラー { $total } 件のうち { $errors } 件は { $address } に関するものです ({ $kind })。ほかのパスは { $usual } に転送されています。
health-moved-upstream-by-errors-detail = Nginx は { $place } のリクエストを、ほかのパスが使っていない { $address } に転送しています (エラー { $errors } 件: { $kind })。
health-nginx-impatient = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $ended } 件は、Nginx が { $cut } でタイムアウトしました。このエンドポイントは正常時でも最長 { $needs } かかります。
health-nginx-impatient-detail = Nginx の { $place } のタイムアウトは { $cut } ですが、エンドポイントは最長 { $needs } かかります。
health-nginx-sets = 設定は { $setting } です。
health-nginx-mangles = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $refused } 件に対し、アプリケーションは Nginx が転送したリクエストに { $status } を返しました。
health-nginx-mangles-detail = Nginx が { $place } で転送するリクエストに、アプリケーションは { $status } を返しています。
health-nginx-renames = アプリケーションは、それまで要求されたことのない { $path } などのパスに { $times } 回 { $status } を返しました。Nginx には { $paths } への { $status } の応答が { $logged } 件記録されています。
health-nginx-renames-detail = Nginx は { $place } のリクエストを { $path } として転送し、アプリケーションはこれに { $status } を返しています。
health-nginx-unaccepted = Nginx のエラーログに { $lines } 行の記録があります ({ $span }): { $kind }。Nginx が受け付けなかった接続は、アクセスログに残りません。
health-nginx-short-of = Nginx のエラーログに { $lines } 行の記録があります: { $kind }。
health-nginx-short-of-detail = Nginx が報告している問題: { $kind }。
health-nginx-limits-detail = Nginx の { $place } で制限が { $times } 回適用されました ({ $kind })。
health-fate-tls-failed-detail = Nginx は { $place } でアップストリームに TLS で接続しており、ハンドシェイクが { $times } 回失敗しました。
health-header-too-big = アプリケーションは { $paths } に応答しましたが、ヘッダーがバッファに収まらず、Nginx は応答を { $lost } 件破棄しました。
health-header-too-big-detail = Nginx の { $place } のバッファは、アプリケーションの応答ヘッダーより小さいです。
health-dead-server = { $paths } のアップストリームエラー { $total } 件のうち { $errors } 件は { $address } に関するものです ({ $kind })。このパスは { $usual } が正常に処理していますが、{ $address } は一度も正常に応答していません。
health-dead-server-detail = Nginx は同じパスに { $usual } のほか { $address } も使っていますが、{ $address } は一度も正常に応答していません ({ $kind })。
health-stale-address = プロセスは { $at } に起動し、その後終了していません。一方、以前は応答していた { $address } への接続が { $failed } 件失敗しました。
health-stale-address-container = 以前は応答していた { $address } への接続 { $failed } 件が失敗しましたが、その名前のコンテナは { $runs_at } で動作しています。
health-stale-address-moved = その後のリクエストは { $usual } が処理しました。
health-stale-address-detail = Nginx ({ $place }) は、コンテナが作り直される前のアップストリームのアドレス { $address } に接続しようとしています (失敗した接続 { $failed } 件)。
health-one-replica = { $failing } へのリクエスト { $requests } 件のうち { $bad } 件が遅延または失敗しました。同じルートを処理する他のサーバー ({ $others }) へのリクエストは { $of_others } 件のうち { $well } 件が正常でした。
health-one-replica-by-lines = サーバーがわかる、遅延または失敗したリクエスト { $bad } 件は、すべて { $failing } で失敗しました。同じルートを処理する他のサーバー ({ $others }) はエラーログになく、その間に { $well } 件のリクエストが正常に処理されました。
health-server-down = Nginx が { $path } を転送するアップストリームで、{ $servers } に { $mark } が指定されています。
health-server-down-others = 残りのサーバー { $left } は応答していません。
health-nginx-rule = Nginx の設定では、{ $paths } の扱いが正常だったパスと異なります。
health-nginx-plain = Nginx の設定では、{ $paths } の扱いは正常だったパスと同じです。
health-no-limit-in-force = { $paths } に適用される Nginx の制限や `return` はありません。503 の応答 { $count } 件は Nginx の後段が返したものです。
health-rule-nginx-location = Nginx のロケーション { $location } では { $settings } が設定されています。

health-wrong-port = { $paths } への接続 { $errors } 件が { $address } で拒否されました。起動コマンドによると、プロセスは { $listens } で待ち受けています。

health-wrong-port-detail = Nginx は { $place } のリクエストを、待ち受けのない { $address } に転送しています。プロセスは { $listens } で待ち受けています。
check-upstream-port = アップストリームのポート
health-keepalive-race = 遅延または失敗したリクエスト { $bad } 件のうち { $dropped } 件は、アップストリームが応答せずに接続を閉じました。Nginx はアイドル接続を { $kept } 保持しますが、アップストリームは { $closed } で閉じます。プロセスは終了していません。
health-keepalive-race-detail = Nginx はアップストリームへのアイドル接続を { $kept } 保持しますが、アップストリームは { $closed } で閉じます。その瞬間に送信されたリクエストは破棄されます。
