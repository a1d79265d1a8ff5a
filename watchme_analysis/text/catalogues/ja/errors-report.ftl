### report のエラー。

error-replications = パラメータ replications の値 { $value } は無効です。区間を求めるには 2 以上を指定してください。
error-seed = パラメータ seed の値 { $value } は無効です。0 以上の整数を指定してください。
error-variable-name = { $name } は、errors のような有効な変数名ではありません。
error-page-unknown = パラメータ { $name } はありません。このノートブックのパラメータは { $known } です。
error-page-case-and-pull = パラメータ { $name } は AWS からの収集用です。ケースを指定する場合は空にし、収集する場合は case を空にしてください。
error-section-column = セクション { $section } に列 { $name } はありません。列は { $known } です。
error-section-no-reading = セクション { $section } には要約の文がありません。セクションを表示してください。
error-page-no-case = パラメータ case が空です。ケースまたは証拠のフォルダを指定してください。
error-page-parameter = パラメータ { $name } の値 { $value } は無効です。文字列を指定してください (指定しない場合は空)。
error-section-no-figure = セクション { $section } に図はありません。frame を使って描画してください。
error-reports-unwritable = レポートを { $folder } に書き込めません ({ $reason })。--to で別のフォルダを指定してください。
error-folder-of-project = { $folder } はプロジェクトのフォルダで、そのノートブックは変更しません。別の --folder を指定してください。
error-case-answers-nothing = ケース { $case } には、質問に必要な証拠がありません (テーブル: { $tables })。証拠を追加してインポートしてください。
error-postmortem-question = ポストモーテムを作成できる質問は { $known } または { $all } です ({ $question } は指定できません)。
error-postmortem-option = --{ $option } は質問 { $question } では使えません。
error-notebooks-missing = フォルダ { $folder } がありません。プロジェクトのクローンで実行するか、--notebooks を指定してください。
error-notebook-format = { $path } は形式 4 のノートブックではありません。
error-notebook-damaged = ノートブック { $path } の { $place } が壊れています。修正するか、別のコピーを使ってください。
error-folder-no-question = フォルダ { $folder } に質問のノートブックがありません。--notebooks で別のフォルダを指定してください。
error-no-notebook = { $question } のノートブックはありません。{ $known } のいずれかを指定してください。
error-question-twice = { $first } と { $second } はどちらも質問 { $question } のノートブックです。一方を変更してください。
error-notebook-unreadable = ノートブック { $path } を読み取れません: { $reason }。
error-folder-other-questions = { $folder } には、ケース { $case } に証拠がある質問のノートブックがありません。--notebooks で別のフォルダを指定してください。
error-report-option = --{ $option } は質問 { $question } では使えません。
error-notebook-parameters = ノートブック { $path } のパラメータは Python のコードではありません ({ $reason })。セルを修正してください。
notebook-part = { $part ->
    [metadata] メタデータ
    [format] 形式 (4 ではありません)
    [cells] セル
   *[cell] セル { $cell }
  }
