### プロセス、コンテナ、ホストの状態: CPU、スレッド、メモリ、ファイル、接続、再起動。

health-cpu-full = プロセスの CPU は { $samples } サンプル中 { $full } サンプルで上限に達していました (中央値 { $median }、以前は { $before })。
health-cpu-full-of-quota = プロセスの CPU (割り当て { $cores } コア) は { $samples } サンプル中 { $full } サンプルで上限に達していました (中央値 { $median }、以前は { $before })。
health-cpu-shared = 計測対象のプロセス全体の CPU 使用率は { $together }、このプロセスは { $median } でした (以前は { $before })。
health-cpu-level = プロセスの CPU 使用率は { $median } で横ばいで (以前は { $before })、上限に達している場合の特徴です。
health-cpu-rose = プロセスの CPU 使用率が { $median } に上昇しました (以前は { $before })。
health-cpu-threads = その CPU を、以前より { $threads } 本多いスレッドが共有していました。
health-cpu-held = リクエストが { $requests } 件処理中の間、プロセスの CPU 使用率は { $median } で横ばいでした (サンプルの 9 割が { $low } 〜 { $high }、相対的な分散は以前の { $times } 分の 1)。これ以上の CPU が割り当てられていません。
health-cpu-held-detail = リクエストが { $requests } 件待っているのに、プロセスの CPU は { $median } に抑えられています。
health-cpu-idle = プロセスの CPU 使用率は低いままでした (中央値 { $median }、サンプルの 9 割が { $most } 未満)。
health-memory-lost = プロセスのメモリは { $most } MB まで増え (以前は { $before } MB)、{ $times } 回、一度に解放されました。メモリ不足で強制終了された場合の特徴です。
health-memory-at-limit = プロセスのメモリは { $before } MB から { $most } MB に増えました (compose の上限は { $granted } MB)。
health-memory-grown = プロセスのメモリは { $before } MB から { $most } MB に増えました。
health-pool-full =
    { $known ->
        [known] インシデント中、スレッド数は { $threads } で頭打ちになり ({ $samples } サンプル中 { $flat } サンプル)、プロセスのゲージ in_flight は最大 { $requests } でした。
       *[unknown] インシデント中、スレッド数は { $threads } で頭打ちになりました ({ $samples } サンプル中 { $flat } サンプル)。
    }
health-pool-full-detail =
    { $known ->
        [known] プールの { $pool } スレッドがすべて使用中でした。プロセスのスレッド数はプール以外も含めて { $threads }、ゲージ in_flight は最大 { $requests } でした。
       *[unknown] プールの { $pool } スレッドがすべて使用中でした。プロセスのスレッド数はプール以外も含めて { $threads } でした。
    }
health-pool-free = プロセスのスレッド数は最大 { $threads } で、プールの { $pool } に達していません。
health-pool-free-by-requests = プロセスで処理中のリクエストは最大 { $requests } 件で、プールの { $pool } スレッドに達していません。
health-server-of-class = { $program } ({ $kind })
health-no-event-loop = { $server } の各プロセスとスレッドは一度に 1 件のリクエストを処理し、イベントループを持ちません。
health-workers-full = { $server } が同時に処理できるリクエストは { $at_once } 件です。遅延または失敗したリクエスト { $bad } 件のうち { $crowded } 件は、それより多くのリクエスト (最大 { $open } 件) が処理中の間に届きました。
health-workers-full-detail =
    { $known ->
        [known] { $server } の { $at_once } 個のワーカーとスレッドがすべて使用中です (処理中のリクエストは最大 { $open } 件)。{ $holders } がワーカーを占有しており、ほかのエンドポイントはワーカーを得ればずっと速く応答しています。
       *[unknown] { $server } の { $at_once } 個のワーカーとスレッドがすべて使用中です (処理中のリクエストは最大 { $open } 件)。
    }
