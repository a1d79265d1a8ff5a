### ヘルスチェックのプローブ: 進行状況、結果、エラー。

probe-seen = { $status } ({ $seconds } 秒)
probe-not-written = 書き込めませんでした: { $reason }
probe-written = プローブ { $rows } 件を { $file } に書き込みました{ $lost ->
    [0] 。
   *[other] 。{ $lost } 件は書き込めませんでした。
  }
probe-published = { $metric } のデータポイント { $points } 個を書き込みました{ $lost ->
    [0] 。
   *[other] 。{ $lost } 個は書き込めませんでした: { $problem }
  }
probe-price = { $place } の URL { $urls } 個の HealthCheckFailed の料金は、us-east-1 の定価で 1 か月あたり約 { $usd } USD です。
error-probe-ascii = { $url } はプローブできません。空白のない ASCII で書いてください。
error-probe-ascii-example = { $url } はプローブできません。{ $example } のように、空白のない ASCII で書いてください。
error-probe-url = { $url } はプローブできません。https://example.com/health のような http または https の URL を指定してください。
error-probe-header = { $place } はヘッダーではありません。NAME: VALUE の形で、ASCII の 1 行で書いてください。
error-probe-file = { $path } にはプローブの結果以外のデータがあります。--to で別のファイルを指定してください。
error-probe-system = システム { $system } に { $needed ->
    [health] health (URL でない場合は api も)
   *[port] port
  } がありません。URL を指定するか、{ $file } に追加してください。
