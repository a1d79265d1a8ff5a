### キューの FIFO への移行: 助言、計画、確認。

fifo-plan = { $queue } から { $new } への移行
fifo-cost = FIFO キューへのリクエストは、多くのリージョンで 100 万件あたり 0.40 USD ではなく 0.50 USD です。旧マッピングを無効にするまで、Lambda は両方のキューをポーリングします。メトリクスの読み取りは 0.10 USD 未満です。
fifo-why-count = { $queue } のメッセージ数を記録します。`watchme fifo check --after` はここから収支を確認します
fifo-why-create = { $old } と同じ属性で { $queue } を作成します
fifo-why-tag = { $count } 個のタグを { $queue } にコピーします
fifo-why-allow = 旧キューと同様に、{ $dlq } を使えるキューを新しいキューだけに限定します
fifo-why-mapping = { $queue } を { $function } にマッピングします(バッチサイズは最大 { $size }、ポーリングはまだ開始しません)
fifo-why-enable = { $function } による { $queue } の処理を開始します
fifo-why-hold = メッセージの順序を保つため、旧キューが空になるまで { $queue } をポーリングしません
fifo-why-switch = { $function } の { $variable } を { $value } に変更します。ほかの環境変数は変更しません
fifo-why-producers = { $queue } がメッセージを受け取るまで、最長 { $within } 待ちます
fifo-why-drain = { $queue } が空になり、{ $window }(可視性タイムアウト { $timeouts } 回分)の間、受信も滞留もないことを確認します
fifo-why-disable = { $queue } のポーリングを停止します
fifo-hint-switch = まだ { $new } に送信しているものがありません。計画に従って { $queue } の送信元を切り替え、同じコマンドをもう一度実行してください。
fifo-hint-drain = { $queue } にまだメッセージが届いているか、残っています。残りの送信元を { $new } に切り替え、同じコマンドをもう一度実行してください。その間も両方のキューが処理され、失われるものはありません。
fifo-hint-back = { $new } にまだメッセージが届いているか、残っています。送信元を { $queue } に戻し、同じコマンドをもう一度実行してください。その間も両方のキューが処理されます。
fifo-send-url = 送信先: { $url }
fifo-send-group = MessageGroupId: 本文の { $key } の値。同じグループのメッセージは 1 件ずつ順に処理されます。
fifo-send-content = MessageDeduplicationId: 不要(SQS が本文のハッシュを使います)。
fifo-send-deduplication = MessageDeduplicationId: 本文の { $keys } の SHA-256。再送時は同じ値、別の処理では必ず異なる値にしてください。SQS は 5 分以内に届いた同じ ID のメッセージを配信しません。
fifo-send-deduplication-own = MessageDeduplicationId: 処理を表す ID。再送時は同じ値、別の処理では必ず異なる値にしてください。SQS は 5 分以内に届いた同じ ID のメッセージを配信しません。
fifo-send-no-delay = DelaySeconds: 指定しないでください。FIFO キューはメッセージごとの遅延を受け付けません。新しいキューの遅延は { $delay } です。
fifo-risk-roles = { $function } のロールに { $new } からの受信を、送信元のロールに送信を許可しておく必要があります。前者がないとマッピングの作成が拒否され、後者がないと送信が失敗します。
fifo-risk-blocks = 失敗するメッセージは、デッドレターキューに移るまで { $blocked }(受信 { $receives } 回分)の間、そのグループの後続を止めます。
fifo-risk-blocks-forever = デッドレターキューがないため、失敗するメッセージは期限が切れるまでグループの後続を止めます。
fifo-risk-order = 両方のキューをポーリングする間、新しいキューのメッセージが旧キューの古いメッセージより先に処理されることがあります。`--keep-order` を付けると、旧キューが空になってから新しいキューをポーリングします。
fifo-risk-both = 両方のキューをポーリングする間、同時実行数は最大 { $count } になります。
fifo-risk-partial = { $function } はバッチ内の失敗したメッセージを報告します。FIFO キューでは最初の失敗で処理を止め、それ以降のメッセージもすべて失敗として報告しないと、順序が崩れます。
fifo-risk-code = { $functions } のコードは、環境変数を変更する前にメッセージグループ ID を送信するようにしておく必要があります。FIFO キューは ID のないメッセージを拒否します。標準キューもこの ID を受け付けます。
fifo-note-stays = { $queue } とそのデッドレターキュー、マッピングは、設定も含めてそのまま残します。何も削除しません。
fifo-note-dlq = { $dlq } に { $count } 件のメッセージが残っています。適用後は旧キューがポーリングされないため、先に再処理するかアーカイブしてください。
fifo-note-window = FIFO キューにはバッチウィンドウがないため、新しいマッピングでは使いません(現在 { $window })。
fifo-note-alarm = アラーム { $alarm } は { $queue } だけを監視しています。{ $new } 用のアラームを作成してください。
fifo-note-exists = { $queue } は、計画どおりの設定ですでに存在します。
fifo-check-s3 = S3({ $names })がこのキューに送信できる設定です。S3 は FIFO キューに送信できません。イベントを EventBridge または転送用の関数に送ってください。
fifo-check-sns = SNS({ $names })がこのキューに送信できる設定です。標準トピックは FIFO キューに配信できません。FIFO トピックを使ってください。
fifo-check-events = EventBridge({ $names })がこのキューに送信できる設定です。ターゲットにメッセージグループ ID が必要です。
fifo-check-senders = キューのポリシーは S3 にも SNS にも送信を許可していません。
fifo-check-no-metrics = 過去 14 日間、このキューへの送信が CloudWatch に記録されていないため、上限を確認できません。
fifo-check-throughput = 過去 { $days } 日間の最大は毎秒 { $rate } 件で、上限の毎秒 { $limit } 回を下回っています。
fifo-check-throughput-high = 過去 { $days } 日間の最大は毎秒 { $rate } 件で、毎秒 { $limit } 回を超えています。高スループットモードなら、グループが十分に多ければ処理できます。
fifo-check-throughput-over = 過去 { $days } 日間の最大は毎秒 { $rate } 件で、上限の毎秒 { $limit } 回を超えています。--standard-throughput を外すか、バッチで送信してください。
fifo-check-in-flight = 処理中のメッセージは最大 { $count } 件です(FIFO キューの上限は { $limit } 件)。
fifo-check-delay-of-queue = キューは各メッセージを { $delay } 遅延させます。新しいキューも同じです。
fifo-check-delays = キューに遅延の設定がないのに、最大 { $count } 件のメッセージが遅延していました。送信元がメッセージに DelaySeconds を指定しています。FIFO キューでは拒否されるため、先に取り除いてください。
fifo-check-no-delays = 過去 { $days } 日間、遅延したメッセージはありません。
fifo-check-batch = バッチサイズ { $size } は、FIFO キューの最大である { $most } になります。
fifo-check-reserved = { $function } の予約済み同時実行数は { $reserved } ですが、両方のマッピングで { $both } 必要になることがあります。スロットリングされた受信も回数に数えられるため、移行中は引き上げるか、--keep-order を使ってください。
fifo-check-no-messages = ケースにこのキューのメッセージがないため、グループと重複排除 ID を確認できません。--case を指定してください。
fifo-check-group-ids = 次の値はメッセージグループ ID(英数字と記号で 128 文字以内)として使えません: { $names }
fifo-check-no-group = { $total } 件中 { $count } 件のメッセージからグループを決められません。別の --group-key を選ぶか、送信元で値を入れてください。
fifo-check-groups = ケースのグループ数は { $groups }、最大同時実行数は { $most } です。
fifo-check-few-groups = ケースのグループ数は { $groups } のため、同時に実行される呼び出しは最大 { $groups } です。
fifo-check-swallowed = { $total } 件中 { $count } 件は、5 分以内に届いた別のメッセージと重複排除 ID が同じで、SQS が配信しません。
fifo-check-joined = { $count } 件のメッセージは、本文が異なるのに別のメッセージと同じ重複排除 ID になります。5 分以内に送信すると、SQS は 2 件目を配信しません。本文全体から作った ID を送信するか、--content-based を使用してください。
fifo-check-group-id-sent = { $total } 件中 { $count } 件のメッセージは、すでにメッセージグループ ID を持っています。
fifo-check-no-dlq = { $queue } にはデッドレターキューがありません。失敗するメッセージは期限が切れるまでグループの後続を止めます。
fifo-check-dlq = { $count ->
    [0] { $dlq } は空です。
   *[other] { $dlq } に { $count } 件のメッセージがあります。先に再処理するかアーカイブしてください。
  }
