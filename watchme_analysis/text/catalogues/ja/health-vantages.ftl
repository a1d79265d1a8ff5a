### 呼び出し元、コンテナ内、ホストからのプローブの結果と、影響を受けたパス。

health-host-bad-inside-clear = 外部への応答が悪かった間、ホストから { $paths } へのプローブは { $probes } 件中 { $bad } 件が遅延または失敗しましたが、コンテナ内からのプローブは正常でした。
health-inside-clear = 外部への応答が悪かった間も、コンテナ内から見た { $paths } は正常に応答しました (プローブ { $probes } 件中 { $good } 件、中央値 { $median })。
health-inside-bad = コンテナ内から見ても { $paths } の応答は外部と同様に異常でした (プローブ { $probes } 件中 { $bad } 件が遅延または失敗、中央値 { $median })。
health-some-paths = { $paths } に異常が出ていた間、同じサービスの { $calm } は正常でした。
health-all-paths = リクエストのあったパスはすべて異常でした: { $paths }。
health-pool-paths =
    { $elsewhere ->
        [other-threads] 異常が出たのはスレッドプールで動くエンドポイントだけです ({ $bad })。イベントループまたは別のスレッドで動くものは正常でした ({ $good })。
       *[loop] 異常が出たのはスレッドプールで動くエンドポイントだけです ({ $bad })。イベントループで動くものは正常でした ({ $good })。
    }
health-loop-paths-pool-well = イベントループで動くエンドポイントも異常でしたが ({ $bad })、スレッドを必要とするものは正常でした ({ $good })。
health-handler-off-pool = 異常が出たエンドポイント ({ $bad }) はイベントループで動き、スレッドを必要としません。
health-loop-paths-too = イベントループで動くエンドポイントも異常でした ({ $bad })。
health-one-onset = 複数のサービス ({ $services }) の一部のパスで、同じ時点 ({ $since }) から異常が発生しました。その時点以降、{ $paths } 個のパスのそれぞれで最初のリクエストから異常でした。ほかのパスは正常でした。