health-workers-free = { $server } で処理中のリクエストは最大 { $open } 件で、同時に処理できる { $at_once } 件に達していません。
health-not-arriving = { $samples } サンプルの平均で、Nginx の処理中リクエストは { $outside } 件、アプリケーションの処理中リクエストは { $inside } 件でした。
health-files-full = プロセスのオープンファイル数が上限 { $limit } に対して { $files } に達していました。
health-log-words =
    { $meaning ->
        [files] アプリケーションのログに、ファイルやソケットをこれ以上開けないと記録されています ({ $lines } 行)。
        [threads] アプリケーションのログに、スレッドをこれ以上起動できないと記録されています ({ $lines } 行)。
        [concurrency] アプリケーションのログに、同時接続数の上限によりリクエストを拒否したと記録されています ({ $lines } 行)。
        [memory] アプリケーションのログに、メモリが不足したと記録されています ({ $lines } 行)。
        [disk] アプリケーションのログに、ディスクがいっぱいだと記録されています ({ $lines } 行)。
        [connections] アプリケーションのログに、プールの空き接続を待ったまま取得できなかったと記録されています ({ $lines } 行)。
        [lookups] アプリケーションのログに、ネームサーバーから名前解決の応答がなかったと記録されています ({ $lines } 行)。
       *[loop] アプリケーションのログに、イベントループがブロックされたと記録されています ({ $lines } 行)。
    }
health-restarted = インシデントの間に、アプリケーションは { $times } 回起動しました。
health-restarted-detail = プロセスが { $times } 回再起動しました。
health-restart-worker-timeout =
    { $worker ->
        [sync] リクエストの処理が `--timeout` を超えたため、gunicorn がワーカーを終了させました。
        [loop] イベントループが `--timeout` 以内に応答しなかったため、gunicorn がワーカーを終了させました。
       *[other] ワーカーが `--timeout` 以内に応答しなかったため、gunicorn がワーカーを終了させました。
    }
health-sync-worker-timeout = リクエストの処理が `--timeout` を超えた sync ワーカー { $workers } 個を、gunicorn が終了させました (WORKER TIMEOUT)。sync ワーカーは一度に 1 件のリクエストだけを処理し、イベントループを持ちません。
health-workers-killed = ワーカー { $workers } 個が SIGKILL で終了しました。いずれも、直前に gunicorn の `--timeout` を超えた記録がありません。メモリ不足でカーネルに強制終了された場合 (OOM Kill) の特徴です。
health-restart-wrong-port = コンテナのヘルスチェックはポート { $port } を確認していますが、サーバーが待ち受けているのは { $listening } です。
health-restart-unhealthy = コンテナのヘルスチェックは、異常の発生から { $soonest } 〜 { $latest } 後に unhealthy と判定します。最初の再起動は { $after } 後でした。
health-restart-follows = このため、再起動はインシデントの結果である可能性があります。
health-turned-away = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $refused } 件は、アプリケーションサーバーが即座に返した 503 です。
health-turned-away-detail = アプリケーションサーバーがリクエストを拒否しています (limit_concurrency { $limits })。
health-connections-full = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $crowded } 件は、{ $pool } ({ $place }) の接続を必要とする処理中のリクエストが { $size } 件を超えている間に届きました。プールの接続数は { $size } です。
health-connections-spared = 接続を必要としないエンドポイントは正常でした: { $calm }。
health-connections-full-detail = { $pool } ({ $place }) の { $size } 本の接続がすべて使用中で、{ $paths } へのリクエストが空きを待っています。
health-asked-by-name = Nginx は { $address } に名前で接続しています。
health-networks-apart = compose の設定では { $service } は { $networks }、{ $proxy } は { $proxy_networks } に属し、共通のネットワークがありません。
health-metric-stood = { $metric } は { $now } でした (以前は { $before })。
health-throttled-rose = コンテナが CPU の割り当てを使い切り、カーネルに実行を抑制されました。{ $metric } は 1 サンプルあたり { $now } 増えています (以前は { $before })。
health-throttled-stood = コンテナが CPU の割り当てを使い切り、カーネルに実行を抑制されました。{ $metric } は { $now } でした (以前は { $before })。
health-metric-of-host = ホストの { $metric } は { $now } でした (以前は { $before })。
health-little-own-cpu = その間、プロセス自身の CPU 使用率は低い状態でした。
health-published-before = Nginx が接続する { $address } は、以前はリクエスト { $requests } 件に正常に応答していました。
health-not-published = compose の設定では、Nginx が接続するポート { $port } を公開しているコンテナがなくなっています。公開されているのは { $published } です。

