### cloudwatch のエラー。

error-sample-hidden = 読み取ったメッセージは最大 { $seconds } 秒間見えなくなりますが、失われません: { $problem }
error-offline-with-cache = オフラインの接続はキャッシュから読み取ります。cache と refresh を外してください。
error-pull-names = 収集の対象がありません。キュー、関数、インスタンス、ロググループ、または { $file } のシステムを指定してください。
error-pull-max-usd = max_usd の値 { $value } は無効です。0 より大きい USD の数値を指定してください。
error-connection-limit = 接続に上限 { $name } はありません。使えるのは max_scan_gb、usd_per_gb、deadline_s です。
error-metric-period = 期間 { $period } は整数の秒数ではありません。60、'5m'、'1h' のように指定してください。
error-price-offline = 料金の見積もりには AWS への問い合わせが必要です。offline を付けずに接続してください。
error-metrics-nothing-named = メトリクスを取得するキュー、関数、またはインスタンスを指定してください。
error-query-no-groups = クエリにはロググループが必要です。'/aws/lambda/*' のように groups を指定するか、{ $file } のシステムに log_groups を書いてください。
error-no-log-group = { $target } に { $pattern } と一致するロググループがありません。ロググループ名、プロファイル、リージョンを確認してください。
error-insights-time = CloudWatch が行の `@timestamp` として返した { $time } は時刻ではありません。計算したフィールドには別の名前を付けてください。
error-query-language = クエリ言語「{ $name }」はありません。{ $known } のいずれかを指定してください。
error-query-groups = 1 つのクエリに指定できるロググループは 1 〜 { $most } 個です ({ $number } 個が指定されています)。クエリを分けてください。
error-query-parameter-type = パラメータ { $name } の型は { $type } です。{ $value } は指定できません。
error-query-no-parameter = クエリ { $query } にパラメータ { $names } はありません。使えるパラメータは { $known } です。
error-query-unknown = ライブラリにクエリ { $name } はありません。使えるクエリは { $known } です。
error-query-needs-parameter = クエリ { $query } には { $name } ({ $description }) が必要です。-p { $name }=VALUE (Python では { $name }) を追加してください。
error-scan-ceiling = クエリのスキャン量は { $cost } で、上限の { $ceiling } GB を超えます。期間を狭めるか、--max-scan-gb (Python では max_scan_gb) で上限を上げてください。
error-metric-queries-linked = { $number } 個のメトリクスクエリが相互に参照しています ({ $first }、{ $second } など)。CloudWatch が 1 回の呼び出しで受け付けるのは { $most } 個までです。数式を分けてください。
error-cache-lacks = キャッシュに { $name }{ $has ->
    [window] { " " }({ $window })
   *[none] { "" }
  } がありません。一度 --offline (Python では offline) を付けずに実行してください。
error-cancelled = 処理は中止されました。
error-aws-call = { $target } での { $service }:{ $call } の呼び出しに失敗しました: { $problem }。
error-aws-unavailable = AWS を呼び出せません ({ $problem })。--profile と --region を指定するか、設定してください。
error-no-region = リージョンが設定されていません。--region (Python では region) または AWS_REGION を指定してください。
error-other-region = { $resource } は { $stated } にありますが、リージョンは { $region } です。--region { $stated } (Python では region) を指定してください。
error-unknown-region = AWS にリージョン { $region } はありません。--region またはプロファイルのリージョンを修正してください。{ $near }
error-aws-refused = { $target } での { $call } の呼び出しは { $code } を返しました: { $text }
error-aws-refused-silently = { $target } での { $call } の呼び出しは { $code } を返しました
error-aws-busy = { $problem }。アカウントで同時に実行できるクエリ数の上限に達しています。後で再試行するか、クエリを停止してください。
error-aws-every-attempt = { $problem }。すべての試行で失敗しました。後で再試行してください。
error-aws-credentials = { $problem }。もう一度ログインするか、別の --profile を指定してください。
error-aws-clock = { $problem }。このマシンの時計を確認するか、もう一度ログインしてください。
error-aws-denied = { $problem }。必要なアクセス許可は `watchme case pull --print-policy` で確認できます。
error-aws-not-found = { $problem }。名前、リージョン、プロファイルを確認してください。
error-aws-request = { $problem }。リクエスト (名前、パラメータ、期間) を確認してください。
error-aws-no-response = { $target } での { $call } の呼び出しに応答がありませんでした ({ $problem })。ネットワークを確認して再試行してください。
error-aws-no-call = { $target } で { $call } を呼び出せません ({ $problem })。ログインするか、別の --profile を指定してください。
cache-log-groups = { $prefix } で始まるロググループ
cache-account = { $target } のアカウント
target = { $region } ({ $profile })
target-default-region = デフォルトのリージョン
