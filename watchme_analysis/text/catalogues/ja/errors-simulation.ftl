### simulation のエラー。

error-simulate-no-arrivals = { $queue } はシミュレーションできません。ケースに 0 より大きい NumberOfMessagesSent がありません。キューのメトリクスを収集してください。
error-simulate-no-duration = { $queue } はシミュレーションできません。ケースに関数の Duration の平均がありません。統計 Average と Maximum でメトリクスを収集してください。
error-simulate-replications = 反復回数 { $number } では結果が得られません。1 以上を指定してください。
error-simulate-setting = シミュレーションの { $name } は 0 より大きくなければなりません ({ $value } は無効です)。設定を修正してください。
