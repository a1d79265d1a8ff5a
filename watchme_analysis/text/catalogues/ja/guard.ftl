### 自動再起動。

guard-cooling = まだ失敗していますが、前回の再起動から { $within } 経過していません。
guard-stopped = { $url } は 1 日に { $count } 回再起動しても失敗が続いています。これ以上は再起動しません。確認してください。
guard-evidence = 証拠を { $folder } に保存しました
guard-restart-failed = { $command } による再起動が失敗しました: { $error }
guard-restarted = ヘルスチェックの失敗により { $url } を再起動し、{ $took } 後に正常になりました。
guard-not-healthy = { $url } を再起動しましたが、{ $within } 経っても正常になりません。
guard-unnotified = 通知を送れませんでした: { $error }
guard-backtest = { $count ->
    [0] guard は再起動しませんでした
   *[other] guard は { $count } 回再起動していました
  }。チェック { $checks } 回のうち { $failed } 回が失敗し、失敗の合計は { $failing } です。
guard-backtest-avoided = 最初の再起動は { $first } です。再起動で原因が解消する場合は、そのうち { $avoided } を回避できます。解消しない場合は何も変わりません。
guard-backtest-inside = { $count } 回の再起動の時点で、プロセスは内部からの要求に応答していました。原因はプロセスの外にあり、再起動では改善しません。
guard-backtest-stopped = { $time } に再起動をやめ、担当者に通知していました。
