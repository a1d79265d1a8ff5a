### 診断の要点: 見出し、事実、原因、手順。

# 見出し
headline-failing = { $state ->
    [open] { $who } では { $start } から{ $part }失敗しています
    [past] { $who } では { $start } からデータの最終時刻まで{ $part }失敗しました
   *[ended] { $who } では { $span } に{ $part }失敗しました
  }{ $said ->
    [error] : { $error }
   *[none] 。
  }
headline-every = { $attempts ->
    [messages] 受信メッセージの処理
   *[invocations] 呼び出し
  }がすべて
headline-share = { $attempts ->
    [messages] 受信メッセージの処理
   *[invocations] 呼び出し
  }の { $share } が
headline-waiting = { $state ->
    [open] { $queue } で { $waiting } 件のメッセージが待機しています
    [past] データの最終時刻に、{ $queue } で { $waiting } 件のメッセージが待機していました
   *[ended] { $queue } で { $span } に最大 { $waiting } 件のメッセージが待機しました
  }{ $aged ->
    [known] {" "}(最も古いものは { $age })
   *[unknown] {""}
  }{ $deletes ->
    [stopped] 。{ $since } 以降、削除は 1 件もありません。
   *[unknown] 。
  }
headline-dead-letters = { $state ->
    [open] { $start } から、{ $queue } の { $dead } 件のメッセージが DLQ に移動しています。
    [past] { $start } からデータの最終時刻までに、{ $queue } の { $dead } 件のメッセージが DLQ に移動しました。
    [ended] { $span } に、{ $queue } の { $dead } 件のメッセージが DLQ に移動しました。
   *[undated] { $queue } の { $dead } 件のメッセージが DLQ に移動しました。
  }
headline-lost = { $queue } の { $lost } 件のメッセージが、処理されないまま削除されました。
headline-throttled = { $state ->
    [open] { $function } は { $start } から { $count } 回スロットリングされています。
    [past] { $function } は { $start } からデータの最終時刻までに { $count } 回スロットリングされました。
    [same] この間に { $function } は { $count } 回スロットリングされました。
   *[ended] { $function } は { $span } に { $count } 回スロットリングされました。
  }
headline-logged = { $function } のログには{ $error }が { $count } 件あります{ $timed ->
    [known] {" "}({ $span })。
   *[unknown] 。
  }
headline-requests = { $state ->
    [open] { $start } から
    [past] { $start } からデータの最終時刻まで
   *[ended] { $span } に
  }、{ $paths } への{ $part ->
    [every] すべてのリクエスト
    [both] リクエスト { $requests } 件中 { $failed } 件が失敗し、{ $bad } 件
   *[counts] リクエスト { $requests } 件中 { $bad } 件
  }{ $how }{ $said ->
    [error] : { $error }
   *[none] 。
  }
headline-timed-out = がタイムアウトしました
headline-silent = に応答がありませんでした
headline-status = に { $statuses } が返されました
headline-slow = の応答が遅延しました
headline-slower = の応答に、通常の { $usual } に対して { $during } かかりました

# 事実
fact-affected-resource = 影響範囲: { $value }
fact-first-harm = 影響開始: { $value }
fact-state = { $state ->
    [open] 影響終了: 継続中
    [past] 影響終了: データの最終時刻でも継続中
    [ended] 影響終了: { $end }{ $after ->
        [change] {" "}(契機: { $change })
        [none] {" "}(変更の記録なし)
       *[unknown] {" "}(理由は不明)
      }
   *[unknown] 継続中か終了か: 不明
  }
fact-error-times = 最初と最後のエラー: { $value }
fact-data-end = データの最終時刻: { $value }
fact-data-age = { $time } ({ $age }前)
fact-preceding-change = 直前の変更: { $value }
fact-change-value = { $time }、{ $resource }: { $change }
fact-mark = { $time }、{ $change }
fact-ended-by = { $resource }: { $change }
fact-no-change = 記録なし
fact-waiting-now = 滞留数: { $value }
fact-waiting-peak = 最大滞留数: { $value }
fact-oldest-age-peak = 最も古いメッセージの経過時間 (最大): { $value }
fact-with-peak = { $known ->
    [same] 最終時点 { $now } (最大)
    [unknown] 最終時点 { $now }
    [drained] 最大 { $peak }
   *[other] 最終時点 { $now }、最大 { $peak }
  }
