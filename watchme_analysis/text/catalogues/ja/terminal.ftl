### 端末に表示する診断の見出しとラベル。

value = { $value }
print-head = { $verdict ->
    [supported] 原因を特定: { $cause }、確度 { $confidence }
    [no_incident] インシデントなし: { $cause }、確度 { $confidence }
   *[inconclusive] 原因は未確定: { $cause }、確度 { $confidence }
  }
print-no-single-cause = 単独の原因なし
print-incident = 期間
print-endpoints = 対象パス
print-queues = キュー
print-functions = 関数
print-change = 変更
print-change-event = { $time } に { $user } が { $event } を実行
print-messages = 件数
print-message-counts = デッドレターキューへ移動 { $moved } 件、未処理のまま削除 { $deleted } 件、{ $missed }
missed-work = 未実施の処理 { $number } 件
missed-work-left = 残っているメッセージから分かる未実施の処理 { $number } 件
missed-work-unread-dumps = { $known ->
    [some] 未実施の処理は少なくとも { $number } 件 ({ $dumps } を読み取れなかったため)
   *[none] 未実施の処理は不明 ({ $dumps } を読み取れなかったため)
  }
missed-work-unread-messages = { $known ->
    [some] 未実施の処理は少なくとも { $number } 件
   *[none] 未実施の処理は不明
  } (DLQ メッセージ { $unread } 件には処理内容のデータがないため)
print-remedies = 確認、修正、再発防止の手順: { $pages }
print-ranking-cause = 原因
print-ranking-probability = 確率
print-ranking-status = 判定
print-ranking-weight = 証拠の重み
print-ranking-name = 意味
status-supported = 裏付けあり
status-refuted = 否定
status-inconclusive = 未確定
print-rows = { $table }、{ $rows } 行
print-not-covered = 確認できなかった点: { $text }
print-next-test = 次の確認: { $text }
print-other-causes = ほかの { $count } 件の原因に関する証拠は、レポートと --json で確認できます。
print-collect-next = 次に収集すべきデータ:
print-missing = { $what }: { $why }
print-covered = 対象データ:
print-coverage-table = テーブル
print-coverage-rows = 行数
print-coverage-rejected = 除外
print-coverage-cut-off = 打ち切り
print-window = 期間
print-yes = あり
print-notes = 補足:
print-more = ほか { $count } 件:

track-record-inconclusive = ルール作成時に使っていない { $cases } 件の記録 ({ $date }) のうち、{ $open } 件はすべての証拠がそろっていても未確定でした。
track-record-none = ルール作成時に使っていない { $cases } 件の記録 ({ $date }) には、同程度の確度の診断がありません。
track-record-sure = ルール作成時に使っていない { $cases } 件の記録 ({ $date }) のうち、確度 { $low } 以上の診断は { $count } 件で、そのうち { $right } 件が正解でした。
track-record = ルール作成時に使っていない { $cases } 件の記録 ({ $date }) のうち、確度 { $low } 〜 { $high } の診断は { $count } 件で、そのうち { $right } 件が正解でした。
