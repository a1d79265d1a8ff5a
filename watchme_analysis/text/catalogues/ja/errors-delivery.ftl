### delivery のエラー。

error-event-no-system = アラーム { $alarm } の対象 { $names } は、{ $file } のどのシステムにもありません。システムを追加するか、システムの名前を指定してください。
error-event-state = アラーム { $alarm } の状態 { $state } は不明です。{ $known } のいずれかでなければなりません。
error-event-future = アラーム { $alarm } のイベントの時刻 { $time } は未来です。このマシンの時計を確認してください。
error-event-records = イベントに { $number } 件のレコードがあります。1 回の実行につき 1 件を指定してください。
error-budget-reached = { $day } のログクエリが上限に達しました ({ $reached })。[run] で上限を上げるか、UTC の翌日まで待ってください。
error-bus-refused = イベントバス { $bus } がイベントを拒否しました ({ $code })。
error-no-report-delivered = この実行では、送信できるレポートが作成されませんでした。
error-report-unwritable = レポートを { $folder } に書き込めません ({ $reason })。
error-secret-no-url = シークレットに https:// で始まる URL がありません。
error-tls-failed = TLS ハンドシェイクに失敗しました ({ $reason })。
error-no-connection = 送信先は { $seconds } 秒以内に接続を受け付けませんでした。
error-destination-unreachable = 送信先に到達できません ({ $reason })。
error-no-response = 送信先は { $seconds } 秒以内に応答しませんでした。
error-connection-broke = 応答の前に接続が切れました ({ $reason })。
error-destination-unwritable = { $path } に書き込めません ({ $reason })。
error-site-copy-unwritable = { $folder } にあるサイトのコピーに書き込めません ({ $reason })。
error-login-refused = { $place } がログインを拒否しました ({ $code })。
error-mail-connection-broke = メッセージの受け付けが確認される前に、{ $place } との接続が切れました。
error-teams-error = Teams が HTTP エラー { $status } を返しました。
error-run-deadline = { $system } の実行は、{ $step ->
    [report] レポートの作成
   *[diagnosis] 診断
  }の前に期限の { $seconds } 秒に達しました。[run] の deadline_s を上げてください。
error-no-locks = { $file } のファイルシステムはロックに対応していません ({ $reason })。[run] の state に別のフォルダを指定してください。
error-run-in-progress = { $system } の実行が進行中です (プロセス { $process }、ホスト { $host }、開始 { $since })。終了を待つか、--wait を指定してください。
error-run-in-progress-somewhere = { $system } の実行が進行中です。終了を待つか、--wait を指定してください。
error-unit-name = システム名 { $system } はユニット名に使えません。英数字と '.'、'_'、'-' を使ってください。
error-schedule-every = --every は 1m 以上にしてください。
error-cron-interval = cron では { $interval } ごとに実行できません。15m のように、1 時間または 1 日の約数を指定してください。
error-secret-empty = シークレット { $reference } が空です。
error-secret-missing = シークレット { $reference } がありません。環境変数を設定してください。
error-secret-no-key = シークレット { $reference } は、このキーを持つ JSON オブジェクトではありません。
error-secret-unreadable = シークレット { $reference } を読み取れません: { $reason }。
error-system-names-nothing = { $file } のシステム { $system } に、キュー、関数、インスタンスがありません。いずれかを書いてください。
error-case-without-question = ケース { $case } には、どの質問の証拠もありません。
error-state-link = { $path } はリンクです。状態フォルダにはリンクを置けません。削除するか、[run] の state に別のフォルダを指定してください。
error-delivery-slow = 送信先は合計 { $seconds } 秒以内に応答しませんでした。メッセージを受信した可能性があります。
error-delivery-unexpected = 配信が予期せず失敗しました ({ $reason })。
error-state-folder = 状態フォルダ { $folder } を作成できません ({ $reason })。[run] の state に別のフォルダを指定してください。
error-state-unreadable = { $path } を読み取れません: { $reason }。その内容なしで始める場合は削除してください。
error-state-version = { $path } のバージョンは { $found } で、{ $known } ではありません。作成したリリースを使うか、削除してください。
error-event-unknown = CloudWatch アラームのイベントではありません。EventBridge (detail-type が「CloudWatch Alarm State Change」) または SNS が配信する JSON を指定してください。
error-event-long = イベントが { $most } 文字を超えているため、CloudWatch アラームのイベントではありません。
error-destination-status = 送信先が { $status } を返しました。
error-mail-unreachable = { $place } に到達できません ({ $reason })。
error-mail-refused = { $place } がメッセージを拒否しました ({ $code })。
error-as-is = { $text }
error-mail-tls = { $place } との TLS ハンドシェイクに失敗しました ({ $reason })。
error-mail-no-starttls = { $place } は STARTTLS に対応していません。送信先の tls を指定してください。
error-mail-silent = { $place } は { $seconds } 秒以内に応答しませんでした。
error-slack-token = シークレット { $reference } はトークンではありません。
error-slack-no-json = { $method } に対する Slack の応答が JSON ではありません。
error-slack-refused = Slack が { $method } を拒否しました: { $code }。
error-slack-scope = Slack が { $method } を拒否しました: { $code } (スコープ { $scope } が必要です)。
error-notebook-failed = ノートブックの実行に失敗しました。
alarm-about-nothing = (キュー、関数、インスタンスのいずれでもありません)
