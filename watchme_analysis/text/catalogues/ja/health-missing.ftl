### ヘルスチェックの診断で次に収集すべきデータとその方法。

missing-inside-probes-what = コンテナ内からのプローブ
missing-inside-probes-why = アプリケーションの停止と、その手前の問題を区別できます。
missing-outside-probes-what = エッジを経由した外部からのプローブ
missing-outside-probes-why = 呼び出し元が受け取る応答とその時刻が分かります。
missing-host-probes-what = Nginx を経由しない、ホストからのプローブ
missing-host-probes-why = コンテナのネットワークと、Nginx やエッジの問題を区別できます。
missing-access-log-what = アップストリームの所要時間を含む Nginx のアクセスログ
missing-access-log-why = 各リクエストの時間がどの層でかかっているかが分かります。
missing-access-log-times-what = Nginx のアクセスログへのアップストリームの所要時間とアドレスの記録
missing-access-log-times-why = 現在のログ形式には所要時間がなく、接続、待機、読み取りを区別できません。
missing-edge-requests-what = エッジのリクエストログ
missing-edge-requests-why = Nginx が正常に応答したリクエストを、エッジが待たせたか拒否したかが分かります。
missing-targets-what = ターゲットの正常性とヘルスチェックの設定
missing-targets-why = ターゲットが除外された理由とヘルスチェックの待ち時間が分かります。
missing-nginx-errors-what = Nginx のエラーログ
missing-nginx-errors-why = 接続時の問題とヘッダー待ちの問題を区別でき、制限の適用も分かります。
missing-nginx-configuration-what = Nginx の設定
missing-nginx-configuration-why = エンドポイントのロケーションがほかと異なる点が分かります。
missing-edge-configuration-what = エッジの設定
missing-edge-configuration-why = エンドポイントに適用されるキャッシュ、ルール、制限が分かります。
missing-metrics-what = プロセスの CPU、スレッド数、処理中リクエスト数、オープンファイル数と、ホストの CPU (1 秒ごと)
missing-metrics-why = スレッドプールの枯渇、CPU 不足、ファイルディスクリプターの枯渇と、イベントループのブロックを区別できます。
missing-application-log-what = ミリ秒を含むアプリケーションのログ
missing-application-log-why = 無応答と集中応答からイベントループのブロックが、エラーからリソースの枯渇が分かります。
missing-source-what = アプリケーションのソースコード
missing-source-why = イベントループで動くハンドラーと、そこでブロックする呼び出しが分かります。
missing-stacks-what = リクエストが待たされている間のプロセスのスタック
missing-stacks-why = イベントループ上の次の呼び出しがブロックするかどうかは不明です: { $calls }。
missing-start-command-what = 起動コマンド
missing-start-command-why = ワーカー数、接続数の上限、待ち受けアドレスが分かります。
missing-containers-what = コンテナの設定
missing-containers-why = ネットワーク、公開ポート、上限、ヘルスチェックが unhealthy と判定する条件が分かります。

# Commands to paste; lines that begin with # say where to run the rest
collect-on-host =
    # ホストで実行
    { $commands }
collect-timed-access-log =
    # nginx.conf の http ブロックに追加し、次を実行: { $reload }
    { $configuration }
    # 異常を 10 分間記録した後に実行: { $copy }
collect-error-log =
    { $commands }
    # ログレベルは warn 以下にしてください: { $setting }
collect-edge-log =
    # 1 回の呼び出しで取得できるのは最大 1 時間分です
    { $commands }
    # ログの保持が無効な場合は、同じフィールドの Logpush ジョブ (http_requests) でも取得できます。
    # どちらも Cloudflare の Enterprise ゾーンだけで利用できます。ない場合は、エッジ経由と直接の両方でプローブを実行してください。
collect-process-metrics =
    # ホストで root として実行。Ctrl-C で終了
    { $commands }
collect-application-source =
    # /app はコンテナ内のソースのフォルダーです。確認方法: { $where }
    { $commands }
    # 停止している間は、スレッドのスタックからも確認できます: { $stacks }
missing-unread-what = 読み取れなかったファイル { $file }
missing-unread-why = このファイルの内容はケースに含まれていません: { $reason }。
missing-unread-how =
    # { $file } を修復するか、もう一度収集
    { $commands }
missing-unread-how-from-aws =
    # { $file } を修復するか、もう一度収集
    { $commands }
    # または AWS からすべてを収集し直す
    { $pull }