fifo-check-mappings = マッピングの状態: { $old } は { $old_state }、{ $new } は { $new_state }
fifo-check-alarms = { $names } は旧キューを監視していますが、{ $new } を監視するアラームがありません: `watchme alarms plan`
fifo-account = { $queue }: 開始時 { $before } + 送信 { $sent } = 削除 { $deleted } + 滞留 { $now } + デッドレターキュー { $dead } + 不明 { $unexplained }(うち { $uncertain } 件は記録を始めた 1 分間のもの)
fifo-check-status = { $status ->
    [ok] 問題なし
    [note] 注意
    [problem] 問題
   *[unknown] 不明
  }
fifo-ready = { $problems ->
    [0] 移行できます: `watchme fifo plan`
   *[other] 先に解決すべき問題が { $problems } 件あります。
  }
fifo-refused = 計画していません。先に問題を解決するか、--skip-check でリスクとして受け入れてください。
fifo-accounted = { $problems ->
    [0] 両方のキューのメッセージがすべて確認できました。
   *[other] 問題が { $problems } 件残っています。
  }
fifo-advice = { $kind ->
    [fifo] { $queue } には FIFO が有効です。
    [fair] { $queue } には公平キューが有効です。移行は不要です。
   *[neither] { $queue } には FIFO も公平キューも効果がありません。
  }
