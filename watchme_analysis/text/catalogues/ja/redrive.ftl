### 再処理: 送信し、処理を確認し、DLQ から削除し、照合します。

redrive-refused = 何も送信していません: { $why }
redrive-stopped = 再処理を停止しました: { $why }
redrive-complete-created = { $count } 件のメッセージをすべて処理しました。
redrive-audit-created = 処理を確認: { $count } 件
redrive-plan-undo-created = 取り消し: 送信したメッセージは取り消せません。
redrive-complete = { $count } 件のメッセージをすべて処理しました。DLQ には残っていません。
redrive-incomplete = { $count } 件のメッセージが完了していません。理由は照合結果に示します。
redrive-other-dlq = { $dlq } は現在 { $queue } の DLQ ではありません。キューの情報を新しいケースに取得し直してください。
redrive-no-consumer = { $queue } には有効なイベントソースマッピングがないため、メッセージは処理されません。先にマッピングを有効にしてください。
redrive-call-failed = { $error } 同じコマンドで残りを続行できます。
redrive-failed = 関数がメッセージ { $message } の処理に失敗しました: { $error } 原因を修正してください。同じコマンドで残りを続行できます。
redrive-not-seen = メッセージ { $message } が処理されたことを、ログ { $log } で { $within } 以内に確認できませんでした。キューとログを確認してから、コマンドを再実行してください。
redrive-not-stated = メッセージ { $message } の呼び出しはエラーなしで終了しましたが、処理が完了したことを示す行がログ { $log } にありません。処理の後に ID と「processed」などの語を記録するか、watchme.toml の [log_words] の done に語を追加してください。メッセージは DLQ にあり、--retry-unconfirmed を指定した場合にのみ再送信します。
redrive-in-queue = ログにはメッセージ { $message } が処理されたとありますが、関数が失敗として報告した可能性があります。マッピングに ReportBatchItemFailures が設定されており、その後 { $queue } が空になっていません。メッセージは DLQ にあります。しばらくしてからコマンドを再実行してください。もう一度確認し、二重に送信することはありません。
redrive-came-back = メッセージ { $message } は、エラーのない呼び出しの後に再び受信されたか、DLQ に戻りました。関数が失敗として報告したか、可視性タイムアウトより長くかかっています。修正してください。同じコマンドで残りを続行できます。
redrive-no-dlq = { $queue } には DLQ がないため、メッセージがまだあるかどうかを確認できません。
redrive-confirming = { $count } 件のメッセージの処理を確認しています。{ $quiet } の間、再び受信されないことを確認します。
redrive-hidden = メッセージ { $count } 件を現在受信できません。中断された実行またはほかの受信者が処理中か、すでに DLQ にありません。最長 { $within } 待機します。
redrive-first-processed = 最初のメッセージが処理されました。残りを送信します。
redrive-progress = { $count } 件中 { $sent } 件を送信しました
redrive-event-sent = メッセージ { $message } を送信元のキューに送信しました。
redrive-event-rejected = SQS がメッセージ { $message } を拒否しました。
redrive-event-processed = メッセージ { $message } が処理されました。
redrive-event-failed = 関数がメッセージ { $message } の処理に失敗しました。
redrive-event-deleted = 処理の確認後、メッセージ { $message } を DLQ から削除しました。
redrive-event-gone = メッセージ { $message } は処理済みで、DLQ にはすでにありませんでした。
redrive-plan-title = { $queue } へのメッセージ { $count } 件の再処理
redrive-plan-left-out = DLQ のメッセージ { $count } 件は対象外で、DLQ に残ります。
redrive-plan-place = キュー { $queue } のアカウントは { $account }、リージョンは { $region } です。
redrive-plan-earlier = ジャーナルによると、以前の実行で { $count } 件を送信済みです。ログで処理を確認できたものは削除し、再送信しません。
redrive-plan-again = リスク: 以前に送信し、処理を確認できていないメッセージを再送信します。二重に処理される可能性があります。
redrive-plan-same-work = { $count } 件のメッセージは { $keys } の値が別のメッセージと同じです。送信せず、DLQ に残します。
redrive-plan-may-have-run = リスク: { $count } 件のメッセージは処理済みの可能性があります。重複して処理しても問題がないか確認してください。
redrive-plan-hold = 1. DLQ のメッセージを受信し、終了まで { $visibility } ずつ、ほかから見えなくします。受信回数は 1 増えます。{ $archived ->
    [yes] DLQ にないメッセージはアーカイブから送信します。
   *[no] DLQ にないメッセージは送信しません。
  }
