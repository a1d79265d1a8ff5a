### 対策のシミュレーション: 対策の名前、モデルの前提、結果、表、図。

# 対策(単独、組み合わせ)
measure-quoted = 「{ $measure }」
measure-as-configured = 現在の設定
measure-function-timeout = 関数のタイムアウト { $seconds } 秒
measure-visibility-timeout = 可視性タイムアウト { $seconds } 秒
measure-visibility-factor = 可視性タイムアウト = 関数のタイムアウトの { $factor } 倍
measure-receives = DLQ までの受信 { $receives } 回
measure-maximum-concurrency = 最大同時実行数 { $limit }
measure-reserved-guide = 予約済み同時実行数 { $limit } (AWS のガイドの動作)
measure-reserved-at-once = 予約済み同時実行数 { $limit } (スロットリングされたバッチをすぐに破棄)
measure-three-settings-reserved = タイムアウト { $timeout } 秒、可視性 { $visibility } 秒、受信 { $receives } 回、予約済み同時実行数 { $limit } (すぐに破棄)
measure-three-settings-maximum = タイムアウト { $timeout } 秒、可視性 { $visibility } 秒、受信 { $receives } 回、最大同時実行数 { $limit }
measure-fifo = FIFO (送信元ごとにグループ)
measure-breaker = サーキットブレーカー
measure-restart = ヘルスチェックが { $checks } 回失敗したら再起動
measure-together = タイムアウト { $timeout } 秒、可視性 { $visibility } 秒、受信 { $receives } 回、最大同時実行数 { $limit }、再起動
measure-load = { $factor } 倍の負荷
measure-load-with = { $factor } 倍の負荷 ({ $measure })

# シミュレーションするキュー
simulated-queue = { $known ->
    [named] { $queue } と関数 { $function } をシミュレーションします。
   *[unknown] { $queue } とその関数をシミュレーションします。
  }
simulated-settings = 現在の設定: { $settings }。
simulated-reserved-concurrency = 予約済み同時実行数 { $limit }
simulated-no-limit = 同時実行数の制限なし
simulated-no-dlq = デッドレターキューなし
simulated-batches = バッチサイズ { $messages }
simulated-fifo = FIFO

# モデルの前提
fit-timeout-assumed = 関数のタイムアウトが不明なため、{ $timeout } と仮定しています。
fit-queue-assumed = キューの属性が不明なため、可視性タイムアウトを { $visibility }、保持期間を { $retention } と仮定しています。
fit-no-redrive-policy = リドライブポリシー が不明なため、シミュレーションでは DLQ に移るメッセージはありません。
fit-receives-of-dlq = リドライブポリシー が不明なため、DLQ のメッセージの受信回数から { $receives } 回と仮定しています。
fit-service-time = 通常の処理時間は { $usual } (変動係数 { $variation })です。{ $period } 単位の { $intervals } 区間では、これと異なります。
fit-fixed-time = これはメッセージ 1 件の時間です。呼び出しごとにさらに { $fixed } かかります。
fit-fixed-time-unknown = これはメッセージ 1 件の時間です。バッチの大きさがほぼ一定のため、呼び出しごとに一定の時間は推定できません。
fit-cut-off = そのうち { $intervals } 区間では、ほとんどの呼び出しがタイムアウトに達しました。タイムアウトがなかった場合の処理時間と、タイムアウトを延長した効果は推定値です。
fit-capacity = API の処理能力と正常性はメトリクスに含まれません。そのため、`watchme simulate --api-slots` で同時処理数を指定しない限り、処理時間は負荷によらず実測値のままとします。また、タイムアウトの半分を超える呼び出しの原因は、再起動で解消すると仮定しています。
fit-waiting-left-out = 期間の開始時に滞留していた { $messages } 件のメッセージは含みません。
fit-paused = メッセージが滞留しているのに受信のない時間が計 { $paused } ありました。シミュレーションでも同じ時間帯に受信を止めます。
fit-groups = { $source ->
    [messages] FIFO キューは、メッセージから分かる { $groups } 個のメッセージグループでシミュレーションします。
   *[assumed] FIFO キューのメッセージグループは { $groups } 個と仮定しています。
  }
fit-groups-nearest = メッセージグループは { $groups } 個とすると記録に最も近くなります。
fit-arrivals-nearest = 各区間のメッセージは最初の { $width } に届くとすると、記録に最も近くなります。
fit-order-nearest = { $order ->
    [later] キューに戻ったメッセージは待機中のメッセージより後に
   *[first] キューに戻ったメッセージは待機中のメッセージより先に
  }受信されるとすると、記録に最も近くなります。SQS は順序を保証しません。
