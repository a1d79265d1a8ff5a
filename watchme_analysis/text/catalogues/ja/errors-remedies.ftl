### remedies のエラー。

error-topic-region = トピック { $topic } は { $region } にありません。アラームは同じリージョンのトピックに通知します。
error-topic-encrypted = トピック { $topic } は { $key } で暗号化されているため、CloudWatch から発行できません。cloudwatch.amazonaws.com を許可するポリシーを持つ独自のキーを使うか、別の --topic を指定してください。
error-topic-unconfirmed = トピック { $topic } には確認済みのサブスクリプションがないため、アラームは誰にも通知されません。サブスクリプションを確認するか、--email を指定してください。
error-alarms-untestable = これらのアラームはどれもテストできません。有効なアクションがない、すでに ALARM 状態である、メンバーでは満たせないルールがある、または通知以外のアクションがあるためです。
error-alarm-other-watched = アラーム { $name } はすでに存在し、別のものを監視しています。アラームまたは要件の名前を変えてください。計画は作成されません。
error-journal-other-plan = { $path } は別の計画のジャーナルです。別の --journal を指定してください。
error-journal-other-remedy = { $path } は別の対応のジャーナルです。別の --journal を指定してください。
error-plan-file-changed = { $path } は計画の作成後に変更されました。新しい計画を作成してください。
error-plan-file-unreadable = 計画のファイル { $path } を読み取れません ({ $reason })。
error-plan-reference = 計画は { $name } を参照していますが、それを残した先行ステップがありません。新しい計画を作成してください。
error-deploy-no-reports = { $function } のログにはエラーのない呼び出しが記録されないため (SystemLogLevel WARN)、監視できません。INFO に設定するか、--watch 0 を指定してください。
error-function-image = 関数 { $function } はコンテナイメージで動いています。ここでデプロイできるのは zip パッケージだけです。
error-package-size = { $package } は圧縮後 { $bytes } バイトです。API でアップロードできるのは 50 MiB までです。
error-code-not-running = ダウンロードした { $function } のコードは、動作中のものではありません。もう一度実行してください。
error-code-not-downloaded = { $function } の現在のコードをダウンロードできないため ({ $problem })、元に戻せなくなります。
error-guard-evidence-late = 証拠を保存する時間が終わったため、保存しませんでした。
error-guard-cooldown = --cooldown は --recovery 以上にしてください。再起動の効果が出るまでに時間がかかります。
error-guard-export-instance = --ssm に i-0123456789abcdef0 のような EC2 インスタンスの ID を 1 つ指定するか、watchme.toml のシステムに記載してください。
error-guard-command-failed = `{ $command }` が終了コード { $code } で終わりました: { $output }
error-guard-command-unavailable = `{ $command }` を実行できません ({ $problem })。
error-guard-command-timeout = `{ $command }` は { $seconds } 秒以内に終わりませんでした。
error-guard-remote-failed = { $instance } での `{ $command }` は { $status } で終わりました: { $error }
error-guard-remote-timeout = { $instance } での `{ $command }` は { $seconds } 秒以内に終わりませんでした。
error-journal-unwritable = ジャーナル { $path } に書き込めません ({ $reason })。何も実行されません。
error-journal-unreadable = ジャーナル { $path } を読み取れません ({ $reason })。
error-journal-stops = ジャーナル { $path } に書き込めません ({ $reason })。実行を中止します。
error-journal-in-use = 別の実行がジャーナル { $path } を使用中です。終了を待ってください。
error-runtime-unknown = ランタイム { $name } は不明です。{ $known } のいずれかを指定してください。
error-handler-form = ハンドラー { $handler } は { $example } のような MODULE.FUNCTION の形ではありません。
error-architecture-unknown = アーキテクチャ { $name } は不明です。x86_64 または arm64 を指定してください。
error-package-missing = { $path } は存在しません。関数の zip またはフォルダを指定してください。
error-package-kind = { $path } は zip でもフォルダでもありません。
error-package-large = パッケージを展開すると、読み取れる大きさを超えます: { $limit }。
error-package-no-zip = { $path } を zip として読み取れません: { $problem }。
error-package-many-files = { $folder } には { $most } 個を超えるファイルがあります。関数のフォルダを指定してください。
error-plan-unreadable = 計画 { $path } を読み取れません ({ $reason })。
error-plan-foreign = { $path } は計画ではありません。`watchme … plan CASE --to { $target }` で作成してください。
error-plan-remedy = { $path } は `{ $remedy }` の計画ですが、このコマンドが適用する計画はありません。`watchme settings plan` などのコマンドで作成してください。
error-plan-call = { $path } は拒否されました。何も呼び出していません。{ $reason ->
    [operation] `{ $remedy }` の計画が { $call } を呼び出すことはありません
    [reading] 計画の条件は読み取りだけですが、{ $call } は `{ $remedy }` の読み取りではありません
    [parameter] `{ $remedy }` の計画が { $call } をこの { $part } で呼び出すことはありません
    [resource] ステップは { $part } に対して { $call } を呼び出しますが、対象リソースとして示していません
    [nameless] { $call } には、変更対象を示す既知のパラメーターがありません
    [place] { $call } の対象 { $part } は、計画のアカウントとリージョンの外にあります
   *[file] { $call } がアップロードする { $part } は、計画と同じフォルダーにありません
  }。計画を作り直してください。
