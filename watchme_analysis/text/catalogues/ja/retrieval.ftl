### AWS からの証拠の取得: 進行状況、料金、結果。

progress = { $text }、{ $elapsed }経過 ...
scan-cost = { $size }、{ $price } (1 GB あたり { $rate } USD)

query-log-groups = ロググループ: { $groups }
query-columns = 列: { $columns }
query-parameter = パラメータ { $name } ({ $type }{ $has ->
    [nothing] 、必須
    [value] 、省略時は { $default }
   *[empty] { "" }
  }): { $description }
query-progress = クエリ: 実行中 { $running } 件、待機中 { $waiting } 件。これまでに { $rows } 行
query-estimate = { $region }: 予想スキャン量は { $cost }
query-no-estimate = { $region } のスキャン量を見積もれないため、上限に達した時点で停止します: { $reason }
query-result = { $where }: { $rows } 行{ $complete ->
    [no] { " " }(欠けている行があります)
   *[yes] { "" }
  }。クエリ { $queries } 件のスキャン量は { $cost }
query-target-failed = { $target } は失敗しました: { $reason }
query-no-rows = 行がありません
error-query-target = { $target } でクエリを実行できませんでした: { $reason }

pull-part-scope = キューと関数
pull-part-changes = 変更履歴 (CloudTrail)
pull-part-queue = キュー { $name }
pull-queue-missing = 存在しません。削除されたか、名前、リージョン、またはアカウントが異なります。
pull-part-function = 関数 { $name }
pull-part-messages = { $queue } のメッセージ
pull-part-metrics = メトリクス
pull-part-alarms = アラーム
pull-part-services = コンシューマー（ECS）
pull-part-groups = コンシューマー（Auto Scaling）
pull-no-consumer = イベントソースマッピング、ECS サービスの環境変数、Auto Scaling グループのタグのいずれにも { $queues } の名前がなく、受信しているコンシューマーは不明です。
pull-part-alarm-history = アラームの履歴
pull-part-estimate = ログの量の見積もり
pull-part-logs = ログ
pull-part-logs-of = { $group } のログ
pull-progress-logs = ログ: { $text }
pull-scan-at-most = ログのクエリのスキャン量は最大 { $cost } です。
pull-queues = キュー: { $queues }
pull-functions = 関数: { $functions }
pull-consumers = その他のコンシューマー: { $consumers }
pull-cut = サンプル数の上限で打ち切ったクエリ: { $queries }
pull-scanned = ログのクエリのスキャン量は { $size }、料金は{ $price }
pull-complete = すべて取得済み
pull-missing = 取得できなかったもの: { $part }: { $reason }
pull-policy = { $count ->
    [0] このポリシーでは、どのキューのメッセージも受信できません。
   *[other] このポリシーで受信できるのは { $queues } のメッセージだけです。
}デッドレターキューは --queue、または watchme.toml のシステムの `dlq` で指定してください。
pull-again = 再実行: --since { $start } --until { $end } を指定すると、取得できなかった部分だけを取得します
pull-case = ケース { $case }: { $contents }
pull-title = { $region } の { $named }{ $has ->
    [gaps]  (不足: { $missing })
   *[everything] { "" }
  }
