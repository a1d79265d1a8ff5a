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
redrive-first-processed = 最初のメッセージが処理されました。残りを送信します。
redrive-progress = { $count } 件中 { $sent } 件を送信しました
redrive-event-sent = メッセージ { $message } を送信元のキューに送信しました。
redrive-event-rejected = SQS がメッセージ { $message } を拒否しました。
redrive-event-processed = メッセージ { $message } が処理されました。
redrive-event-failed = 関数がメッセージ { $message } の処理に失敗しました。
redrive-event-deleted = 処理の確認後、メッセージ { $message } を DLQ から削除しました。
redrive-event-gone = メッセージ { $message } は処理済みで、DLQ にはすでにありませんでした。
redrive-plan-title = { $queue } へのメッセージ { $count } 件の再処理
redrive-plan-earlier = 以前の実行で { $count } 件を送信済みです。これらは処理を確認して削除し、再送信しません。
redrive-plan-left-out = DLQ のメッセージ { $count } 件は対象外で、DLQ に残ります。
redrive-plan-may-have-run = リスク: { $count } 件のメッセージは、ケースに証拠がないだけで処理済みの可能性があります。重複して処理しても問題がないか確認してください。
redrive-plan-first = 1. 1 件を送信し、処理されたことが関数のログに現れるまで最大 { $within } 待ちます。現れない場合は停止します。
redrive-plan-rest = 2. 残りを毎秒 { $rate } 件で送信します (所要時間 { $duration })。失敗が 1 件でもあれば停止します。
redrive-plan-delete = 3. DLQ のメッセージを受信し (最大 { $visibility } の間、ほかから見えなくなります)、処理を確認できたものを削除し、それ以外は再び見えるようにします。受信回数は 1 増えます。
redrive-plan-cost = 費用: SQS へのリクエスト約 { $count } 件。FilterLogEvents によるログの読み取りは無料です。
redrive-plan-undo = 取り消し: 送信したメッセージは取り消せません。処理されるまで、元のメッセージは DLQ に残ります。
redrive-audit-deleted = 処理を確認し、DLQ から削除: { $count } 件
redrive-audit-gone = 処理済み。DLQ にはすでにありませんでした (期限切れ、またはほかの人による削除): { $count } 件
redrive-audit-processed = 処理済みで、DLQ に残っているもの: { $count } 件
redrive-audit-failed = 処理に失敗: { $count } 件
redrive-audit-sent = 送信済みで、ログに現れないもの: { $count } 件
redrive-audit-unconfirmed = 送信の成否が不明 (実行の中断または接続の切断): { $count } 件
redrive-audit-rejected = SQS が拒否: { $count } 件
redrive-audit-not-sent = 未送信: { $count } 件
redrive-audit-returned = 送信後、DLQ に戻ったもの: { $count } 件
redrive-audit-excluded = 対象外 (理由は --apply なしの一覧に表示): { $count } 件
redrive-audit-new = DLQ にあり、ケースにないもの: { $count } 件
redrive-audit-dlq = 現在の DLQ のメッセージ: { $count } 件
redrive-audit-unexplained = DLQ にあり、受信できなかったもの (ほかの受信者が処理中、または同じグループのメッセージの後ろ): { $count } 件
redrive-audit-journal = ジャーナル { $journal }: 二重送信を防ぐため、保管してください
move-plan = SQS が DLQ の全 { $count } 件のメッセージを毎秒 { $rate } 件で { $queue } に移動します。ID が変わるため、個々の処理は確認されません。
move-refused = 移動タスクは開始していません: { $why }
move-left-out = { $total } 件中 { $count } 件は処理済みか、再送しても失敗します。残りは --apply で再処理してください。
move-untested = DLQ のメッセージの再処理をまだ 1 件も確認していません。先に { $option } で 1 件を送信してください。
move-count-differs = DLQ の件数は { $count } 件ですが、ケースで移動の対象は { $expected } 件です。キューの情報を取得し直してください。
move-other-task = この DLQ では別の移動タスクが { $status } です。
move-none = { $dlq } に実行中の移動タスクはありません。
move-cancelling = 移動タスクを取り消しています。{ $count } 件を移動済みで、残りは DLQ にあります。
move-progress = { $status }: { $count } 件中 { $moved } 件を移動
move-ended = 移動タスクは { $count } 件で終了しました: { $reason } 残りは DLQ にあります。
move-left = 移動タスクの後、DLQ に { $count } 件あります。その間に届いたか、戻ったものです。
move-complete = { $count } 件をすべて移動し、DLQ は空になりました。キューの情報を取得し直し、処理されたことを確認してください。
redrive-plan-may-move = ケースにある DLQ のメッセージはすべて戻せます。1 件の処理を確認した後、{ $option } で残りの移動を SQS に任せられます。

## `watchme redrive` の出力

redrive-list = 再処理するメッセージ { $messages } 件{ $written ->
    [yes] { " " }({ $file })
   *[no] { "" }
  }
redrive-list-left-out = 除外 { $count } 件: { $reason }
redrive-left-before = 除外 { $count } 件: 以前の実行で送信済み ({ $journal } に記録)
redrive-left-unconfirmed = 除外 { $count } 件: 送信の成否を確認できていません (--retry-unconfirmed を参照)
redrive-left-rejected = 除外 { $count } 件: 以前の実行で SQS に拒否されました (--retry-rejected を参照): { $reasons }
redrive-of-these = { $which ->
    [these] このうち
   *[all] 全 { $all } 件のうち
  } { $count } 件: { $reason }
redrive-no-messages = ケースにメッセージがありません。`watchme case pull backlog --queue NAME` で DLQ のサンプルを取得できます
redrive-file-unread = { $file } を読み取れないため、そのメッセージは一覧にありません: { $reason }
redrive-list-without-url = { $queues } の URL を記入してください。キューの属性がケースにありません
redrive-sending = メッセージ { $messages } 件をキュー { $queue } に送信します (アカウント { $account }、リージョン { $region }{ $has_profile ->
    [yes] 、プロファイル { $profile }
   *[no] { "" }
  })
redrive-result = 今回送信 { $sent } 件、送信済み { $before } 件、未送信 { $left } 件{ $rejected ->
    [0] { "" }
   *[other] 、拒否 { $rejected } 件
  }
redrive-keep-journal = ジャーナル { $journal }: 同じメッセージの二重送信を防ぐため、保管してください
redrive-unconfirmed = 未確認: 実行の中断または接続の切断のため、メッセージ { $count } 件は送信された可能性があります: { $messages }。キューまたは関数のログで resent_message_id を検索してください。--retry-unconfirmed を指定すると再送信しますが、二重に送信される可能性があります。
redrive-rejected = 拒否: SQS がメッセージ { $count } 件を受け付けません: { $reasons }。理由はジャーナルに記録しています。--retry-rejected を指定しない限り、以降の実行では除外します。
redrive-rejection = { $id } ({ $reason })
redrive-stopped-then = 停止しました: { $reason } その後、同じコマンドを実行すると残りを続けられます。
redrive-body-no-base64 = バイナリ属性 { $name } の値が base64 ではありません
redrive-body-no-unicode = 本文が有効な Unicode ではないため、SQS が受け付けません
redrive-column-queue = キュー
redrive-column-body = 本文
