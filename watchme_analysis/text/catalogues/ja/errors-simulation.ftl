### simulation のエラー。

error-simulate-no-arrivals = { $queue } はシミュレーションできません。ケースに 0 より大きい NumberOfMessagesSent がありません。キューのメトリクスを収集してください。
error-simulate-no-duration = { $queue } はシミュレーションできません。ケースに関数の Duration の平均がありません。統計 Average と Maximum でメトリクスを収集してください。
error-simulate-replications = 反復回数 { $number } では結果が得られません。1 以上を指定してください。
error-simulate-setting = シミュレーションの{ $setting ->
    [visibility_timeout_s] 可視性タイムアウト
    [retention_s] 保持期間
    [max_receive_count] DLQ までの受信回数
    [batch_size] バッチサイズ
    [start_batches] 開始時のバッチ数
    [max_concurrency] 最大同時実行数
    [reserved_concurrency] 予約済み同時実行数
    [throttle_retry_s] スロットリングされたバッチの再試行間隔
    [slots] API の同時処理数
    [check_interval_s] ヘルスチェックの間隔
    [mean_s] 平均処理時間
    [function_timeout_s] 関数のタイムアウト
   *[horizon_s] 期間
  }は 0 より大きくなければなりません ({ $value } は無効です)。設定を修正してください。
error-simulate-no-queue = ケース { $case } にはキューがないため、シミュレーションできません。先にキューのメトリクスをインポートまたは収集してください ({ $command })。{ $meanings }
error-simulate-unsorted = シミュレーションの到着が時刻順ではありません。並べ替えてください。
error-simulate-groups = メッセージ { $messages } 件に対してメッセージグループが { $groups } 個あります。すべてのメッセージに 1 つずつ指定するか、省略してください。
