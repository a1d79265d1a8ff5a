### 通知: システムで何が変わったか。

delivery-kind-new-incident = 新しいインシデント
delivery-kind-cause-known = 原因を特定
delivery-kind-worse = インシデントが悪化
delivery-kind-resolved = 解消
delivery-kind-recurring = インシデントが再発
delivery-kind-no-change = 変化なし
delivery-kind-run-failed = 実行に失敗
delivery-kind-delivery-failed = 通知に失敗
delivery-title = { $system }: { $kind } - { $what }
delivery-title-plain = { $system }: { $kind }
delivery-error = エラー: { $error }
delivery-open-report = レポートを開く
delivery-system = システム
delivery-resolved = インシデントは終了しました。継続時間は { $duration } です ({ $span })。
delivery-recurring = 同じ原因は過去に { $count } 回発生しています。
delivery-cause-known = 原因が特定されました: { $cause }。
delivery-cause-changed = 新しいデータは別の原因を示しています: { $cause }。以前の原因: { $before }。
delivery-worse = { $now } (前回の通知では { $before })。

# 期間のまとめ
delivery-kind-digest = まとめ
digest-title = { $system } のまとめ、{ $span }
digest-incidents = { $count ->
    [0] インシデントはありませんでした。
   *[other] インシデントは { $count } 件、影響時間は合計 { $impact } でした。
  }
digest-incident = { $span }: { $cause }。
digest-messages = DLQ に移動: { $dead }、消失: { $lost }、未実施 ({ $unit }): { $missing }。
digest-drift = 処理時間の変化:
digest-alarms = 原因なしに発報したはずのアラームは { $count } 件です: { $alarms }。
digest-no-alarms = 原因なしに発報したはずのアラームはありません。
digest-cost = 実行は { $runs } 回、うち失敗は { $failed } 回です。ログのクエリは { $size } をスキャンし、約 { $usd } USD でした。
digest-late-partly = 遅延したメッセージ数: { $count }。
digest-late = { $count ->
    [0] 遅延したメッセージはありませんでした。
   *[other] 遅延したメッセージ (バックログの中で待ったもの) は { $count } 件でした。
  }
digest-telemetry = テレメトリーの費用は、定価で約 { $usd } USD です (上記のクエリを含む)。内訳: アラーム { $alarms } 件とカスタムメトリクス { $alarm_usd } USD、取得したメトリクス { $metrics } 件 { $request_usd } USD。
digest-logs = このうちログの取り込みは { $size }、{ $usd } USD です。
digest-logs-unknown = ログの取り込み量は不明なため、含まれていません。
delivery-id = メッセージ ID: { $id } (同じ ID のメッセージは同一の内容です)
delivery-uncertain = { $calls } 回送信しましたが、到達を確認できませんでした。メッセージが届いているか確認してください。再送はしません。
run-owner-unknown = 別のマシンがこのシステムを実行しているかどうか不明です: { $reason }
run-report-failed = レポート ({ $report }) を作成できませんでした: { $reason }
delivery-no-timeline = { $receipt } (タイムラインの画像なし: { $reason })

# `watchme notify test` のテスト送信
delivery-sample-title = { $name } へのテスト送信
delivery-sample = `watchme notify test` によるテスト送信です。インシデントの通知ではありません。
notify-tested = 通知先 { $destinations } 件のうち { $count } 件で、テスト送信の受信を確認しました。
