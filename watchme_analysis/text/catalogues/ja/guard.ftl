### 自動再起動。

guard-cooling = まだ失敗していますが、前回の再起動から { $within } 経過していません。
guard-stopped = { $url } は 1 日に { $count } 回再起動しても失敗が続いています。これ以上は再起動しません。確認してください。
guard-evidence = 証拠を { $folder } に保存しました
guard-evidence-unsaved = { $folder } に証拠を保存できませんでした ({ $error })。再起動は続けます。
guard-check-unkept = チェックの結果を証拠用に保存できませんでした: { $error }
guard-plan = { $url } の再起動
guard-why = ヘルスチェックが { $count } 回連続で失敗したため再起動します。証拠: { $folder }
guard-verify = ヘルスチェックが成功するまで、最長 { $within } 待ちます。
guard-restart-failed = ヘルスチェックの失敗による { $url } の再起動は成功しませんでした。{ $why }
guard-restarted = ヘルスチェックの失敗により { $url } を再起動し、{ $took } 後に正常になりました。
guard-unnotified = 通知を送れませんでした: { $error }
guard-backtest = { $count ->
    [0] guard は再起動しませんでした
   *[other] guard は { $count } 回再起動していました
  }。チェック { $checks } 回のうち { $failed } 回が失敗し、失敗の合計は { $failing } です。
guard-backtest-avoided = 最初の再起動は { $first } です。再起動で原因が解消する場合は、そのうち { $avoided } を回避できます。解消しない場合は短縮されません。
guard-backtest-inside = { $count } 回の再起動の時点で、プロセスは内部からの要求に応答していました。原因はプロセスの外にあり、再起動では改善しません。
guard-backtest-stopped = { $time } に再起動をやめ、担当者に通知していました。
guard-backtest-no-queue = この時間帯のキューのメトリクスがケースにないため、再起動がメッセージに与えた影響は不明です。
guard-effect-unchanged = { $queue } の { $runs } 回のシミュレーションで、再起動しない場合: { $figures }
guard-effect-cured = 再起動により、チェックが示した障害が解消する場合: { $figures }
guard-effect-uncured = 再起動しても解消しない場合: { $figures }
guard-effect-figures = DLQ のメッセージ { $dead_lettered } 件、処理が失われたメッセージ { $lost } 件、最も古いメッセージの経過時間 { $peak_age }、遅延の続く時間 { $behind }。
guard-effect-differs = 注意: 再起動しない場合のシミュレーションで、{ $count } 個の値が記録と 2 割以上異なります。
