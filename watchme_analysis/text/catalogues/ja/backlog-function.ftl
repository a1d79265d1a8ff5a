### 関数、その同時実行数、関数が呼び出す API、処理に失敗したメッセージに関する観測。

# Concurrency
backlog-throttled = { $since } 以降、{ $function } への配信が { $deliveries } 回スロットリングされました (全試行の { $share })。
backlog-not-throttled = { $function } への配信にスロットリングはありません。
backlog-reserved-concurrency-low = { $function } の予約された同時実行数は { $reserved } ですが、ポーラーは一度に 5 件以上の実行を要求します。

# Invocations
backlog-invocations-succeed = { $attempts ->
    [messages] { $function } では、メッセージ { $tried } 件中 { $failed } 件の処理が失敗しました。失敗は期間全体に散らばっています。
   *[invocations] { $function } の呼び出し { $tried } 回中 { $failed } 回が失敗しました。失敗は期間全体に散らばっています。
  }
backlog-failures = { $attempts ->
    [messages] { $span } の間に、{ $function } ではメッセージ { $tried } 件中 { $failed } 件 ({ $share }) の処理が失敗しました。
   *[invocations] { $span } の間に、{ $function } の呼び出し { $tried } 回中 { $failed } 回 ({ $share }) が失敗しました。
  }{ $elsewhere ->
    [some] それ以外の時間帯の失敗率は { $usual } です。
   *[none] {""}
  }
backlog-errors = { $kind ->
    [receipt] { $function } のログのエラー { $total } 件中 { $errors } 件は、メッセージを削除または延長する前に可視性タイムアウトが過ぎたことを示しています (例: { $example })。
    [function] { $function } のログのエラー { $total } 件中 { $errors } 件は、{ $function } 自体の障害です (例: { $example })。
    [unreachable] { $function } のログのエラー { $total } 件中 { $errors } 件は、API が応答しないことを示しています (接続拒否、502、503。例: { $example })。
    [server-error] { $function } のログのエラー { $total } 件中 { $errors } 件は、API の内部エラー (500) です (例: { $example })。
    [overload] { $function } のログのエラー { $total } 件中 { $errors } 件は、API がリクエストを減らすよう求めたものです (例: { $example })。
    [timeout] { $function } のログのエラー { $total } 件中 { $errors } 件はタイムアウトです (例: { $example })。
    [message] { $function } のログのエラー { $total } 件中 { $errors } 件は、メッセージ自体に関するものです (4xx、解析不能。例: { $example })。
   *[code-or-message] { $function } のログのエラー { $total } 件中 { $errors } 件は、コードとメッセージのどちらかに原因があります (例: { $example })。
  }
backlog-error-quoted = { $error }
backlog-errors-in-all-code = { $function } のログのエラー { $total } 件中 { $errors } 件はコードのエラーで、メッセージの内容にかかわらず発生しています。
backlog-invocations-at-timeout = 失敗が続いている間、{ $function } の呼び出しの実行時間は { $during } (中央値) でした。失敗した呼び出しの { $share } が関数のタイムアウトに達しました。
backlog-invocations-longer = 失敗が続いている間、{ $function } の呼び出しの実行時間は { $during } (中央値) で、以前 ({ $before }) の { $ratio } 倍でした。
backlog-invocations-short = 失敗が続いている間、{ $function } の呼び出しの実行時間は { $during } (中央値) でした。以前は { $before } で、現在は開始直後に終了しています。
backlog-invocations-as-long = 失敗が続いている間、{ $function } の呼び出しの実行時間は { $during } (中央値) で、以前 ({ $before }) とほぼ同じでした。
backlog-timeout-lowered = { $function } の呼び出しは、失敗が始まる前は { $before } (中央値) かかっていました。現在の設定の上限は { $limit } です。タイムアウトが短縮されています。
backlog-memory-lowered = { $function } のメモリは、{ $time } より前の最後の呼び出しでは { $before_mb } MB、それ以降は { $after_mb } MB です。Lambda の CPU はメモリに比例して割り当てられます。以前 { $before } (中央値) だった呼び出しは、現在 { $during } かかるか、タイムアウトで終了しています。
backlog-last-lines = タイムアウトした { $function } の呼び出しのうち、ログのある { $invocations } 回を確認しました。最後の行が API の呼び出しだったのは { $calling } 回、そこに到達しなかったのは { $before } 回です。
backlog-unchanged-and-ran-well = { $attempts ->
    [messages] { $function } の設定が最後に変更されたのは { $time } です。その後、失敗が始まるまでに { $succeeded } 件のメッセージが正常に処理されています。
   *[invocations] { $function } の設定が最後に変更されたのは { $time } です。その後、失敗が始まるまでに { $succeeded } 回の呼び出しが成功しています。
  }
