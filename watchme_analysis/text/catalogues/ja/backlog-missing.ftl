### バックログの診断で次に収集すべきデータとその方法。

missing-all-metrics-what = すべてのキューとその関数のメトリクス
missing-metrics-of-what = { $resources } のメトリクス
missing-unknown-function = { $queue } のコンシューマー
missing-function-metrics-why = エラー、スロットリング、実行時間から原因を区別できます。
missing-queue-metrics-why = 到着数とメッセージの最大経過時間から、処理の遅延が分かります。
missing-statistic = { $metric } の統計は { $returned } だけです。{ $usable } を取得してください。
missing-function-errors-what = { $function } がログに記録したエラー
missing-function-errors-why = 問題がコンシューマー、API、メッセージのどこにあるかが分かります。
missing-more-errors-what = { $function } の残りのエラー
missing-more-errors-why = クエリは条件に一致した行の一部しか返していないため、最初または最後のエラーが欠けている可能性があります。
missing-changes-what = 記録された変更
missing-changes-why = 異常の直前のデプロイや設定変更が、最も多い原因です。
missing-mapping-what = { $queue } のイベントソースマッピング
missing-mapping-why = キューがポーリングされているかどうかと、開始できる実行の数が分かります。
missing-queue-attributes-what = { $queue } の属性
missing-queue-attributes-why = メッセージがいつ再び受信可能になり、期限切れになり、DLQ に移動するかは、可視性タイムアウト、保持期間、リドライブポリシーで決まります。
missing-dead-letters-what = { $dlq } のメッセージ { $dead } 件
missing-dead-letters-why = どの処理をやり直すべきかはメッセージの本文からしか分からず、保持期間が過ぎると失われます。
missing-concurrency-what = { $function } の予約された同時実行数
missing-concurrency-why = 不足すると配信がスロットリングされ、それも受信回数に数えられます。
missing-host-cpu-what = API のホストの CPU 使用率
missing-host-cpu-why = ホストの CPU に空きがなければ、API の遅延を説明できます。

# Commands to paste, with a remark
collect-whole-list = { $commands }  # この一覧のほかのデータも同時に収集します
collect-in-parts = { $commands }  # 上限で打ち切られる箇所でクエリを分割します
collect-until-empty = { $commands }  # メッセージが返されなくなるまで繰り返してください
missing-consumer-what = { $queue } から受信しているコンシューマー
missing-consumer-why = Lambda 以外のコンシューマーが停止していることや、そのタスクが終了していることは、これらのメトリクスに現れません。
missing-consumer-log-what = { $consumer } のログ
missing-consumer-log-why = 問題がコンシューマー、API、メッセージのどこにあるかが分かります。
