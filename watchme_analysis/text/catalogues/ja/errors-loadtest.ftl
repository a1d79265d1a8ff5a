### 負荷テストのエラー。

error-loadtest-no-case = 負荷テストを計画する CASE、または --apply と一緒に PLAN を指定してください。
error-loadtest-apply-needs-plan = --apply には PLAN が必要です。--to PLAN で書き込み、内容を確認してから適用してください。
error-loadtest-long = --for は 1h までです。負荷テストの長さには上限があります。
error-loadtest-template = テンプレート { $path } を読み取れません。UTF-8 のテキストファイルを指定してください。
error-loadtest-no-policy = この計画は AWS を呼び出さないため、ポリシーは不要です。
error-loadtest-no-plan = { $path } は負荷テストの計画ではありません。`watchme loadtest CASE --to { $path }` で作成してください。
error-loadtest-journal = { $path } は別のもののジャーナルです。--journal で別のファイルを指定してください。
error-loadtest-needs-aws = キューの負荷テストには、AWS と、キューを処理する関数が必要です。
error-loadtest-target-gone = { $target } は { $file } のテスト用システム { $system } に含まれなくなりました。計画を作り直してください。
error-loadtest-several-systems = { $file } に複数のテスト用システムがあります。--system { $known } のいずれかを指定してください。
error-loadtest-no-system = { $file } にテスト用システムがありません。負荷テストには [systems.NAME] の `test = true` が必要です。
error-loadtest-not-test = システム { $system } はテスト用として宣言されていません。負荷テストには { $file } の [systems.{ $system }] の `test = true` が必要です。
error-loadtest-shared = テスト用システム { $system } の { $shared } は、{ $file } で `test = true` のないシステム { $other } にも含まれています。専用のキューまたは API を指定してください。
error-loadtest-one-queue = { $file } のテスト用システム { $system } のキューは { $count } 個です。キューの負荷テストにはちょうど 1 個必要です。API は --endpoint PATH でテストできます。
error-loadtest-give-queue = 到着を再現するケースのキューを --queue で指定してください (キュー: { $known })。
error-loadtest-no-arrivals = ケースに { $source } の到着の記録がないため、再現できません。
error-loadtest-no-mapping = { $queue } には、有効なイベントソースマッピングがちょうど 1 つ必要です。1 つの関数がメッセージを処理するように、先にテスト用システムを修正してください。
error-loadtest-no-api = { $file } のテスト用システム { $system } に `api` がありません。送信先の URL を指定してください。
error-loadtest-no-requests = { $case } のアクセスログに { $path } のリクエストがありません (多いもの: { $known })。
error-loadtest-no-durations = このパスのリクエストの時間がアクセスログにないため、テストの結果を予測できません。`$request_time` を記録してください。
error-loadtest-no-bodies = ケース { $case } に送信できるメッセージ本文がありません。--template FILE で本文を指定してください。
error-loadtest-template-items = テンプレートに { $item } または { $key } がありますが、{ $case } のメッセージには作業項目がありません。代わりに { $number } を使うか、インポートの前に [work_items] を設定してください。
error-loadtest-nothing-watched = ほかに監視する対象がありません。{ $system } 以外のシステムを { $file } に書くか、--watch QUEUE または --watch URL を指定してください。
error-metric-not-returned = CloudWatch がメトリクス { $metric } を返さないため、監視できません。
