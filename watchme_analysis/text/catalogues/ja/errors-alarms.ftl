### alarms のエラー。

error-alarm-periods = { $periods } 期間にわたるアラームは評価できません ({ $limit })。
error-alarm-comparison = 比較演算子 { $comparison } は不明です。{ $known } のいずれかを指定してください。
error-alarm-low-samples = low_samples の値 { $value } は不明です。{ $known } のいずれかを指定してください。
error-alarm-period = 期間が { $period } 秒のアラームは、{ $history } 秒間隔のデータポイントでは評価できません。その倍数の期間を使うか、メトリクスを本来の間隔で収集してください。
error-alarm-statistic = 統計 { $stat } は不明です。{ $known }、またはパーセンタイルを指定してください。
error-alarm-datapoints = { $periods } 期間中 { $datapoints } 期間のアラームは作成できません。datapoints_to_alarm は 1 以上 evaluation_periods 以下でなければなりません。
error-alarm-missing-data = treat_missing_data の値 { $value } は不明です。{ $known } のいずれかを指定してください。
error-metric-math-long = メトリクス数式 { $expression } は長すぎて計算できません ({ $limit })。
error-alarms-no-list = { $file } にリスト `alarms` がありません。付属の { $bundled } を参考に、アラームごとに 1 項目を書いてください。
error-alarms-no-name = { $place } に名前がありません。名前を付けてください。
error-alarms-unknown-key = { $place } に不明なキー { $key } があります。使えるキーは { $known } です。
error-alarms-no-metric = { $place } には、`metric`、2 つのメトリクスの `ratio`、`composite` ルールのいずれかが必要です。
error-alarms-lacks = { $place } に { $key } が必要です。
error-alarms-stat = { $place }: stat の値 { $stat } は無効です。Sum、Average、Maximum、Minimum、SampleCount、または p99 のようなパーセンタイルを指定してください。
error-alarms-ratio = { $place }: ratio の値 { $value } は無効です。2 つのメトリクスのリストを指定してください。
error-alarms-period = period_s の値 { $period } は無効です。10、20、30、または 60 の倍数を指定してください。
error-alarms-range = { $period } s の期間 { $periods } 個は { $range } s になりますが、CloudWatch がこの長さの期間で評価するのは最大 { $most } s です。期間の数を減らしてください。
error-alarms-in-place = { $place }: { $problem }
error-alarms-text = { $place }: { $key } の値 { $value } は無効です。文字列を指定してください。
error-alarms-unreadable = アラームの仕様 { $path } を読み取れません ({ $reason })。パスを確認してください。
error-alarms-not-yaml = アラームの仕様 { $path } は YAML ではありません ({ $reason })。修正してください。
error-metric-math = Metric Math の式 { $expression } { $problem ->
    [part] に使えない部分 { $part } があります
    [no-list] の { $part } には [m1, m2] のようなリストを指定してください
    [arguments] の { $part } の引数の数 { $arguments } が正しくありません
   *[unclear] を解釈できません
  }。使えるのは + - * / ^、比較、{ $functions }、ID { $ids } です。
error-composite-rule = 複合アラームのルール { $rule } を { $rest } から先で解釈できません。ALARM("a")、OK("a")、INSUFFICIENT_DATA("a") を AND、OR、NOT、括弧で組み合わせて書いてください。
error-alarms-one-threshold = { $place } には threshold と of_timeout のどちらか一方だけを指定してください。
error-alarms-number = { $place }: { $key } の値 { $value } は無効です。{ $kind ->
    [whole] 整数
   *[number] 数
  }を指定してください。
error-lone-point = lone_point の値 { $name } は不明です。{ $known } のいずれかを指定してください。
error-alarm-state = アラームの状態 { $name } は不明です。{ $known } のいずれかを指定してください。