fifo-advice-groups = ケースの { $messages } 件のメッセージに { $count } 個のグループがあります。最大の { $name } が { $share } を占めます。
fifo-advice-no-groups = ケースのメッセージからグループがわからないため、均等な { $count } グループを仮定しています。
fifo-advice-figure = { $kind ->
    [fifo] FIFO
   *[fair] 公平キュー
  }: { $figure ->
    [lost] 処理が失われたメッセージ
    [dead_lettered] デッドレターキューのメッセージ
    [others_wait_s] 最大のグループ以外のメッセージの平均待ち時間
    [duplicates] 重複
   *[peak_age_s] 最も古いメッセージの経過時間
  }が { $now } から { $then } に変化
fifo-advice-unreached = 公平キューは、処理中のメッセージが { $needed } 件以上かつ全体の { $share } を超えるグループを「ノイズの多い」グループとみなします。同時実行数 { $most }、バッチ { $batch } 件では処理中は最大 { $in_flight } 件のため、この条件には達しません。残るのは直近の処理時間の { $share } を超えるという条件ですが、その期間は公表されていません(シミュレーションでは 5 分)。
fifo-advice-criterion = 公平キューは、処理中のメッセージが { $needed } 件以上かつ全体の { $share } を超えるグループを「ノイズの多い」グループとみなします。シミュレーションでは全グループ合計で最大 { $peak } 件(バッチ { $batch } 件)が処理中となり、この条件に{ $is_reached ->
    [yes] 達することがあります
   *[no] 達しません
  }。もう一つは直近の処理時間の { $share } を超えるという条件ですが、その期間は公表されていません(シミュレーションでは 5 分)。
fifo-advice-blocks = FIFO キューでは、失敗するメッセージが { $blocked }(可視性タイムアウト { $visibility } × 受信 { $receives } 回)の間、そのグループの後続を止めます。{ $failing ->
    [0] ケースでは、そのように失敗したメッセージは確認されていません。
   *[other] ケースでは { $groups } グループの { $failing } 件が該当します。
  }
fifo-advice-order = グループ内の順序と重複排除は、それだけで FIFO を選ぶ理由になりますが、シミュレーションでは評価できません。
fifo-advice-next = { $kind ->
    [fifo] 次の手順: `watchme fifo plan`
    [fair] 次の手順: 送信元で標準キューにメッセージグループ ID を送信し、ApproximateNumberOfNoisyGroups と ApproximateNumberOfMessagesVisibleInQuietGroups を確認してください。
   *[neither] 次の手順: `watchme simulate` で効果のある対策を確認できます。
  }
