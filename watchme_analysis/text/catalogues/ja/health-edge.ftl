### エッジのログ、設定から分かる、リクエストに対するエッジの動作。

health-edge-passes-on = エッジの影響はありません。{ $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $passed } 件はそのまま転送され、時間がかかったのも失敗したのもオリジンです。
health-edge-passes-on-by-probes = Nginx のログでも、{ $paths } へのリクエスト { $requests } 件中 { $bad } 件がプローブと同様に遅延または失敗しました。
health-fate-held-by-edge-detail = オリジンは { $origin } で応答していますが、{ $paths } へのリクエストはエッジで待たされています。
health-fate-edge-responded-detail = { $paths } にはエッジが自ら { $statuses } を返しています。
health-edge-cache-status = キャッシュステータスは { $cache } が最多です。
health-fate-sent-elsewhere-detail = エッジが { $paths } を { $usual } ではなく { $origins } に送っています。
health-edge-impatient = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $ended } 件は、エッジが { $cut } でタイムアウトしました。このエンドポイントは正常時でも最長 { $needs } かかります (Nginx には 499 が記録されています)。
health-edge-impatient-detail = エッジのタイムアウトは { $cut } ですが、{ $paths } は最長 { $needs } かかります。
health-edge-never-arrived-by-probes = インシデントの間、{ $paths } へのリクエストは Nginx に 1 件も届いていません。ほかのリクエストは { $others } 件届いており、インシデント前はこのパスのリクエストも { $before } 件届いていました。
health-outside-bad-nginx-fine = 外部からのプローブは { $probes } 件中 { $bad_probes } 件が遅延または失敗しましたが、Nginx は { $paths } に正常に応答していました (異常は { $requests } 件中 { $bad } 件、中央値 { $median })。
health-outside-bad-nginx-fine-detail = Nginx は { $median } で応答しており、{ $paths } の異常は Nginx より手前で発生しています。
health-edge-not-reached = 遅延または失敗した外部からのプローブ { $bad } 件のうち { $early } 件は、リクエストを送信できていないか、送信前の接続で時間を費やしていました。ほかの呼び出し元から { $paths } へのリクエストは { $median } (中央値、{ $served } 件) で処理されています。応答ではなく、プローブ元からエッジまでの経路が疑われます。
health-edge-wrong-host = 呼び出し元はエッジに { $name } を要求していますが、Nginx が自ら異常応答を返したリクエスト { $refused } 件のうち { $renamed } 件は { $given } 宛てです。エッジがホスト名を書き換えています。
health-edge-wrong-host-configured = 呼び出し元は { $name } を要求し、エッジは Nginx に { $given } を要求しています。Nginx が { $path } を転送するのは { $served } だけで、{ $given } では転送しません。
health-edge-wrong-host-detail = エッジが { $name } の代わりに { $given } を要求しています。
health-edge-renames-unjoined =
    { $number ->
        [one] エッジが転送した { $paths } の遅延または失敗したリクエスト { $lost } 件は、Nginx に記録されていません。代わりに、エッジには誰も要求していない { $other } が同じステータス { $status } で { $hits } 件記録されています。
       *[several] エッジが転送した { $paths } の遅延または失敗したリクエスト { $lost } 件は、Nginx に記録されていません。代わりに、エッジには誰も要求していない { $other } などのパスが同じステータス { $status } で { $hits } 件記録されています。
    }
health-edge-renames-unjoined-detail =
    { $number ->
        [one] エッジが { $paths } の代わりに { $other } を要求しています。
       *[several] エッジが { $paths } の代わりに { $other } などのパスを要求しています。
    }
health-edge-renames = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $renamed } 件は、呼び出し元がエッジに要求したものとは別のパスで Nginx に記録されています ({ $path } が { $other } になるなど)。
health-edge-renames-detail = エッジが { $path } の代わりに { $other } を要求しています。

# Configuration and settings
health-edge-rule = エッジの設定では、{ $paths } の扱いが正常だったパスと異なります。
health-edge-setting = エッジのあるルールが、{ $paths } の遅延または失敗したリクエスト { $count } 種類のうち { $concerned } 種類に適用されます。正常だったリクエストに適用される割合は { $others } です。
health-rule-edge-setting = エッジのルール { $rule } ({ $condition }): { $effect }。
health-rule-edge-settings-more = 同様のルールがほかに { $count } 件あります。
health-rule-edge-location = エッジのロケーション { $location } では { $settings } が設定されています。
health-setting = { $setting }
health-setting-elsewhere = { $setting } (ほかのパスでは { $other })
health-setting-default = デフォルト値
health-setting-asks-for = { $setting } ({ $path } を要求します)
health-setting-cache-lock = { $valid } のないキャッシュロック ({ $lock }。キャッシュできない応答は 1 件ずつしか通りません)
health-setting-cache-errors = エラー応答を保持するキャッシュ ({ $setting })
health-setting-cache-ignores = ヘッダーを無視するキャッシュ ({ $setting })
health-edge-settings-rejected = エッジの設定の一部は読み取れなかったか、途中で切れています。該当箇所はインポート結果に記載されています。
health-edge-rule-unknown = エッジのルール { $rule } が { $paths } に適用されるかどうかは { $fields } によりますが、その値は不明です。
health-edge-rule-unread = エッジのルール { $rule } には解釈できない部分があります: { $problem }。
health-edge-setting-unread = エッジの設定にこのパスを含む項目がありますが、解釈できませんでした: { $setting }。