backlog-ended-by-change = 失敗は { $end } までに収まりました。{ $time } に関数が再び変更されています。
backlog-ended-by-itself = 失敗は { $end } までに収まりました。その間、関数は変更されていません。

# API
backlog-duration-drifts = { $function } の実行時間は { $lasted } かけて { $before } から { $after } へ徐々に上昇しました。
backlog-duration-steps = { $function } の実行時間は { $lasted } の間に上昇し、そのうち { $share } は 10 分の 1 の時間に集中しています。徐々にではなく、急に上昇しています。
backlog-duration-steady = { $function } の実行時間に、長時間かけた上昇は見られません。
backlog-durations-compared = { $function } の呼び出しの実行時間は { $since } 以降 { $during } (中央値) です (以前は { $before })。
backlog-more-messages-each = 1 回の呼び出しで処理するメッセージは以前の { $ratio } 倍です。
backlog-no-more-failures = 失敗は通常より増えていません。
backlog-failures-unknown = 失敗が増えたかどうかは、データからは分かりません。
backlog-host-running = { $function } の呼び出しが失敗している間も、API のホストの CPU 使用率は記録されています。
backlog-host-silent = { $function } の呼び出しが失敗している間、{ $since } 以降は API のホストの CPU 使用率が記録されていません。

# Messages
backlog-messages-pass-later = 失敗した試行 { $failed } 回のうち { $spent } 回は、DLQ の { $dead } 件のメッセージによるものです。一度失敗したメッセージが次も失敗するとは限りません。
backlog-only-these-messages-fail = { $attempts ->
    [messages] 失敗した試行 { $failed } 回のうち { $spent } 回は、DLQ の { $dead } 件のメッセージによるものです。その間、{ $function } はほかのメッセージ { $passed } 件を正常に処理しています。
   *[invocations] 失敗した試行 { $failed } 回のうち { $spent } 回は、DLQ の { $dead } 件のメッセージによるものです。その間、ほかのメッセージに対する { $function } の呼び出しは { $passed } 回成功しています。
  }
backlog-only-added-messages-fail = { $attempts ->
    [messages] メッセージの失敗は、到着数が通常より増えた { $since } に始まりました。その後、{ $function } はメッセージの { $share } を正常に処理しています。
   *[invocations] メッセージの失敗は、到着数が通常より増えた { $since } に始まりました。その後、{ $function } の呼び出しの { $share } が成功しています。
  }
backlog-items = { $queue } の DLQ メッセージ { $total } 件中 { $dead } 件 ({ $share }) は{ $unit } { $item } のもので、残りはほかの { $others } 件の{ $unit }のものです。
backlog-item-dead = DLQ メッセージ { $total } 件中 { $dead } 件が{ $unit } { $item } のものです。
backlog-item-dead-since = DLQ メッセージ { $total } 件中 { $dead } 件が{ $unit } { $item } のものです (最初の送信は { $since })。
backlog-group-held-up = { $since } 以降、{ $queue } ではメッセージが待機している間に { $failed } 回の試行が失敗しました。メッセージ 1 件の最大受信数は { $receives } 回です。その間、FIFO キューは同じグループのほかのメッセージを配信しません。
