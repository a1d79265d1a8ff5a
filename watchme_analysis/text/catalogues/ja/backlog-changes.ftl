### キュー、関数、マッピング、ホストの変更と、異常との前後関係。

backlog-changed-code = 新しいコードのデプロイ
backlog-changed-code-or-configuration = コードまたは設定の更新
backlog-changed-configuration = 設定の変更
backlog-changed-permissions = 権限の変更 ({ $event })
backlog-changed-host = ホストまたはネットワークの変更 ({ $event })
backlog-changed-function-timeout = 関数のタイムアウトを { $value } に変更
backlog-changed-visibility-timeout = 可視性タイムアウトを { $value } に変更
backlog-changed-concurrency = 予約された同時実行数を { $value } に設定
backlog-changed-concurrency-removed = 予約された同時実行数の設定を解除
backlog-changed-queue-attributes = キューの属性の変更
backlog-changed-purged = キューの消去 (purge)
backlog-changed-mapping-deleted = イベントソースマッピングの削除
backlog-changed-other = { $event }
backlog-mapping-disabled = イベントソースマッピングの無効化
backlog-mapping-enabled = イベントソースマッピングの有効化
backlog-mapping-changed = イベントソースマッピングの変更
backlog-resource-unknown = 不明なリソース
backlog-user-unknown = 不明なユーザー

backlog-change-recorded = { $time } に { $user } が { $resource } を変更しました: { $change }。
backlog-change-in-configuration = { $resource } の設定が最後に変更されたのは { $time } です: { $change }。
backlog-change-then-few-runs = その後の呼び出しはわずかです。
backlog-change-in-first-interval = 異常は同じメトリクスの間隔内に始まっています。
backlog-change-then-trouble = 異常はその { $lead } 後に始まり、その間に成功した呼び出しはありません。
