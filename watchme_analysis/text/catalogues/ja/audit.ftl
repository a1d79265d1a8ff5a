### 設定の監査。

audit-rule = { $rule ->
    [visibility_timeout] 可視性タイムアウト
    [receive_count] デッドレターキューまでの受信回数
    [dlq] デッドレターキュー
    [dlq_retention] デッドレターキューの保持期間
    [redrive_allow_policy] 再処理許可ポリシー
    [concurrency] 最大同時実行数
    [timeout_chain] タイムアウト
    [partial_batch] 部分的なバッチレスポンス
    [alarm] アラーム
    [alarm_can_fire] アラームの発報可否
    [encryption] 暗号化
    [health_check] ヘルスチェック
    [restart_policy] 再起動ポリシー
    [workers] ワーカープロセス
   *[thread_pool] スレッドプール
  }
audit-status = { $status ->
    [change] 要変更
    [choice] トレードオフ
    [unknown] 不明
   *[ok] 適合
  }
audit-unknown = データにありません
audit-unset = 未設定
audit-time = { $value }
audit-at-least = { $value }以上
audit-above = { $value }より長く
audit-number = { $value }
audit-number-at-least = { $value } 以上
audit-receives-advised = AWS の推奨は { $value } 以上
audit-number-at-most = { $value } 以下
audit-name = { $value }
audit-names = { $values }
audit-code = { $value }
audit-visibility-below-timeout = タイムアウト { $timeout }の関数が処理している間にメッセージがキューに戻り、二重に処理されます。
audit-visibility-short = { $function } のスロットリングや再試行の途中でバッチがキューに戻り、受信回数が増えます。AWS は、関数のタイムアウト { $timeout } × 6 + バッチウィンドウ { $window }を推奨しています。
audit-receives-few = { $count } 回の受信では、失敗する処理の繰り返しが少なくなります。スロットリングされた受信も数えられるため、呼び出しが 1 回も失敗しなくてもデッドレターキューに移動することがあります。
audit-receives-few-after = 失敗するメッセージは { $count } 回 × { $visibility } = { $total }でデッドレターキューに移動し、処理の繰り返しが少なくなります。スロットリングされた受信も数えられるため、この長さのスロットリングでは正常なメッセージも移動します。
audit-dlq = デッドレターキュー
audit-dlq-missing = 失敗し続けるメッセージは保持期間が過ぎるまで繰り返し受信され、その後失われます。
audit-dlq-missing-after = 失敗し続けるメッセージは { $retention }繰り返し受信され、その後失われます。
audit-retention-short = 保持期間は最初の送信から数えられます。元のキューで最大 { $source }経過すると、再処理に使える時間は { $own }のうちわずかしか残りません。
audit-redrive-refused = デッドレターキューが { $queues } のメッセージを拒否するため、メッセージは期限切れになるまで元のキューに残ります。
audit-redrive-open = アカウント内のどのキューもデッドレターキューとして使用でき、ほかのメッセージが一緒に再処理されるおそれがあります。
audit-redrive-by-queue = byQueue: { $queues }
audit-reserved-alone = Lambda は { $reserved } 件の同時実行で処理できる量より多く受信します。残りはスロットリングされ、その受信回数もデッドレターキューへの移動に数えられます。
audit-most-above-reserved = Lambda は { $most } 件の同時実行分を受信しますが、実行できるのは { $reserved } 件です。残りはスロットリングされ、その受信回数もデッドレターキューへの移動に数えられます。
audit-batch-repeated = 1 件の失敗で最大 { $size } 件のバッチ全体が戻り、成功したメッセージも再び処理されます。
audit-unencrypted = メッセージの本文が平文で保存されます。
audit-alarm-on = { $metric } のアラーム
audit-alarm-missing = { $resource } の失敗や遅れが通知されません。
audit-alarm-silent = 有効なアクションがないため、通知されません。
audit-alarm-reachable = 失敗時に到達するしきい値
audit-edge-gives-up = エッジは { $edge }で打ち切りますが、Nginx は { $nginx }待ちます。クライアントにはエッジのエラーが返り、アプリケーションの処理は無駄になります。
audit-nginx-gives-up = Nginx は { $nginx }で 504 を返しますが、ハンドラーは自身の呼び出しを最大 { $call }待ち、スレッドを占有します。
audit-function-gives-up = API の { $path } が応答するかタイムアウトする { $api }より前に、関数が終了します。API が処理している間にメッセージがキューに戻ります。
audit-check = 間隔 { $interval }、タイムアウト { $timeout }、再試行 { $retries } 回
audit-check-soon = 間隔より短いタイムアウト
audit-check-missing = サービスがハングしても Docker は検知しません。
audit-check-slow = ハングしたサービスが unhealthy になるまで最大 { $latest }かかります。
audit-no-restart = 終了したプロセスは、手作業で起動するまで停止したままです。
audit-one-worker = 唯一のワーカーがブロックされると、ヘルスチェックを含むすべてのリクエストが待たされます。
audit-on-pool = スレッドプールで実行
audit-async-handler = async ハンドラー、またはブロッキング呼び出し専用のプール
audit-shared-pool = { $others } がすべてのスレッドを占有すると、空きを待ちます。
audit-verdict = 変更が必要な設定 { $change } 件、適合 { $ok } 件、データなし { $unknown } 件
audit-column-rule = 設定
audit-column-resource = リソース
audit-column-status = 状態
audit-column-current = 現在の値
audit-column-recommended = 推奨値
audit-consequence = 影響: { $text }
audit-source = 出典: { $url }
