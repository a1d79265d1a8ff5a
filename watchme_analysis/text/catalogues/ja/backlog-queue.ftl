### キューに関する観測: 送信元、設定、メッセージを受信するポーラー。

# Senders
backlog-arrivals-usual = { $by ->
    [sent] { $queue } へのメッセージの到着は通常のリズムでした。
   *[invocations] { $queue } の関数は通常のリズムで呼び出されていました。到着数そのものは収集されていません。
  }
backlog-arrivals-rose = { $when ->
    [before] { $queue } には { $span } の間に { $arrivals } 件のメッセージが到着しました (通常の { $ratio } 倍)。増加は最初の異常より前に始まっています。
    [after] { $queue } には { $span } の間に { $arrivals } 件のメッセージが到着しました (通常の { $ratio } 倍)。増加は最初の異常より後に始まっています。
   *[no-trouble] { $queue } には { $span } の間に { $arrivals } 件のメッセージが到着しました (通常の { $ratio } 倍)。このために待たされたメッセージはありません。
  }

# Settings
backlog-receives = { $attempts ->
    [messages] { $queue } のメッセージの受信回数は { $received } 回です。送信されたのは { $sent } 件、処理に失敗したのは { $failed } 件です。
   *[invocations] { $queue } のメッセージの受信回数は { $received } 回です。送信されたのは { $sent } 件、失敗した呼び出しは { $failed } 回です。
  }
backlog-receives-throttled = スロットリングされた配信も受信回数に数えられます。
backlog-receives-beyond = 理由のない受信は { $since } に始まりました。
backlog-visibility-timeout = { $queue } の可視性タイムアウトは { $limit } です。長い呼び出しの実行時間は { $duration } です (最大実行時間の 90 パーセンタイル)。
backlog-function-timeout = 関数のタイムアウトは { $timeout } です。
backlog-visibility-below-advice = { $queue } の可視性タイムアウトは { $limit }、関数のタイムアウトは { $timeout } です。スロットリングされたバッチはその間に再試行されるため、AWS は関数のタイムアウトの { $times } 倍を推奨しています。
backlog-hidden-long = { $since } 以降、{ $queue } では最大 { $hidden } 件のメッセージが、どの呼び出しにも処理されないまま数時間にわたって処理中 (in flight) でした。可視性タイムアウトが { $limit }、関数のタイムアウトが { $timeout } のため、失敗したメッセージは長い間再び受信できません。
backlog-deleted-repeatedly = { $queue } では、メッセージの数より { $deletes } 回多く削除されています。

# Polling
backlog-polled = { $queue } のメッセージは継続的に受信されており、長く受信されなかったメッセージはありません。
backlog-unpolled = { $queue } では { $since } から { $lasted } の間、メッセージが待機していましたが、1 件も受信されませんでした。
backlog-unpolled-by-consumer = { $queue } では { $since } から { $lasted } の間、メッセージが待機していましたが、1 件も受信されませんでした。{ $consumer ->
    [known] コンシューマー
   *[unknown] データに現れないコンシューマー
  }が停止またはハングしているか、キューに接続していません。
backlog-waiting-behind-disabled-mapping = 属性の取得時点で { $queue } には { $waiting } 件のメッセージが待機しており、イベントソースマッピングは無効です。
backlog-mapping-off = { $queue } から { $function } へのイベントソースマッピングの状態は { $state } です。
backlog-unmatched-receives = { $queue } では { $span } の間に、{ $function } の呼び出しを伴わない受信が { $received } 回ありました。
backlog-unmatched-filtered = メッセージは削除されています。イベントソースマッピングのフィルターが、次のいずれにも一致しないメッセージを破棄します: { $patterns }。
backlog-unmatched-deleted = メッセージは削除されています。イベントソースマッピングのフィルターが破棄しているか、別のコンシューマーが受信しています。
backlog-unmatched-deleted-without-filter = メッセージは削除されています。別のコンシューマーが受信しているか、当時のイベントソースマッピングにフィルターがありました (現在はありません)。
backlog-unmatched-returned = メッセージはキューに戻っています。別のコンシューマーが受信しているか (コンソールでの表示など)、Lambda が関数を起動できません。
backlog-consumer-stopped = { $platform ->
        [ecs] ECS サービス { $name } の必要なタスク数が 0
        [ec2] Auto Scaling グループ { $name } の希望する容量が 0
       *[kubernetes] Deployment { $name } のレプリカ数が 0
    } に設定されていて、実行中は { $running } 個です。
backlog-consumer-breaks = { $platform ->
        [ecs] ECS サービス { $name } のタスク
        [ec2] Auto Scaling グループ { $name } のインスタンス
       *[kubernetes] Deployment { $name } のポッド
    } が { $count } 回終了したか、起動に失敗しました ({ $desired } 個中 { $running } 個が実行中): { $reason }
backlog-consumer-runs = { $platform ->
        [ecs] ECS サービス { $name } では { $desired } 個中 { $running } 個のタスクが実行中です。
        [ec2] Auto Scaling グループ { $name } では { $desired } 台中 { $running } 台のインスタンスが InService です。
       *[kubernetes] Deployment { $name } では { $desired } 個中 { $running } 個のレプリカが Ready です。
    }