redrive-plan-first-unknown = 2. 1 件を送信します。関数のログがその ID の処理完了を示し、可視性タイムアウトの 2 倍の間に再び受信されなければ、処理済みとみなします。そうでない場合は停止します。
redrive-plan-first = 2. 1 件を送信します。関数のログが { $within } 以内にその ID の処理完了を示し、{ $quiet } の間に再び受信されなければ、処理済みとみなします。そうでない場合は停止します。
redrive-plan-rest = 3. 残りを毎秒 { $rate } 件で送信します (所要時間 { $duration })。失敗が 1 件でもあれば停止します。
redrive-plan-delete = 4. このように処理を確認できたメッセージを DLQ から削除し、それ以外は再び見えるようにします。
redrive-plan-cost = 費用: SQS へのリクエスト約 { $count } 件。FilterLogEvents によるログの読み取りは無料です。
redrive-plan-undo = 取り消し: 送信したメッセージは取り消せません。処理されるまで、元のメッセージは DLQ に残ります。
redrive-audit-deleted = 処理を確認し、DLQ から削除: { $count } 件
redrive-audit-gone = 処理済み。DLQ にはすでにありませんでした (期限切れ、またはほかの人による削除): { $count } 件
redrive-audit-processed = 処理済みで、DLQ から削除できていないもの (コマンドを再実行してください): { $count } 件
redrive-audit-unproven = ジャーナルにのみ処理済みと記録があり、ログでは確認できないもの (ご自身のジャーナルでない場合は、--journal で別のファイルを指定してください): { $count } 件
redrive-audit-failed = 処理に失敗: { $count } 件
redrive-audit-sent = 送信済み・未確認 (処理されたことを確認できません。DLQ から削除していません): { $count } 件
redrive-audit-unconfirmed = 送信の成否が不明 (実行の中断または接続の切断): { $count } 件
redrive-audit-rejected = SQS が拒否: { $count } 件
redrive-audit-not-sent = 未送信: { $count } 件
redrive-audit-hidden = 未送信 (DLQ の件数が受信できた件数より多く、ほかの受信者が処理中です。しばらくしてから同じコマンドを再実行してください): { $count } 件
redrive-audit-not-received = 未送信 (DLQ から受信できませんでした。削除または移動されたか、ほかの受信者が処理中です): { $count } 件
redrive-audit-sent-again = 2 回以上送信した、または送信した可能性のあるもの: { $count } 件
redrive-audit-rate = 送信の速さ: 最大で毎秒 { $rate } 件
redrive-audit-returned = 送信したコピーで、DLQ に戻ったもの: { $count } 件
redrive-audit-excluded = 対象外 (理由は --apply なしの一覧に表示): { $count } 件
redrive-audit-new = DLQ にあり、ケースにないもの: { $count } 件
redrive-audit-dlq = 現在の DLQ のメッセージ: { $count } 件
redrive-audit-unexplained = この実行による最後の変更から 1 分後の DLQ の件数によると、ほかに { $count } 件あります (ほかの受信者が処理中、または同じグループのメッセージの後ろ)
redrive-audit-journal = ジャーナル { $journal }: 二重送信を防ぐため、保管してください

## `watchme redrive` の出力

redrive-list = 再処理するメッセージ { $messages } 件{ $written ->
    [yes] { " " }({ $file })
   *[no] { "" }
  }
redrive-list-left-out = 除外 { $count } 件: { $reason }
redrive-left-before = 除外 { $count } 件: 以前の実行で送信済み ({ $journal } に記録)
redrive-left-unconfirmed = 除外 { $count } 件: 送信の成否を確認できていません (--retry-unconfirmed を参照)
redrive-left-rejected = 除外 { $count } 件: 以前の実行で SQS に拒否されました (--retry-rejected を参照): { $reasons }
redrive-same-work-keys = 同じ処理とみなすもの: { $keys } の値が同じメッセージ
redrive-of-these = { $which ->
    [these] このうち
   *[all] 全 { $all } 件のうち
  } { $count } 件: { $reason }
redrive-no-messages = ケースにメッセージがありません。{ $command } で DLQ のサンプルを取得できます。{ $meanings }
redrive-file-unread = { $file } を読み取れないため、そのメッセージは一覧にありません: { $reason }
redrive-list-without-url = { $queues } の URL を記入してください。キューの属性がケースにありません
redrive-rejection = { $id } ({ $reason })
redrive-body-no-base64 = バイナリ属性 { $name } の値が base64 ではありません
redrive-body-no-unicode = 本文が有効な Unicode ではないため、SQS が受け付けません
redrive-column-queue = キュー
redrive-column-body = 本文
