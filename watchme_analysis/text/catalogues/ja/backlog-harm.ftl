### すべてのキューのメッセージへの影響の有無。

backlog-harmed = { $queues } 個のキューのうち { $affected } 個に異常があります。最も影響が大きいのは { $worst } です: { $kinds }。
backlog-harm-dead-letters = DLQ への移動
backlog-harm-failures = 失敗
backlog-harm-slow = 呼び出しの遅延
backlog-harm-backlog = メッセージの滞留
backlog-harm-starved = 受信されないまま待機したメッセージ
backlog-harm-throttles = スロットリング
backlog-harm-redelivery = 再配信
backlog-harm-hidden = 呼び出しのない処理中 (in flight) メッセージ
backlog-harm-creeping = 実行時間の上昇
backlog-harm-lost = メッセージの消失
backlog-harm-taken-elsewhere = 呼び出しを伴わない受信
backlog-no-harm = { $queues } 個のキューで、処理の遅延、重複、消失はなく、失敗の増加もありません。確認したメトリクス: { $metrics }。
backlog-metrics-of-work-missing = メトリクス { $metrics } がそろっていないキューがあります。そこに異常が隠れている可能性があります。
backlog-received-again = { $queue } のメッセージの受信回数は { $received } 回です。送信されたのは { $sent } 件、失敗またはスロットリングされた呼び出しは { $explained } 回です。関数が失敗したメッセージを報告する設定かどうかは不明です。
backlog-slower-without-harm = { $span } の間、{ $function } の呼び出しに通常の数倍の時間がかかりました。このために失敗または待機したメッセージはありません。
backlog-daily-peak = { $queue } には毎日同じ時刻にメッセージが滞留しますが、自然に解消しています。
backlog-sporadic-dead-letters = { $queue } のメッセージ { $sent } 件中 { $dead } 件 ({ $share }) はすべての試行で失敗しました。失敗は散発的で、特定の時間帯には集中していません。個々のメッセージの問題です。
backlog-dead-letters-close-together = { $beyond ->
    [more-than-99-of-100] DLQ に移動した { $queue } のメッセージ ({ $sent } 件中 { $dead } 件) は、無作為な標本 100 組中 99 組よりも時間的に集中しています。個々のメッセージの問題だけではない可能性があります。
   *[more-than-9-of-10] DLQ に移動した { $queue } のメッセージ ({ $sent } 件中 { $dead } 件) は、無作為な標本 10 組中 9 組よりも時間的に集中しています。個々のメッセージの問題だけではない可能性があります。
  }
