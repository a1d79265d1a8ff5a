### アラームのページの表と図。

alarms-none-fired = この期間に発報したアラームはありません。
alarms-panel = アラーム状態
alarms-panel-noticed = アラーム状態 (点線: 人が気づいた時刻)
alarms-alt = アラーム状態の期間 (1 行に 1 つ): { $alarms }。網掛けはインシデントです。
backtest-never-fired = 発報なし: { $alarms }。
alarms-not-evaluated = 評価不可: { $alarms } ({ $reasons })
alarm-still = アラーム状態のまま
alarm-over-dlq = 各デッドレターキュー
alarm-over-function = 各関数
alarm-over-queue = 各キュー
alarm-over-probes = ヘルスチェック
alarm-advice-caption = 改善案とその効果
alarm-advice-none = なし: これらのキューと関数では、どのアラームも目的を果たせます。
sensitivity-none = どのしきい値や M/N でも、このインシデントでアラームは発報しません。
sensitivity-axis = しきい値 (点の横の数字は 1 週間あたりの誤報)
sensitivity-never = 発報なし
sensitivity-delay = 開始から (分)
sensitivity-alt = しきい値ごとの最初の発報時刻 (M/N ごとに 1 本の線)。{ $alarms }。
sensitivity-alt-alarm = { $resource } の { $alarm }: 開始から { $after } 後
datapoints-to-alarm = { $m }/{ $n }
backtest-caption = 発報していたはずのアラーム
existing-alarms-caption = 既存のアラーム (同じルールで評価)
existing-alarms-none = ケースにアラームがありません: alarms.json が空か、存在しません。
rules-caption = 仕様のアラーム
ranges-caption = 前提ごとの最初の発報時刻と発報回数
ranges-note = データポイントが欠けている場合に CloudWatch が評価する期間の数は公開されていません (公式の例では N + 2)。しきい値を超えた新しいデータポイントが少数しかない間の状態も公開されていません。ここでは状態を維持するものとし、ほかに `insufficient` と `ok` も評価しています。
ranges-none = 差なし: 評価範囲が N + 0 〜 N + 5 期間のどれでも、また新しい超過データポイントが少数のときの状態がどれでも、すべてのアラームは同じ時刻に発報します。
column-then-cleared = 解除
column-after-the-start = 開始からの時間
column-before-people = 人より早かった時間
column-times-fired = 発報回数
column-false-a-week = 1 週間あたりの誤報
column-rule = ルール
column-over = 対象
column-backtest-shows = バックテストの結果
column-effect-of-change = 効果
column-better = 改善案
alarms-first-lacking = 監視対象のメトリクスがケースにないため、これらのアラームはどれも評価できません。
alarms-first-none = これらのアラームはどれも発報しませんでした。
alarms-first-only-false = インシデントで発報し、かつ誤報のないアラームはありませんでした。
alarms-first-vain = インシデントはありません。誤って発報したアラーム: { $alarms }。
alarms-first-quiet = インシデントはありません。誤って発報したアラームもありません。
alarms-first-best = { $calm ->
    [calm] 誤報も繰り返しもなく
   *[repeated] 誤報なく
  }最初に発報していたアラームは { $resource } の { $alarm } です。発生から { $after } 後{ $noticed ->
    [later] {""} (人が気付く { $lead } 前)
   *[unknown] {""}
  }の { $time } に発報し、この期間の発報は { $fired } 回です。
