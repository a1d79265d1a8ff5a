### 端末に表示するアクセスログの集計と、読み取りに関する注記。

access-logs = ログ { $logs } 個
access-lines = ログ { $logs } 個、{ $lines } 行: リクエスト { $requests } 件、除外 { $rejected } 行、空行 { $blank } 行、対象外 { $left_out } 行
access-empty = { $logs ->
   *[other] ログは空です。
  }
access-no-match = 期間とパスに一致するリクエストがありません{ $known ->
    [start] 。ログは { $start } から始まります。
    [both] 。ログの期間は { $start } 〜 { $end } です。
   *[nothing] 。
  }
access-chosen = 以下は { $filters ->
    [only] { $only } に一致する
    [slow] { $seconds } 秒以上かかった
   *[both] { $only } に一致し、{ $seconds } 秒以上かかった
  }リクエスト { $count } 件の集計です{ $untimed ->
    [0] { "" }
   *[other] { " " }({ $untimed } 件には比較できる時間がありません)
  }
access-statuses = ステータス
access-surge = { $start } 〜 { $end } にリクエストが急増しました: { $step }の区間 { $steps } 個で { $requests } 件 (通常は { $usual } 件)。
access-surge-sender = 増加分の { $share }: { $kind ->
    [client] クライアント
   *[agent] ユーザーエージェント
  } { $sender }、{ $requests } 件  ({ $only })
access-surge-no-sender = { $counted ->
    [yes] 増加分の大半を送った単独のクライアントやユーザーエージェントはありません。
   *[no] 送信元はファイル全体を読み取った場合に表示します。パイプは 1 回しか読み取れません。
  }
access-no-times = このログにはリクエスト時間がありません。log_format に $request_time と $upstream_response_time を加えると記録されます。
access-fields-of-times = このログにはリクエスト時間がありません。ログを書いたプログラムは、ログ形式を設定すると { $fields } として記録します。
access-unknown-fields = このログには、リクエスト時間と分かるフィールドがありません。不明なフィールド: { $fields }。該当するものがあれば、--format で $request_time (秒)、$request_time_ms、$request_time_us のいずれかの名前を指定してください。
access-more = (ほか { $count } 行: { $option })
access-failures = 失敗したリクエストと、各グループに占める割合
access-slowest = 最も遅いリクエスト
access-upstreams = アップストリームごとのステータス
access-linked = エラーと対応するリクエスト (最後の { $count } 件)
access-incomplete = { $log }: 不完全です。欠けている行があります
access-rejected = { $log }: { $lines } 行を除外しました ({ $share })。例:
access-rejected-line = { $line } 行目: { $reason }
access-unread = 1 行も読み取れませんでした。{ $kind ->
    [errors] Nginx のエラーログの形式ではありません。
    [proposed] --nginx-conf /etc/nginx/nginx.conf または --format で形式を指定してください。最初の行は --format { $proposed } なら一致します。変数名を確認してください。
    [fields] サーバーの #Fields の行がありません。元のログの先頭にある行を前に加えてください。例: (echo '#Fields: date time cs-method cs-uri-stem sc-status'; cat FILE) | watchme access -
    [json] --nginx-conf /etc/nginx/nginx.conf または --format で形式を指定してください。JSON の場合の例: --format { $json_format }
   *[text] --nginx-conf /etc/nginx/nginx.conf または --format で形式を指定してください。
  }
access-error-log = エラーログ { $log }: { $lines } 行、除外 { $rejected } 行
access-no-errors = この期間にエラーログの行はありません。

access-column-kind = 種類
access-column-errors = エラー数
access-column-linked = 対応あり
access-column-first = 最初
access-column-last = 最後
access-column-timed = 時間あり
access-column-upstream-timed = アップストリーム 時間あり
access-column-p50-s = p50 (秒)
access-column-upstream-p50-s = アップストリーム p50 (秒)
access-column-request = リクエスト
access-column-requests = リクエスト数
access-column-error = エラー
access-column-sent = 応答
access-column-request-s = リクエスト (秒)
access-column-ended = 終了
access-column-upstream-s = アップストリーム (秒)
access-column-status = ステータス
access-column-upstream = アップストリーム
access-column-upstream-status = そのステータス
access-column-failed = 失敗
access-column-paths = パス
access-column-upstreams = アップストリーム

access-compiling = 大きなログ用のパーサーを読み込んでいます (初回は約 12 秒かかります)
access-doubted = 最初の { $lines } 行を 1 行も読み取れませんでしたが、読み取りを続けます。Ctrl-C で理由を表示できます。形式は --nginx-conf または --format で指定します。
access-progress = { $known ->
    [time] { $share }、残り約 { $left }、
    [share] { $share }、
   *[nothing] { "" }
  }{ $logs ->
    [1] { "" }
   *[other] ログ { $log }/{ $logs }、
  }{ $lines } 行 (毎秒 { $rate } 行): { $name }