fact-messages = { $messages } 件
fact-oldest-age = 最も古いメッセージの経過時間: { $value }
fact-growth = 1 時間あたりの増加: { $value }
fact-arrivals-stopped = { $queue } への到着: { $since } 以降なし (それまでは 1 時間あたり { $per_hour } 件)
fact-drained-at = この速度で処理し終える時刻: { $value }
fact-failed-invocations = { $attempts ->
    [messages] 失敗した受信処理: { $value }
   *[invocations] 失敗した呼び出し: { $value }
  }
fact-late-messages = 遅延したメッセージ: { $value }
fact-dead-letters = DLQ に移動: { $value }
fact-lost-messages = 消失: { $value }
fact-work-items = 未処理の作業: { $value } ({ $unit }単位)
fact-failed-requests = 失敗したリクエスト: { $value }{ $seen ->
    [known] {" "}(集計箇所: { $vantage })
   *[all] {""}
  }
fact-of-total = { $total } 件中 { $part } 件
fact-of-functions = { $total } 件中 { $part } 件 ({ $functions } 関数全体の { $share })
fact-slow-first = { $start } (最初は遅延、その後に失敗)
fact-of-unknown = { $part } 件 (総数は不明)
fact-late-requests = 遅延したリクエスト: { $value }
fact-statuses = 失敗の内訳: { $value }
fact-statuses-value = { $kinds }
fact-response-time = 応答時間の中央値: { $value }
fact-response-time-value = { $during } (通常は { $usual })
fact-degradation = 応答の遅延: { $value }
fact-degradation-value = { $path }、{ $during } (通常 { $usual })
fact-failing-replicas = 異常なレプリカ: { $value }
fact-failing-replicas-value = { $failing } (全 { $replicas } 台)
fact-consumer = コンシューマー: { $value }
fact-consumer-value =
    { $platform ->
        [ecs] ECS サービス
        [ec2] Auto Scaling グループ
        [program] プログラム
       *[kubernetes] Deployment
    } { $name }{ $known ->
        [known] 、{ $desired } 個中 { $running } 個が実行中
       *[unknown] {""}
    }
fact-host-cpu = ホストの CPU: { $value }
fact-host-cpu-value = 最大 { $during } % (インシデント前は最大 { $before } %)
fact-error = エラー: { $value }

# 原因
answer-cause-found = 原因を特定 (確度 { $confidence }{ $state ->
    [ended] 、当時の状態
   *[open] {""}
  }): { $title }。{ $beside ->
    [linked] 同時に起きていた問題: { $linked }。
    [others] 別の障害: { $others }。
    [both] 同時に起きていた問題: { $linked }。別の障害: { $others }。
   *[none] {""}
  }
answer-cause-named = { $title } ({ $name })
answer-cause-open = 原因は未確定{ $known ->
    [layer] {" "}(箇所は判明: { $layer })
    [layers] {" "}(箇所の候補: { $layer })
   *[none] {""}
  }。{ $number ->
    [0] 候補 { $considered } 件のいずれにも、裏付けるデータがありません。
    [1] データは{ $causes }を示していますが、確定できません。
   *[other] 次のどれが原因か、まだ切り分けられていません: { $causes }。
  }{ $ruled-out ->
    [some] 次の箇所は除外できます: { $excluded }。
   *[none] {""}
  }
answer-cause-narrowed = 原因は未確定ですが、次のことは判明しています: { $title }。{ $number ->
    [1] {""}
   *[other] まだ切り分けられていない候補: { $causes }。
  }
answer-no-incident = インシデントなし (確度 { $confidence })。
step-undo-change = { $time } の { $resource } の変更 ({ $change }) を元に戻してください。{ $how }
step-later = 再発防止: { $step }
step-if-it-returns = 再発した場合: { $step }
these-requests = これらのリクエスト
step-if-cause = 原因が「{ $cause }」の場合: { $step }
step-is-old = { $age }前のデータです。現在も続いているかどうかを先に確認してください。
step-ended = インシデントは終了しており、サービスの復旧作業は不要です。
step-collect = { $what }を収集してください。{ $why }
facts-unknown = 不明な項目
answer-now = 今すぐ行うこと
answer-reasons = 根拠
answer-more = 詳細: { $command }
unknown-lines = 既知のプログラムが出力した行はありません ({ $count } 行のテキスト)。最初の行: { $first }