# コンテナを動かすものの記録
health-container =
    { $kind ->
        [container-out-of-memory] { $platform } の記録では、{ $objects } がメモリ不足で { $times } 回強制終了されました: { $reason }。
        [container-crash-loop] { $objects } は起動のたびにすぐ終了し、{ $platform } が次の起動を待機させています: { $reason }。
        [container-not-started] { $platform } は { $objects } を起動できませんでした: { $reason }。
        [container-ended] { $platform } の記録では、{ $objects } が { $times } 回終了しました: { $reason }。
        [container-probe-refused] { $platform } から { $objects } へのプローブ { $times } 回では、待ち受けるプロセスがありませんでした: { $reason }。
        [container-probe-timeout] Nginx を経由しない { $platform } から { $objects } へのプローブ { $times } 回で、時間内に応答がありませんでした: { $reason }。
        [target-timeout] ロードバランサー ({ $platform }) から { $objects } へのヘルスチェック { $times } 回で、時間内に応答がありませんでした: { $reason }。
        [container-unhealthy] { $platform } は、Nginx を経由しないチェックで { $objects } を { $times } 回 unhealthy と判定しました: { $reason }。
       *[container-probe-status] { $platform } から { $objects } へのプローブ { $times } 回で、失敗とみなされるステータスが返りました: { $reason }。
    }
health-container-untimed = 時刻は証拠にありません。
health-probe-strict =
    { $probe ->
        [lb] ロードバランサーのヘルスチェック
        [container] コンテナのヘルスチェック
       *[other] { $probe } プローブ
    } は { $timeout } で失敗します ({ $times } 回)。一方、{ $path } の正常な応答は通常最大 { $usual } かかるため、プローブがエンドポイントより厳しくなっています。

# Source of the application
health-call = { $function } の { $call } ({ $place })
health-blocking-in-loop = ソースコードではイベントループがブロックされます: { $calls }。
health-pool-work = ソースコードでは、{ $paths } はプールのスレッドを必要とし、そのプールを { $calls } と共有しています。
health-possible-call = { $function } の { $call } ({ $place }、可能性あり)
health-blocking-in-used-handlers = ソースコードでは、呼び出されたハンドラーでイベントループがブロックされます: { $calls }。

# A process that is not there
health-inside-refused = コンテナ外の呼び出し元が影響を受けている間、コンテナ内からのプローブ { $probes } 件のうち { $refused } 件が接続を拒否されました。待ち受けているプロセスがありませんでした。
health-inside-waits = コンテナ内からの異常なプローブ { $bad } 件のうち { $waited } 件は応答を待ち、接続は拒否されていません。プロセスは待ち受けています。
health-inside-refused-detail = { $services } で待ち受けているプロセスがなく、コンテナ内からの接続も拒否されました。
health-connected = 遅いか失敗したリクエスト { $passed_on } 件のうち { $made } 件で、Nginx は { $services } に接続できました。
health-connected-errors = { $services } に関するアップストリームエラー { $errors } 件のうち { $waited } 件は、接続の確立後に発生しました。
health-metrics-gap = インシデント中の { $gap } の間、プロセスのメトリクスが取得されていません (通常は { $step } ごと)。
health-metrics-gap-others = インシデント中の { $gap } の間、プロセスのメトリクスが取得されていません (通常は { $step } ごと)。その間もほかのプロセスのメトリクスは取得されています。
health-stopped = サーバーは { $from } に終了し、{ $until } まで準備完了になりませんでした。遅いか失敗したリクエスト { $total } 件のうち { $bad } 件がこの間に含まれます。
health-stopped-detail = { $where ->
    [known] { $address } のプロセス
   *[unknown] プロセス
  }は { $from } から { $until } まで動作していませんでした。
health-stopped-open = サーバーは { $from } に終了し、{ $until } までに再び準備完了になりませんでした。遅いか失敗したリクエスト { $total } 件のうち { $bad } 件がこの間に含まれます。
health-stopped-open-detail = { $where ->
    [known] { $address } のプロセス
   *[unknown] プロセス
  }は { $from } に終了し、{ $until } までに再び動作していません。
health-start-fails = アプリケーションは読み込み中に { $times } 回失敗しました: { $error }。
health-start-fails-detail = 起動のたびに失敗しています: { $error }。

# Arrivals
health-arrivals-up = インシデント中は毎秒 { $rate } 件のリクエストが到着しました。それ以外で最も多い時間帯の { $ratio } 倍です。
health-arrivals-usual = インシデント中は毎秒 { $rate } 件のリクエストが到着しました。それ以外で最も多い時間帯の { $ratio } 倍で、通常の範囲です。
health-arrivals-client = 増加分のほとんどは { $who } からのものです。
health-arrivals-agent = 増加分のほとんどのユーザーエージェントには { $who } が含まれます。ほかのリクエストにはほとんどありません。
health-arrivals-route = 増加分のほとんどは { $who } へのリクエストです。