access-note-assumed-zone = タイムゾーンのない時刻は UTC と仮定して読み取りました。ほかのログの同じイベントとちょうど数時間ずれている場合、この仮定は誤りです。--log-timezone で別のタイムゾーンを指定できます。
access-note-outside = { $lines } 行はアクセスログの期間の外にあります。
access-note-error-zone = エラーログの時刻にはタイムゾーンがありません。--log-timezone で指定できます。
access-note-unlinked = これらのエラーに一致するリクエストが保持できる数を超えたため、{ $time } より前のエラーは対応付けていません。
access-note-large = { $file } は大きいため除外しました。--errors { $file } で読み取れます。
access-note-stopped = 中断しました。集計の対象は、それまでに読み取った行です{ $unread ->
    [0] 。
   *[other] { " " }(読み取っていないログ { $unread } 個)。
  }
access-note-not-finished = 中断したため、ログを最後まで読み取っていません。
access-note-rarest = { $by } の値の種類が保持できる数を超えました。まれな値は { $other } の行にまとめたため、ほかの行では最大 { $missed } 件のリクエストが不足している可能性があります (不足分は { $other } の行に含まれます)。
access-note-percentiles = { $by } の値の種類が多いため、パーセンタイルには最大 { $off } の誤差があります (全リクエストのパーセンタイルでは { $total })。
access-note-last-errors = エラー { $errors } 件のうち、最後の { $listed } 件と、対応するリクエストがある最後の { $listed } 件を表示します。
access-note-masked = パスワード、トークン、メールアドレスの名前部分は { $mask } と表示しています。ログには元の値が残っています。
access-note-copy = { $copy } を除外しました。すべての行が { $whole } の先頭に含まれています。
access-note-without-numba = パッケージ numba がインストールされていないため、読み取りに何倍もの時間がかかりました。結果は同じです。
access-note-not-compared = { $logs } 個のログを名前の順に読み取ります。重複するコピーかどうかは比較していません。

## 行を除外した理由

reject-apache-error = Apache のエラーログの行です (読み取りの対象外)
reject-nginx-error = Nginx のエラーログの行です (--errors で読み取れます)
reject-no-request = リクエストではありません。キー { $keys } にステータスまたはパスがありません
reject-no-format = どの形式にも一致しません
reject-mismatch = log_format { $format } に一致しません: { $place ->
    [nul] クラッシュで残る NUL バイトがあります
    [behind] { $variable } より後
    [from] { $variable } から先
    [more] { $variable } の後に続きがあります
   *[another] 行の途中から別の行が始まっています
  }
reject-directive = 以下の行の内容を示すディレクティブです
reject-no-json = JSON オブジェクトではありません
reject-label-twice = 同じラベルが 2 回あります。行の途中から別の行が始まっている可能性があります
reject-another-line = 行の途中から別の行が始まっています
reject-no-fields = 値の意味を示す #Fields が前の行にありません。このログの #Fields の行を先頭に加えてください
reject-values = { $fields } 個のフィールドに対して値が { $values } 個あります
reject-no-status = リクエストではありません。ステータスもパスもありません
reject-cut = 行末の改行がないため、最後の値が途切れている可能性があります
reject-sampled = 全体から選んだ { $lines } 行がどの形式にも一致しないため、読み取っていません。形式は --nginx-conf または --format で指定できます。--format を指定すると、必ず最後まで読み取ります
reject-error-head = 先頭に時刻、レベル、プロセスがありません
reject-error-like = エラーログの行に似ていますが、異なります
reject-other-program = 別のプログラムの行です
note-lines-without-time = 時刻のない行が { $lines } 行あります
reject-gone = 読み取る前に削除されました
reject-broke-off = 読み取りの途中で失敗しました: { $reason }
reject-unreadable = 読み取れません: { $reason }
log-format-named = { $label } と { $named }
log-format-unnamed = { $label } (名前のないフィールド { $fields } 個は列 extra に { $columns } として保存。--format を指定すると対応する列に入ります。値から推定した形式: { $suggestion })
log-format-rest = { $label } (残りのフィールドは列 extra に { $column } として保存)
athena-heading =
    ログの形式 { $has ->
        [name] { $name }
       *[text] (指定されたもの)
    }: { $text }
    ステートメントは 1 つずつ実行してください。
    この形式でない行はすべての列が null になり、どのファイルのどの行かは区別できません。ビューではその行を除外します。
    集計の前に件数を確認してください:
    { "  " }{ $query }
    プレフィックス以下のすべてのオブジェクトをログとして読み取ります。圧縮ファイルの名前には .gz や .zst が必要です。
log-format-stated = (指定された形式)
note-format-misfit = 最初の行は指定された形式に一致しません。{ $text } の位置に { $variable } が必要です。{ $proposal ->
    [known] 形式を指定しない場合は { $format } として読み取れます。
    [text] { $format } なら一致します。変数名を確認してください。
   *[none] リクエストを示す値がありません。
  }
