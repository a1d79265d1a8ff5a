### services のエラー。

error-topic-needed = --topic で SNS トピックの名前または ARN を指定してください。なければ作成されます。
error-alarms-several-specs = システム { $systems } のアラームの定義が異なります。--spec で 1 つのファイルを指定するか、システムごとに計画してください。
error-alarms-nothing-named = 対象がありません。CASE、または --live と --queue、--function、システムのいずれかを指定してください。
error-alarms-nothing-to-watch = ケース { $case } にはキューも関数もないため、監視するものがありません。
error-alarm-missing = アラーム { $alarm } は { $target } にありません。
error-backtest-no-times = ケース { $case } には時刻がないため、アラームを試すことができません。
error-check-log-group = { $region } にこの名前のロググループがありません。名前またはリージョンを修正してください。
error-check-file = ファイルがありません。パスを修正してください。
error-no-cause = 原因 { $cause } はありません。原因の一覧: { $known }。
error-no-cause-near = 原因 { $cause } はありません。{ $near } 原因の一覧: { $known }。
error-cause-other-question = ケース { $case } には、{ $cause } が属する { $question } の証拠がありません。
error-collect-nothing-named = 対象がありません。--queue、--function、--instance、--log-group のいずれかを指定してください。
error-collect-no-queue = 対象がありません。--queue または --function、あるいはシステムを指定してください。
error-raw-folder = { $folder } は空のフォルダではありません。元の応答を保存する新しいフォルダを指定してください。
error-deploy-no-message = ケース { $case } には { $function } の DLQ メッセージがありません (イベントソース: { $known })。--event でイベントを指定してください。
error-event-unreadable = イベント { $path } を読み取れません ({ $reason })。
error-event-no-json = イベント { $path } は JSON ではありません: { $problem }。
error-case-no-question = ケース { $case } には、質問に必要な証拠がありません (テーブル: { $tables })。証拠を追加してインポートしてください。
error-question-unknown = 質問 { $question } は不明です。{ $known } のいずれかを指定してください。
error-question-no-evidence = ケース { $case } には { $question } の証拠がありません。テーブル { $tables } のいずれかが必要で、{ $command } で収集できます。{ $meanings }{ $others }
error-window-no-times = ケース { $case } には時刻がないため、期間を切り出せません。
error-window-empty = 期間 { $window } は空です。両端を入れ替えてください。{ $covered }
error-not-in-case = { $kind ->
    [endpoint] エンドポイント
   *[queue] キュー
  } { $name } はケース { $case } にありません。使えるのは { $known } です。
error-guard-no-probes = ケース { $case } には { $path } のプローブがないため (パス: { $known })、バックテストできません。
error-no-queue-matches = { $target } に { $patterns } という名前のキューがありません。修正してください。
error-no-nginx-server = { $path } に Nginx の server がありません。nginx.conf または nginx -T の出力を指定してください。
error-no-compose-services = { $path } に services がありません。compose ファイルを指定してください。
error-settings-no-help = シミュレーションでは、設定の変更だけで { $queue } を改善し、ほかを悪化させない方法がありません。ほかの対策は `watchme simulate` で確認できます。{ $traded }
error-settings-mappings = キュー { $queue } にはイベントソースマッピングが { $number } 個あります。設定の計画は 1 個の場合だけ作成できます。
error-redrive-unknown-queue = ケース { $case } にキュー { $queue } はありません。あるキューは { $known } です。
error-queue-url-missing = { $queue } の URL がケースにありません。あるキューは { $known } です。
error-archive-queue-missing = アーカイブのメッセージの送信先のキューがありません。--queue NAME を指定してください。
error-redrive-nothing = リドライブするメッセージがないため、何も送信しません。
error-redrive-several-queues = メッセージが複数のキューに属しています。--queue で { $queues } のいずれかを指定してください。
error-redrive-url-unknown = { $queues } の URL が不明なため、何も送信しません。--to で一覧を書き出して URL を追加するか、キューの属性をケースに収集してください。
error-redrive-file-unreadable = { $path } を読み取れません ({ $reason })。
error-redrive-file-foreign = { $path } は、キューのアーカイブでも `watchme redrive` の一覧でもありません。
error-case-no-queue = ケース { $case } にキュー { $queue } はありません。あるキューは { $known } です。
error-template-same = テンプレートに { $item } も { $day } もないため、すべてのメッセージが同じになります。
error-question-other = { $question } の証拠はあります。
error-window = { $start } 〜 { $end } ({ $zone })
error-window-covered = ケース { $case } の期間は { $window } です。
error-window-outside = ケース { $case } の期間は { $window } です。{ $time } { $side ->
    [after] 以降
   *[before] より前
  }のデータはありません。
error-measure = 対策 { $measure } は設定の変更だけでは効果がありません。{ $known ->
    [0] {""}
   *[other] { $names } のいずれかを選んでください。
  }
error-settings-traded = --measure を指定すると、ほかの指標を悪化させる対策も選べます: { $names }。
error-nothing-retrieved = 何も取得できませんでした: { $reasons }