fit-retries-nearest = スロットリングされたバッチは { $interval } ごとに再試行されるとすると、記録に最も近くなります。この間隔を AWS は公開していません。
fit-backoff-nearest = 1 分間の試行の { $share } を超えて失敗すると、ポーラーはバッチ数を { $factor } に (最少 { $least } まで) 減らすとすると、記録に最も近くなります。この動作の詳細を AWS は公開していません。
fit-changed-visibility = 可視性タイムアウトは期間の開始から { $after } 後に変更されました。変更前は、関数のタイムアウトの { $factor } 倍の { $value } と仮定しています。
fit-changed-reserved = 予約済み同時実行数は期間の開始から { $after } 後に変更されました。変更前はスロットリングがないため、制限なしと仮定しています。
fit-changed = { $setting ->
    [visibility_timeout_s] 可視性タイムアウト
    [max_receive_count] DLQ までの受信回数
    [reserved_concurrency] 予約済み同時実行数
    [max_concurrency] 最大同時実行数
   *[function_timeout_s] 関数のタイムアウト
  }は期間の開始から { $after } 後に変更されました。変更前の値は不明なため、最初に記録された値と仮定しています。

# 結果
estimate = { $spread ->
    [none] { $mean }
   *[some] { $mean } ± { $half }
  }
measures-no-help = どの対策でも、これらのメッセージは DLQ に移ります。先に失敗の原因を取り除いてから、メッセージを再処理してください。
measures-best = 最も効果があるのは「{ $measure }」です: { $figures }。
measures-restart-assumed = 再起動で呼び出しの遅延が解消すると仮定しています。先に手動で試してください。
measures-instead = { $figure ->
    [dead_lettered] DLQ のメッセージは { $now } 件から { $then } 件
    [lost] 処理が失われたメッセージは { $now } 件から { $then } 件
    [duplicates] 重複は { $now } 件から { $then } 件
   *[peak_age_s] 最長の待ち時間は { $now } から { $then }
  }
measures-now = 現在の設定では、{ $figure ->
    [dead_lettered] DLQ のメッセージは { $now } 件です。
    [lost] 処理が失われたメッセージは { $now } 件です。
    [duplicates] 重複は { $now } 件です。
   *[peak_age_s] 最長の待ち時間は { $now } です。
  }
measures-lower = { $figure ->
    [peak_age_s] 短くなる対策: { $measures }。
   *[other] 減る対策: { $measures }。
  }
measures-higher = { $figure ->
    [peak_age_s] 長くなる対策: { $measures }。
   *[other] 増える対策: { $measures }。
  }
measures-unmoved = シミュレーションのばらつきを超えて変わる対策はありません。
measures-value = 「{ $measure }」 ({ $value })
measures-warning = 警告: 予約済み同時実行数は、正常なメッセージを DLQ に移します。スロットリングされた受信も回数に数えられるためです。呼び出しの失敗なしに DLQ に移るメッセージ: { $measures }。{ $assumption ->
    [guide] AWS のガイドにあるスロットリングの動作に従った結果です。
   *[at_once] AWS のガイドの記述で起こりうる最悪の場合 (スロットリングされたバッチをすぐに破棄) です。
  }{ $mapped ->
    [unknown] {""}
    [none] 最大同時実行数では 0 件です。
   *[some] 最大同時実行数では { $others } 件です。
  }代わりにイベントソースマッピングの最大同時実行数を制限してください。ポーラーは、関数が処理できるメッセージだけを受信するようになります。
measures-doubt = 注意: { $queue } の{ $figure ->
    [peak_visible] 最大滞留数は、記録では { $recorded } 件、同じ設定のシミュレーションでは { $simulated } 件
   *[dead_lettered] DLQ のメッセージは、記録では { $recorded } 件、同じ設定のシミュレーションでは { $simulated } 件
    [peak_age_s] 最も古いメッセージの経過時間は、記録では { $recorded }、同じ設定のシミュレーションでは { $simulated }
  } ({ $lowest } 〜 { $highest }) です。

# 表
measures-caption = 各対策の効果 (シミュレーション)
measures-runs = { $count ->
    [1] 対策ごとに 1 回のシミュレーションのため、区間がなく、ばらつきは不明です。
   *[other] { $count } 回のシミュレーションの平均 ± 95 % 信頼区間の半幅です。区間のない値は、すべてのシミュレーションで同じでした。
  }