# Dependencies
health-bystanders-wait = { $paths } も遅いか失敗していますが、そのハンドラーには待たされるような呼び出しがありません。
health-callers-wait = { $paths } へのリクエストが待たされています。そのハンドラーは応答の前に { $calls } を待ちます。
health-callers-wait-spared = { $paths } へのリクエストが待たされています。そのハンドラーは応答の前に { $calls } を待ちます。ほかのサービスを待たない { $spared } には影響がありません。
health-callers-wait-detail = { $paths } へのリクエストは { $calls } を待っています。
health-client-timeouts = アプリケーションは、呼び出し先から応答がないことを { $lines } 回記録しました: { $error }。

# サービスを動かすものの設定の場所
platform-assumed = Docker を使っていない場合は journalctl または kubectl logs
platform-memory-setting =
    { $platform ->
        [kubernetes] コンテナの `resources.limits.memory`
        [ecs] タスク定義の `memory`
        [lambda] 関数の `MemorySize`
        [heroku] dyno の種類 (`heroku ps:type`)
        [nomad] ジョブの `resources` の `memory`
        [fly] fly.toml の `[[vm]]` の `memory`
        [cloud-run] `gcloud run services update` の `--memory`
        [render] Render のダッシュボードのインスタンスタイプ
        [systemd] ユニットの `MemoryMax=`
       *[docker] Compose ファイルの `mem_limit`
    }
platform-cpu-setting =
    { $platform ->
        [kubernetes] コンテナの `resources.limits.cpu`
        [ecs] タスク定義の `cpu`
        [lambda] CPU に比例する関数の `MemorySize`
        [heroku] dyno の種類 (`heroku ps:type`)
        [nomad] ジョブの `resources` の `cpu`
        [fly] fly.toml の `[[vm]]` の `cpus`
        [cloud-run] `gcloud run services update` の `--cpu`
        [render] Render のダッシュボードのインスタンスタイプ
        [systemd] ユニットの `CPUQuota=`
       *[docker] Compose ファイルの `cpus`
    }
platform-files-setting =
    { $platform ->
        [kubernetes] ノードのコンテナランタイムのユニットの `LimitNOFILE=`
        [ecs] タスク定義の `ulimits`
        [lambda] 開くファイル数の削減 (Lambda の上限は 1,024)
        [heroku] dyno の種類 (`heroku ps:type`)
        [nomad] ジョブのタスクの `config` にある `ulimit`
        [fly] 起動コマンドの `ulimit -n`
        [cloud-run] `gcloud run services update` の `--concurrency` の引き下げ
        [render] 起動コマンドの `ulimit -n`
        [systemd] ユニットの `LimitNOFILE=`
       *[docker] Compose ファイルの `ulimits`
    }
platform-restart-setting =
    { $platform ->
        [kubernetes] Deployment に必ず設定される `restartPolicy: Always`
        [ecs] サービスの `desiredCount` (1 以上)
        [lambda] 起動できるバージョンを指す関数のエイリアス
        [heroku] 1 以上の web dyno 数 (`heroku ps:scale`)
        [nomad] `attempts` を増やしたグループの `restart` ブロック
        [fly] fly.toml の `[[restart]]` の `policy = "always"`
        [cloud-run] `gcloud run services update` の `--min-instances` (1 以上)
        [render] サービス設定のヘルスチェックパス
        [systemd] ユニットの `Restart=always`
       *[docker] Compose ファイルの `restart: unless-stopped`
    }
platform-probe-setting =
    { $platform ->
        [kubernetes] プローブの `timeoutSeconds`
        [ecs] ターゲットグループの `HealthCheckTimeoutSeconds`、またはタスク定義の `healthCheck` の `timeout`
        [lambda] 関数の `Timeout`
        [nomad] ジョブの `check` の `timeout`
        [fly] fly.toml の `[[http_service.checks]]` の `timeout`
        [cloud-run] サービスの YAML にあるプローブの `timeoutSeconds`
        [render] サービス設定のヘルスチェックパス (制限は 5 秒で固定)
        [systemd] ユニットの `WatchdogSec=`
       *[docker] Compose ファイルの `healthcheck` の `timeout`
    }