error-archive-exists = { $path } はすでに存在します。アーカイブの保存先を変えてください。
error-archive-unreadable = アーカイブ { $path } を読み取れません ({ $reason })。
error-archive-damaged = { $path } はキューの完全なアーカイブではありません ({ $problem })。`watchme queue archive` で作成してください。
error-purge-journal-remedy = { $path } は別の対応のジャーナルです。移動してください。
error-purge-journal-archive = { $path } は別のアーカイブのジャーナルです。移動してください。
error-queue-with-redrive = { $queue } には独自のリドライブポリシーがあります。メッセージを読み取ると受信回数が増え、別のキューに移される可能性があります。デッドレターキューを指定してください。
error-visibility-below-timeout = この対策では可視性タイムアウト ({ $hidden } 秒) が関数のタイムアウト ({ $timeout } 秒) より短くなり、Lambda が拒否します。別の --measure を選んでください。
error-setting-differs = { $queue } の { $name } は現在 { $has ->
    [nothing] 未設定
   *[value] { $live }
  } ですが、ケースでは { $had ->
    [nothing] 未設定
   *[value] { $simulated }
  } です。シミュレーションは別の状態のものです。新しいケースを収集してください。
error-redrive-journal = { $path } は別の対応のジャーナルです。別の --journal を指定してください。
error-plan-reading = { $call } の { $select } が空です。計画を作り直してください。
error-fifo-name = { $name } は FIFO キューの名前として使えません。--name で .fifo の前を英数字、ハイフン、アンダースコア 75 文字以内にしてください。
error-fifo-exists = キュー { $queue } はすでに存在し、{ $names } が異なります。別の --name を指定してください。
error-fifo-already = { $queue } はすでに FIFO キューです。ほかに効果のある対策は `watchme simulate` で確認できます。
error-fifo-mappings = キュー { $queue } のイベントソースマッピングは { $number } 件(有効なものは { $enabled } 件)です。移行できるのは、有効なマッピングがちょうど 1 件のキューだけです。
error-fifo-polled = { $queue } は別の関数がポーリングしています。別の --name を指定してください。
error-fifo-no-key = メッセージのグループを表すキーがわかりません。--group-key を指定するか、watchme.toml の [work_items] に `item_keys` を書いてください。
error-fifo-variable = { $function } の環境変数 { $variable } は{ $is_set ->
    [no] 設定されていません
   *[yes] 別のキューを指しています
  }。--switch には { $queue } の URL、ARN または名前を持つ変数を指定してください。
error-fifo-not-applied = 計画はまだ適用されていません。`watchme fifo apply PLAN` から記録が始まります。
error-fifo-queue-or-plan = QUEUE か --after PLAN のどちらかを指定してください。
error-fifo-switch = --switch { $text } は FUNCTION:VARIABLE の形式ではありません。
archive-damage-end = 終わりの行がありません
archive-damage-format = 形式が異なります
archive-damage-body = { $message } の本文が SQS の示したハッシュと一致しません
archive-damage-hash = ハッシュが内容と一致しません
archive-damage-cut = 行が途切れています
