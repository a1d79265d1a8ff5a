### access-logs のエラー。

error-athena-place = Athena のテーブルは s3://bucket/nginx/ のようなプレフィックスの下に置きます。{ $place } はプレフィックスではありません。
error-edge-log-left-out = エッジのリクエストを二重に数えないよう、{ $file } は取り込みません。同じリクエストが { $other } にあります。
error-unknown-engine = エンジン { $engine } はありません。{ $known } のいずれかを指定してください。
error-filter-without-effect = --only { $filter } では何も選択できません。status=5xx や upstream=127.0.0.1:8017 のように NAME=VALUE の形で指定してください。NAME は { $known } のいずれかです。
error-filter-status = --only { $filter }: { $value } はステータスではありません。504 や 5xx、ステータスなしの場合は - を指定してください。
error-apache-directive = LogFormat { $format } の { $directive } は、Apache が記録する項目ではありません。
error-apache-time = LogFormat { $format } が書く { $sample } のような時刻は読み戻せません。%t、または %{"{"}%Y-%m-%dT%H:%M:%S%z{"}"}t のような形式で記録してください。
error-apache-percent = LogFormat { $format } に、項目を示さないパーセント記号があります。パーセント記号そのものは %% と書いてください。
error-unknown-log-format = { $format } は log_format の書式でも名前でもありません。使える名前は { $known } です。
error-log-format-escape = log_format { $format } の escape={ $escape } は無効です。default、json、none のいずれかを指定してください。
error-log-format-empty = log_format { $format } に変数がありません。{ $example } のような書式を指定してください。
error-log-format-adjacent = log_format { $format } では ${ $first } と ${ $second } の間に区切りがないため、どこで終わるか判別できません。間に空白などの記号を入れてください。
error-log-format-large = log_format { $format } が大きすぎて解析できません。分析に不要な変数を取り除いてください。
error-s3-no-bucket = { $name } にバケット名がありません。s3://bucket/key、または末尾がスラッシュのプレフィックスを指定してください。
error-s3-no-object = オブジェクト { $name } がありません。キー、パターン、または末尾がスラッシュのプレフィックスを指定してください。
error-s3-unlisted = { $name } の一覧を取得できません: { $reason }。
error-no-known-log-format = { $names } には、既知の log_format の行がありません。--format で書式を指定してください。ほかのプログラムの出力には書式がなく、AWS が出力するログには AWS のドキュメントに記載されたテーブルがあります。
error-access-log-column = アクセスログに列 { $columns } はありません。使える列は { $known } です。
error-numba-missing = エンジン numba に必要なパッケージ numba がインストールされていません。--engine numba を外してください。Intel プロセッサの Mac 用のパッケージはないため、その場合は別の環境を使ってください。
error-spark-missing = エンジン spark に必要なパッケージ pyspark がインストールされていません。クローンでは python3 tasks.py spark、それ以外では pip install pyspark でインストールするか、--engine spark を外してください。
error-spark-java = エンジン spark に必要な Java 17 以降がインストールされていません。Debian や Ubuntu では apt install default-jre-headless でインストールするか、--engine spark を外してください。
error-spark-start = Spark を起動できません: { $reason }
error-spark-input = エンジン spark では { $name } を読み取れません (このプロセスだけが読み取れます)。ファイルを指定してください。
error-summary-key = リクエストを { $key } ごとに集計できません。{ $known } のいずれかを指定してください。
error-folder-without-log = フォルダ { $folder } に、{ $names } のような名前の{ $kind ->
    [error] エラーログ
   *[access] アクセスログ
  }がありません。
error-no-log = { $kind ->
    [error] エラーログ
   *[access] アクセスログ
  } { $name } がありません。ファイル、パターン、フォルダのいずれかを指定してください。
error-spark-failed = Spark の処理が失敗しました: { $reason }
error-keep-slowest = keep_slowest が { $number } です。1 以上を指定してください。
