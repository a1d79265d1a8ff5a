### アラームの計画、エクスポート、通知のテスト。

alarm-plan = { $count ->
    [0] { $topic } に通知するアラーム: 変更はありません
   *[other] { $topic } に通知するアラーム { $count } 件
  }
alarm-description = { $resource } のアラーム: { $rule }
alarm-step = { $what ->
    [update] { $resource } のアラームを { $rule } に変更します。ほかのアクションとタグは維持します。
   *[create] { $resource } にアラームを作成します: { $rule }
  }
alarm-reason = { $alarm }: { $evidence }
alarm-evidence-fires = { $dead ->
    [0] { $moment }(最初の失敗から { $after }後)に発報したはずです。
   *[other] { $moment }(最初の失敗から { $after }後)、デッドレターキューのメッセージが { $dead } 件中 { $held } 件の時点で発報したはずです。
  }{ $false ->
    [0] { $span }の間に誤報はありません。
   *[other] { $span }の間に誤報が { $false } 件あります。
  }
alarm-evidence-silent = { $moment } に始まった障害では発報しません。{ $false ->
    [0] { $span }の間に誤報はありません。
   *[other] { $span }の間に誤報が { $false } 件あります。
  }
alarm-evidence-calm = このケースに障害はありません。{ $false ->
    [0] { $span }の間に誤報はありません。
   *[other] { $span }の間に誤報が { $false } 件あります。
  }
alarm-evidence-elsewhere = このケースの障害は別のリソースで発生しました。{ $false ->
    [0] { $span }の間に誤報はありません。
   *[other] { $span }の間に誤報が { $false } 件あります。
  }
alarm-evidence-none = ケースにメトリクスがないため、アラームのバックテストはできませんでした。
alarm-age-is-never-reached = { $queues } の { $alarm } は、処理に失敗するメッセージでは発報しません。失敗し続けるメッセージは、受信 { $receives } 回 × 可視性タイムアウト { $visibility } = { $total }でデッドレターキューに移動しますが、アラームには { $needed }を超える経過時間が必要です。発報するのは、キューがポーリングされない場合だけです。失敗を検知するには、デッドレターキューのアラーム、または { $better }を超える経過時間のアラームを使用してください。
alarm-duration-is-never-reached = { $functions } の { $alarm } は発報しません。しきい値は { $threshold }ですが、Lambda は { $timeout }で呼び出しを終了します。
alarm-without-dlq = { $queue } にはデッドレターキューがないため、監視できません。失敗したメッセージは、保持期間が過ぎるまで繰り返し受信されます。
alarm-without-url = { $alarm } にはヘルスチェックの URL が必要です。--health-url を指定してください。
alarm-without-timeout = { $function } のタイムアウトが不明なため、{ $alarm } は作成しません。
alarm-without-resource = { $resource } が見つからないため、{ $alarm } は作成しません。
alarm-composite-not-better = バックテストでは、{ $queues } の複合アラーム { $alarm } は構成するアラームより優れていないため、作成しません。
alarm-covered = 同じルールのアラーム { $other } が通知を行うため、{ $alarm } は作成しません。
alarm-actions-disabled = { $alarm } のアクションは無効で、無効のままにします。
alarm-unchanged = { $count } 件のアラームはすでに計画どおりです: { $alarms }
alarm-topic-step = SNS トピック { $topic } を作成します。
alarm-subscribe-step = { $email } をサブスクライブします。SNS から確認用のリンクがメールで届きます。
alarm-to-confirm = { $emails } 宛てのメールのリンクでサブスクリプションを確認するまで、通知は届きません。
alarm-topic-without-subscription = { $topic } に確認済みのサブスクリプションが作成されるまで、通知は届きません。
alarm-topic-key = { $topic } は { $key } で暗号化されています。このキーのポリシーで cloudwatch.amazonaws.com による使用を許可する必要があります。
alarm-cost = アラーム { $count } 件の料金は、us-east-1 の定価で 1 か月 { $usd } USD です。
alarm-verify-plan = アラーム { $count } 件の通知のテスト
alarm-verify-step = { $alarm } を 1 回 ALARM に設定し、{ $actions } が実行されたことを履歴で確認します。
alarm-verify-member = { $alarm } のルールが成立するように、{ $member } を ALARM に設定します。
alarm-verify-notified = { $alarm } の履歴で、{ $actions } が実行されたことを確認します。
alarm-verify-left = 子アラームを元に戻したあと、{ $alarm } が ALARM 状態でなくなることを確認します。
alarm-verify-rule = { $alarm } は、どのメトリクスアラームを ALARM にしてもルールが成立しないため、テストしませんでした。
alarm-verify-acts = { $acting } は状態の変化で通知以外のアクションも実行するため、{ $alarm } はテストしませんでした。
alarm-verify-unmarked = { $alarms } の通知には、設定した子アラームの名前だけが記載され、テストであることは記載されません。事前に周知してください。
alarm-restore-step = { $alarm } を { $state } に戻します。
alarm-verify-silent = { $alarm } には有効なアクションがないため、テストしませんでした。
alarm-verify-in-alarm = { $alarm } はすでに ALARM 状態のため、テストしませんでした。
alarm-verify-risk = テストであることを示す通知が届きます。
alarm-health-check-cost = ヘルスチェックの料金は、us-east-1 の定価で 1 か月あたり約 { $usd } USD です(メトリクスとアラームを除く)。

## 端末に表示するバックテスト

alarms-column-alarm = アラーム
alarms-column-kind = 種類
alarms-column-on = 対象
alarms-column-rule = ルール
alarms-kind-required = 必要
alarms-kind-existing = 既存
backtest-no-start = { $known ->
    [calm] インシデントがない
   *[unknown] インシデントの開始が記録されていない
  }ため、発報したアラームはすべて誤報として数えます
backtest-incident = インシデントの開始: { $start } ({ $zone })
backtest-no-reaction = 人の対応が記録されていません。アラームと比べるには --noticed を指定してください
backtest-noticed = 人が気づいた時刻: { $time } ({ $how })
backtest-noticed-option = --noticed の指定
backtest-standard = { $alarm } は、アラーム定義の { $label } です。
backtest-not-evaluated = 監視対象がケースにないため、評価していないアラーム: { $alarms }
backtest-better = 改善案: { $resource } の { $alarm }: { $finding }
backtest-instead = 代わりの設定: { $instead }。変更後の動作: { $effect }
