### キューのアーカイブとパージ。

queue-counts-settling = キューの件数が受信した件数と一致するまで待機しています (最長 { $within })。件数は 1 分ほど古い場合があります。
archive-done = { $queue } のメッセージ { $count } 件をすべて { $archive } に保存しました。メッセージは元のままキューにあります。
archive-incomplete = { $queue } のメッセージ { $count } 件を { $archive } に保存しましたが、不足している可能性があります:
archive-hash = SHA-256 { $hash }
archive-count-differs = キューの属性では { $count } 件ですが、受信したのは { $archived } 件です。ほかに受信するものがないときに再実行してください。FIFO キューでは、受信中のメッセージが同じグループの後続を止めます。
archive-in-flight = { $count } 件はほかの受信者が処理中です。
archive-delayed = { $count } 件は遅延中のため、まだ受信できません。
archive-out-of-time = 読み取りが可視性タイムアウト { $visibility } の大部分を超えました。--visibility-timeout で長くしてください。
purge-plan = { $queue } のアーカイブ済みメッセージ { $count } 件 ({ $oldest } から { $newest } までに送信) を削除します。
purge-plan-empty = アーカイブにメッセージがないため、削除するものはありません。
purge-plan-delete = メッセージを受信し (最大 { $visibility } の間、ほかから見えなくなります)、アーカイブと照合してから削除します。アーカイブにないメッセージは残します。
purge-plan-senders = 送信者: { $senders }
purge-plan-errors = エラー: { $errors }
purge-plan-undo = 取り消し: { $command } でメッセージを再送信できます。
purge-plan-apply = まだ何も削除していません。{ $option } を付けて再実行してください。
purge-refused = 何も削除していません: { $why }
purge-other-queue = { $archive } は { $queue } のアーカイブです。
purge-incomplete-archive = { $archive } は不足している可能性があります: { $missed }
purge-call-failed = { $error } 同じコマンドで残りを続行できます。
purge-in-use = キューの属性では { $count } 件で、そのうち { $left } 件は残すメッセージです。ほかに送信または受信するものがあるか、削除に失敗しています。ほかに使用するものがないときに再実行してください。
purge-in-flight = { $count } 件はほかの受信者が処理中です。停止するか待ってから、再実行してください。
purge-complete = { $queue } は空になりました。
purge-stopped = パージは完了していません: { $why }
purge-left = アーカイブにないか、内容が異なるメッセージが { $count } 件残っています。
purge-deleted = { $count } 件を削除しました
purge-uncertain = { $outcome ->
    [complete] { $count } 件の削除は要求に応答がありませんでしたが、キューにはもうありません。
   *[stopped] { $count } 件の削除は要求しましたが、確認できていません。同じコマンドを再実行してください。
  }
purge-record = 記録 { $record }
