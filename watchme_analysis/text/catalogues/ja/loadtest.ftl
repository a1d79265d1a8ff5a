### 負荷テスト: 計画、ほかのシステムの監視、結果と予測。

loadtest-plan-queue = 負荷テスト: テストシステム { $system } のキュー { $target } にメッセージ { $count } 件を送信します
loadtest-plan-endpoint = 負荷テスト: テストシステム { $system } の { $target } にリクエスト { $count } 件を送信します
loadtest-plan-record = ケース { $case } の { $source } への到着 ({ $start } から { $recorded }) を { $factor } 倍の速さで、{ $duration } かけて再現します。
loadtest-plan-rate = 所要時間を等分したときの 1 分あたりの件数: { $rates }
loadtest-plan-mark-queue = 各メッセージには属性 { $mark } (値 { $id }) が付きます。
loadtest-plan-mark-endpoint = 各リクエストにはヘッダー { $mark } (値 { $id }) が付きます。
loadtest-plan-cost = 費用: us-east-1 の定価で約 { $usd } USD、SQS へのリクエスト { $requests } 件。
loadtest-plan-no-cost = 費用: テスト自体は AWS を呼び出しません。
loadtest-plan-model = 1 件の処理に平均 { $mean } かかるものとして、{ $runs } 回のシミュレーションで予測しました。
loadtest-predicted-most-waiting = 送信済みで未処理のものは同時に最大 { $mean } 件です ({ $lowest } から { $highest })。
loadtest-predicted-p95-s = 95 % が { $mean } 以内に処理されます ({ $lowest } から { $highest })。
loadtest-predicted-drain-s = 最後の送信から { $mean } 後にすべての処理が終わります ({ $lowest } から { $highest })。
loadtest-predicted-undone = 最大 { $count } 件は処理されません。
loadtest-note-healthy = 前提: 処理時間はケースの { $queue } のもので、障害の影響を除いています。
loadtest-note-live = 設定はテストシステムのものです: 可視性タイムアウト { $visibility }、関数のタイムアウト { $timeout }。
loadtest-note-durations = 前提: 所要時間は { $path } への成功したリクエストの四分位数に合わせています (変動係数 { $variation })。
loadtest-note-slots = 前提: API は同時にいくつでも処理できるものとしています。実際の数は { $option } で指定してください。
loadtest-plan-errors = 10 件目以降、テスト自体の失敗が { $share } を超えると停止します。
loadtest-plan-bounds = 送信するのは { $count } 件だけで、その処理を最大 { $drain } 待ちます。
loadtest-plan-undo-queue = 取り消し: 送信したメッセージは取り消せません。{ $target } に残るメッセージは上の属性で見分けられます。
loadtest-plan-undo-endpoint = 取り消し: リクエストは取り消せません。{ $target } の先で起きたことは残ります。
loadtest-how-to-apply = まだ何も送信していません。送信するには { $command } を実行してください。
loadtest-how-to-write = まだ何も送信していません。--to PLAN で計画を保存してから { $command } を実行してください。

harm-limit-depth = { $name } で受信できるメッセージが { $most } 件を超えると停止します。
harm-limit-dlq = DLQ { $name } のメッセージが { $most } 件を超えると停止します。
harm-limit-age = { $name } の最も古いメッセージの経過時間が { $most } を超えると停止します。
harm-limit-errors = { $name } のエラーが 1 分間に { $most } 件を超えると停止します。
harm-limit-throttles = { $name } のスロットリングが 1 分間に { $most } 件を超えると停止します。
harm-limit-health = { $name } のヘルスチェックが失敗すると停止します。
harm-depth = { $name } で受信できるメッセージが { $value } 件になり、直前 1 時間の最大 { $most } 件を超えました。
harm-dlq = DLQ { $name } のメッセージが { $value } 件になり、開始前の { $most } 件を超えました。
harm-age = { $name } の最も古いメッセージの経過時間が { $value } になり、直前 1 時間の最大 { $most } を超えました。
harm-errors = { $name } のエラーが 1 分間に { $value } 件発生し、直前 1 時間の最大 { $most } 件を超えました。
harm-throttles = { $name } のスロットリングが 1 分間に { $value } 件発生し、直前 1 時間の最大 { $most } 件を超えました。
harm-health = { $name } のヘルスチェックが失敗しました: { $error }。

loadtest-refused = 何も送信していません: { $why }
loadtest-stopped = 負荷テストを停止しました: { $why }
loadtest-complete = { $count } 件をすべて送信し、それぞれの処理の終了を確認しました。
loadtest-not-seen = { $count } 件の処理の終了を、最後の送信から { $within } 以内に確認できませんでした。
loadtest-interrupted = 手動で中断されました。
loadtest-call-failed = { $error }
loadtest-not-empty = { $queue } にはすでにメッセージが { $count } 件あります。一緒に測定されてしまうため、先に処理を終えてください。
loadtest-own-errors = 終了した { $count } 件のうち { $failed } 件が失敗し、{ $most } を超えました。
loadtest-saturated = { $count } 件のリクエストに同時に応答がありませんでした。この送信速度に対してエンドポイントが遅すぎます。
loadtest-late = 送信が計画より { $late } 遅れています。この送信速度に対して SQS またはこのマシンが遅すぎます。
loadtest-was-run = このテストは実施済みです。結果:
loadtest-cut = 以前の実行が中断されました。送信済みのメッセージは集計しますが、送信時刻が失われたため、残りは送信しません。新しく計画してください。
loadtest-progress = { $count } 件中 { $sent } 件を送信しました
loadtest-counts = 計画 { $planned } 件、送信 { $sent } 件、配信 { $delivered } 件、処理 { $processed } 件、失敗 { $failed } 件、終了未確認 { $open } 件
loadtest-unconfirmed = ほかに { $count } 件は送信の成否が不明です。再送信しません。
loadtest-by-queue = 関数のログにテストのメッセージが現れないため、キューの属性により、キューからなくなったものを処理済み、DLQ に入ったものを失敗としています。処理までの時間は不明です。
loadtest-errors = { $count } 件が失敗しました: { $error }
loadtest-compared = { $figure }: { $measured }。シミュレーションの { $lowest } から { $highest } { $position ->
    [above] を上回っています。
    [below] を下回っています。
   *[within] と一致しています。
  }
loadtest-agrees = { $figures } 個の値がすべてシミュレーションと一致しています。
loadtest-deviates = { $figures } 個の値のうち { $count } 個がシミュレーションと異なります。この送信速度では、このシステムに予測は当てはまりません。
loadtest-action = { $target } の負荷テスト: { $end } { $counts }。
loadtest-journal = ジャーナル { $journal }: 二重送信を防ぐため、保管してください
loadtest-nothing-sent = 何も送信していません。
loadtest-figure-done = 処理件数
loadtest-figure-most-waiting = 送信済み・未処理の最大件数
loadtest-figure-median-s = 処理までの時間の中央値
loadtest-figure-p95-s = 処理までの時間の 95 パーセンタイル
loadtest-figure-longest-s = 処理までの最長時間
loadtest-figure-drain-s = 処理し終えるまでの時間
loadtest-panel-waiting = 送信済み・未処理の件数
loadtest-panel-oldest = 最も古いものの経過時間 (秒)
loadtest-axis-time = 最初の送信からの秒数
loadtest-legend-predicted = シミュレーション
loadtest-legend-measured = 測定値
loadtest-figure-alt = { $target } の負荷テスト: 送信済み・未処理は最大 { $waiting } 件、最も古いものは { $oldest }。シミュレーションの範囲も示します。
