### 質問に答えないコマンドの出力。

config-heading-setting = 設定
config-heading-value = 値
config-heading-source = 参照元
config-heading-kind = 指定方法
config-kind = { $kind ->
    [option] オプション
    [environment] 環境変数
    [file] ファイル
    [user-file] ユーザーのファイル
   *[default] 既定値
  }
config-ignored = 注意: 見つかった { $path } は信頼されていないため、次の設定は無視されます: { $keys }。内容を確認してから `watchme config trust { $path }` で信頼してください。
config-trusted = { $path } は変更されるまで信頼されます。
config-trusted-keys = 有効になった設定: { $keys }。
config-init-refused = 取得できませんでした: { $reason }
config-init-ecs = { $system }: 環境変数にこのキューを持つ ECS サービス: { $services }。送信だけを行うサービスのログは log_groups から削除してください。
config-init-functions = キューのない関数が { $count } 個あり、どのシステムにも含まれていません: { $functions }。
config-init-many-queues = { $count } 個のキューのうち、最初の { $read } 個だけを読み取りました。--queue で対象のキューを指定してください。
config-init-several-apis = { $system } の関数には複数の URL が設定されています: { $urls }。API の URL を api に指定してください。
config-init-several-health = { $file } には複数のヘルスチェック用エンドポイントがあります。{ $path } を選びました。ほかの候補: { $others }。
config-init-several-ports = { $file } は複数のポートへリクエストを転送します: { $ports }。サービスのポートを port に指定してください。
config-init-several-services = { $file } には HTTP のヘルスチェックを持つサービスが複数あります: { $services }。health と port を指定してください。
config-init-nothing = 設定できる値が見つかりませんでした。{ $file } はひな型です。
config-init-written = { $file } を書き込みました。{ $systems ->
    [0] システムはまだありません
   *[other] システムは { $systems } 個です
  }。
print-note = 補足: { $text }

command-stopped = 中断しました
command-see-help = 使い方は { $command } --help で確認できます。
command-missing = { $name } が指定されていません。
command-no-option = { $name } というオプションはありません。
command-did-you-mean = { $words } のことですか？
command-invalid = { $name } の値が正しくありません: { $problem }
command-no-room = 空き容量がありません ({ $file })。書き込み先と { $folder } の容量を空けるか、TMPDIR で一時ファイルの置き場所を変えてください。
command-file = { $file } を読み書きできません: { $reason }。パスと権限を確認してください。
config-heading-found = 確認結果
config-checked = { $names } 個の名前を確認しました。問題があるもの: { $wrong } 個。
config-unset = { $meaning ->
    [package] パッケージの既定のアラーム
    [aws] AWS の設定に従う
    [messages] メッセージから判断
   *[none] なし
  }
demo-evidence = 証拠のデータ: { $case }
lab-notebooks = ノートブックの場所: { $folder }
schedule-none = インストールされたタイマーはありません。`watchme schedule install` で内容を確認できます。
schedule-done = 完了しました。
schedule-unchanged = 何も変更していません。{ $kind } を変更するには --yes を指定してください。

## click のメッセージ (英語では click 自身の文を表示)

click-integer = { $value } は整数ではありません。
click-number = { $value } は数値ではありません。
click-range = { $value } は範囲 { $range } の外です。
click-no-path = { $value } がありません。
click-is-folder = { $value } はフォルダです。
click-is-file = { $value } はファイルです。
click-no-rights = { $value } へのアクセス権がありません。
click-extra = 余分な引数があります ({ $value })。
click-needs-value = オプション { $value } には値が必要です。
click-no-value = オプション { $value } に値は指定できません。
click-no-command = コマンドを指定してください。
report-cell = セル { $number }/{ $cells }
report-index = 一覧: { $file }
config-source-aws = 現在の AWS の設定
config-source-redrive = { $queue } の RedrivePolicy
config-source-variable = { $function } の環境変数 { $name }
config-source-health-check = { $file } の { $service } のヘルスチェック