measures-note = 10 倍の負荷を除き、どの行も同じ到着を使います。「うち失敗なし」は、スロットリングされた受信も数えられるため、呼び出しの失敗なしに DLQ に移ったメッセージです。「解消」は、1 分を超えて待つメッセージがあった最長の時間で、最初のメッセージの送信から数えます。シミュレーションの終了時にメッセージが残った場合は「未解消」です。
measures-recorded = 記録
measures-not-drained = 未解消
column-measure = 対策
column-in-dlq = DLQ
column-never-failed = うち失敗なし
column-work-lost = 失われた処理
column-done-twice = 重複した処理
column-peak-backlog = 最大滞留数
column-oldest-min = 最長の経過時間 (分)
column-drain-min = 解消 (分)
column-throttles = スロットリング
agreement-caption = シミュレーションと記録の一致
agreement-none = シミュレーションと比べられる値がケースにありません。
agreement-near = はい
agreement-far = いいえ (結果は信頼できません)
agreement-figure-peak-visible = 最大滞留数 (メッセージ)
agreement-figure-peak-age-s = 最も古いメッセージの経過時間
agreement-figure-dead-lettered = DLQ のメッセージ
column-figure = 指標
column-recorded = 記録
column-simulated = シミュレーション
column-single-runs = 各回の範囲
column-within-a-fifth = 差が 20 % 以内

# 図
measures-figure-none = シミュレーションの結果がありません。
measures-panel-dead-lettered = DLQ (件)
measures-panel-duplicates = 重複 (件)
measures-panel-peak-age-s = 経過 (分)
measures-alt = 対策ごとの DLQ のメッセージ数、重複した処理、最も古いメッセージの経過時間 (95 % 信頼区間)。{ $measure }: { $figures }。
measures-alt-figure = { $figure } { $value }
throttling-line = 予約済み { $limit }、{ $poller ->
    [scales] ポーラーは増やすのみ
   *[backs_off] ポーラーは抑制あり
  }、再試行 { $interval } ごと
throttling-line-maximum = 最大同時実行数 { $limit }
throttling-panel = 可視性タイムアウト { $seconds } 秒
throttling-axis-tried = バッチの破棄までの時間 (秒)
throttling-axis-share = 失敗なしに DLQ へ (%)

# 予約済み同時実行数と最大同時実行数
throttling-advice = 処理を制限するには、関数の予約済み同時実行数ではなく、イベントソースマッピングの最大同時実行数を使ってください。
throttling-maximum-none = 最大同時実行数 { $limit } では、どの前提でも、正常なメッセージが DLQ に移ることはありません。
throttling-maximum-some = 最大同時実行数 { $limit } では、正常なメッセージの最大 { $share } が DLQ に移ります。
throttling-reserved = 予約済み同時実行数 { $limit }、可視性タイムアウト { $visibility } では、{ $count } 通りの前提のうち { $losing } 通りで、正常なメッセージが DLQ に移ります。その割合は、ポーラーが AWS のガイドのとおりに抑制し、可視性タイムアウトが過ぎるまで再試行する場合は { $documented }、それより早く再試行をやめる場合は { $earlier }、抑制せずに増やすだけの場合は { $scaling } です。

# コマンド
simulate-load = { $senders } 個の送信元が { $interval } ごとに 1 件ずつ、8 時間送信{ $together ->
    [together] (同時)
   *[spread] {""}
  }、同時処理数 { $slots } の API、{ $runs }、シード { $seed }
simulate-fitted = { $queue }: { $case } に基づくモデル、{ $runs }、シード { $seed }
simulate-runs = { $count } 回
column-unfailed = 失敗なし
column-lost = 失われた処理
column-duplicates = 重複
simulate-legend-never-failed = 失敗なし: スロットリングされた受信も数えられるため、呼び出しの失敗なしに DLQ に移ったメッセージ
simulate-legend-lost = 失われた処理: 完了しないまま DLQ に移ったか、期限が切れた処理。重複: 2 回以上完了した処理
simulate-legend-drain = 解消: 1 分を超えて待つメッセージがあった最長の時間。終了時にメッセージが残った場合は「未解消」
simulate-legend-reserved = AWS のガイドの動作: ポーラーは間隔を広げながら、可視性タイムアウトが過ぎるまでスロットリングされたバッチを再試行します。間隔は公開されていないため、「すぐに破棄」が最悪の場合です (その間の範囲は `watchme report what-if` でシミュレーションします)