alarms-first-by-then = その時点でデッドレターキューにあったのは { $messages } 件中 { $seen } 件で、残り { $rest } 件はまだ防ぐことができました。
alarms-first-sooner = { $resource } の { $alarm } は発生から { $after } 後に発報しますが、1 つのインシデントで { $fired } 回発報するため、無視されるようになります。改善案を参照してください。
alarms-first-quietest = 発報回数が最も少ないのは { $resource } の { $alarm } です。{ $fired } 回で、最初は発生から { $after } 後です。
alarms-spared = インシデントは { $time } の { $resource } への変更 ({ $what }) から始まりました。変更の後にテストメッセージを 1 件送り、失敗したらロールバックしていれば、{ $messages } 件すべてがデッドレターキューに移らずに済みました。
detect-no-incident = この期間にインシデントはありません。以下で発報するアラームはすべて誤報です。
detect-nobody = インシデントは { $start } ({ $zone }) に始まりました。アラームの発報も影響を受けたリソースの変更もなく、人が対応した記録はありません。パラメータ noticed を指定すると、その時刻とアラームを比べられます。
detect-noticed = インシデントは { $start } ({ $zone }) に始まりました。{ $late } 後の { $time } までに気付いています: { $how }。
detect-stated = パラメータで指定された時刻
detect-alarm = アラーム { $alarm } の発報
detect-change = { $user } による { $resource } への { $event }
trial-no-state = 構成するアラームの状態が不明です。
trial-depends = 評価できない { $alarms } に依存しています。
trial-no-timeout = { $resource } のタイムアウトがケースにありません。
trial-not-static = メトリクスの静的しきい値ではないため、評価できません。
trial-no-metric = { $resource } の { $metric } ({ $stat }) がケースにありません。
trial-coarse = データポイントの間隔が { $period } 秒のため、最大 { $earlier } 秒早く発報していた可能性があります。
trial-no-samples = SampleCount がケースにないため、常に評価しました。
advice-unreachable = 失敗し続けるメッセージは、{ $receives } 回の受信 × { $visibility } 秒 = { $lasts } 秒で DLQ に移ります。経過時間が { $threshold } 秒を超えるのはポーリングされていないキューだけで、処理の失敗では発報しません。
advice-unreachable-recorded = 失敗し続けるメッセージは、{ $receives } 回の受信 × { $visibility } 秒 = { $lasts } 秒で DLQ に移り、記録された最大の経過時間は { $highest } 秒です。経過時間が { $threshold } 秒を超えるのはポーリングされていないキューだけで、処理の失敗では発報しません。
advice-lower = 経過時間 { $limit } 秒超、および DLQ の最初のメッセージに対するアラーム
advice-lower-calm = 経過時間 { $limit } 秒超 ({ $periods } ポイント中 { $points } ポイント)、および DLQ の最初のメッセージに対するアラーム
advice-too-few = 呼び出しがあるのは { $period } 秒 × { $periods } 期間のうち最大 { $most } 期間です。すべての呼び出しが失敗しても、{ $points } 期間がしきい値を超えることはありません。
advice-one-of-one = 1 期間中 1 期間
advice-average = 平均では { $average }。最大では { $maximum }。
advice-flapping = 1 つのインシデントで { $fired } 回発報します。欠損データを { $treated } として扱うため、欠けるたびに解除されます。
advice-ignore-missing = 欠損データを ignore にして状態を維持する
effect-unchanged = 変わりません
effect-not-evaluated = 評価できません ({ $reason })
effect-never = 発報しません
effect-not-for-it = インシデントでは発報しません{ $is_vain ->
    [some] 、誤報は週 { $false_alarms } 回
   *[none] 、誤報なし
  }
effect-fires = 発生から { $minutes } 分後に発報、計 { $fired } 回{ $is_vain ->
    [some] 、誤報は週 { $false_alarms } 回
   *[none] 、誤報なし
  }
trial-unknown = この仕様にないため、データなしとして評価しました: { $alarms }。
alarm-rule = { $kind ->
    [checks] 失敗したチェック { $sign } { $limit }、チェックごと
    [timeout] { $what } { $sign } タイムアウトの { $limit } %、{ $period } 秒
   *[value] { $what } { $sign } { $limit }、{ $period } 秒
  }、{ $points }/{ $periods }
alarm-threshold = { $unit ->
    [seconds] { $value } 秒
    [percent] { $value } %
    [timeout] タイムアウトの { $value } %
   *[count] { $value }
  }
