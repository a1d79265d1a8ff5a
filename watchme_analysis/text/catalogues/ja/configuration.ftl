### watchme.toml の設定: 指定できる値。

allowed-names = ["order_id"] のような名前のリスト
allowed-words = ["failed"] のような語のリスト
allowed-noun = "order" のような名詞
allowed-date-pattern = 日付のグループを 1 つ持つ正規表現
allowed-zone = "Europe/Berlin" や "UTC" のような IANA のタイムゾーン名
allowed-whole-number = 0 より大きい整数
allowed-seconds = 0 より大きい秒数
allowed-truth = true または false
allowed-amount = 0 より大きい数値
allowed-path = ファイルまたはフォルダのパス (設定ファイルからの相対パス)
allowed-name-or-names = { $example } のような名前、または名前のリスト
allowed-ids = "i-0123456789abcdef0" のような ID、または ID のリスト
allowed-url = { $example } のような URL
allowed-path-or-url = "/health" のようなパス、または URL
allowed-port = 1 〜 65535 のポート番号
allowed-patterns = ["/aws/lambda/orders-*"] のような名前またはパターンのリスト
allowed-destinations = ["on-call"] のような送信先の名前のリスト
allowed-secret = シークレットの場所 ("env:VARIABLE"、"file:PATH"、"secretsmanager:ID"、"ssm:NAME" のいずれか)
allowed-addresses = ["on-call@example.com"] のようなアドレスのリスト
allowed-address = メールアドレス
allowed-days = "90d" のような日数
allowed-bucket = バケット名
allowed-text = 文字列
allowed-kms-key = KMS キーの ID または ARN
allowed-week = "12h" のような 7 日以内の時間の長さ
allowed-topic = トピックの ARN
allowed-host-port = "smtp.example.com:587" のような HOST:PORT
allowed-smtp-user = SMTP サーバーのユーザー名
allowed-bus = イベントバスの名前または ARN
allowed-from-one = 1 以上の整数
allowed-span = "24h" のような時間の長さ
allowed-profile = AWS の設定にあるプロファイル名
allowed-region = "us-east-1" のような AWS リージョン
allowed-yaml = YAML ファイルのパス (設定ファイルからの相対パス)
allowed-system = システムの名前
allowed-choices = { $rest }、{ $last } のいずれか
allowed-keys = { $names } のいずれか
config-near = 。{ $word } のことですか？
config-known = 。使える{ $kind ->
    [systems] システム
    [destinations] 送信先
   *[keys] キー
  }: { $names }。
allowed-channel = チャンネルの ID または名前
