### バックログの診断の要約: 原因、影響範囲、次の手順。

# Cause
backlog-cause = 原因: { $title } (確度 { $confidence })。
backlog-began-with-change = { $time } の { $resource } の変更 ({ $change }) から始まっています。
backlog-no-cause-explains = { $causes } 件の原因のいずれでも説明できません。
backlog-all-well = { $queues } 個のキューで、処理の遅延や消失はなく、失敗の増加もありません。

# Extent
backlog-queue-affected = 影響を受けているキューは { $queue } です。
backlog-queue-affected-since = { $since } から { $queue } が影響を受けています。
backlog-no-queue-measured = キューのメトリクスがデータにないため、異常の有無は不明です。
backlog-no-queue-affected = 異常のあるキューはありません。
backlog-no-queue-recorded = データにキューのメトリクスも設定もありません。
headline-no-arrivals = { $queue } には { $since } 以降メッセージが届いていません (それまでは 1 時間あたり { $per_hour } 件)。
backlog-failing-days = 失敗は { $days } 日間、同じ時間帯に発生しています。
backlog-perhaps-before = 対象期間より前に始まった可能性があります。期間内では、それまで呼び出しが一度も成功していません。
backlog-began-between = 開始時刻は { $earliest } から { $latest } までの間です。
backlog-older-dead-letters = 対象期間の開始時点で、{ $dlq } には { $dead } 件のメッセージがありました。その処理内容は不明なため、未実施の処理には数えていません。

# Next step
backlog-collect-next = 次に収集すべきデータ: { $what }。{ $why }
backlog-nothing-to-collect = この診断に必要なデータはすべてそろっています。
backlog-next-test = 次の手順: { $test }
backlog-remedy = 対処: { $remedy }
backlog-look-for-consumer = 次の手順: `aws lambda list-event-source-mappings` を実行し、FilterCriteria、State、StateTransitionReason を確認してください。ほかにメッセージを受信できるコンシューマーは、キューのポリシーで確認できます。

# Beside the cause
backlog-also-changed = 直前の { $time } に { $resource } が変更されており ({ $change })、それ以降に成功した呼び出しはありません。呼び出しの状況は API の問題を示していますが、この変更が原因でないことも確認してください。
backlog-one-receive = { $queues } のメッセージの最大受信数は 1 回 ({ $setting } が 1) です。一度の失敗で DLQ に移動します。3 回以上に設定すると、再試行で成功する可能性があります。
backlog-trouble-elsewhere = { $queue } では別の時間帯 ({ $span }) にも異常がありました ({ $kinds })。今回の原因では説明できません。{ $option } を指定して診断してください。
backlog-other-incident = { $queue } では別のインシデントも発生しています。期間は { $span }、状況は次のとおりです: { $observed }。
backlog-other-cause = 単独で診断した場合の原因は、{ $cause } です (確度 { $confidence })。
backlog-other-cause-unclear = その原因は特定できていません。
backlog-diagnose-other = 診断するには { $options } を指定してください。
backlog-observed-failures = { $tried } 回の試行のうち { $failed } 回が失敗
backlog-observed-age = メッセージの最大経過時間が { $age }
backlog-observed-unpolled = 受信可能なメッセージがあるのに受信なし
