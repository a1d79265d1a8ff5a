### インシデントの層: 失敗したリクエストの経過と、それによって除外される層

health-fate-limited = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、Nginx の制限によって拒否されました ({ $span })。
health-fate-too-large = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、サイズが大きすぎるため Nginx に拒否されました ({ $span })。
health-fate-nginx-resources = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、Nginx のリソース不足で失敗しました ({ $span })。
health-fate-nginx-responded = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、Nginx 自身が応答し、アップストリームには接続していません ({ $span })。
health-fate-unresolved = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、ネームサーバーから { $upstream } のアドレスを得られず失敗しました ({ $span })。
health-name-server-fails = Nginx のネームサーバーが { $lines } 回応答しなかったか、失敗しました: { $error }。
health-name-unknown = Nginx のネームサーバーに、その名前が { $lines } 回ありませんでした: { $error }。
health-fate-tls-failed = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、Nginx と { $upstream } の間の TLS ハンドシェイクで失敗しました ({ $span })。
health-fate-refused = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、{ $upstream } に接続を拒否されて失敗しました。そこで待ち受けているプロセスはありませんでした ({ $span })。
health-fate-unreachable = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、{ $upstream } に到達できず失敗しました ({ $span })。
health-fate-connect-timeout = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、{ $upstream } への接続が確立できず失敗しました ({ $span })。
health-fate-connection-dropped = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、応答が完了する前に { $upstream } が接続を閉じたため失敗しました ({ $span })。
health-fate-header-timeout = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、{ $upstream } に接続したまま応答が始まらず、Nginx のタイムアウトで終了しました ({ $span })。
health-fate-body-timeout = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、{ $upstream } の応答の途中で Nginx のタイムアウトにより終了しました ({ $span })。
health-fate-invalid-response = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、{ $upstream } の応答を Nginx が利用できず失敗しました ({ $span })。
health-fate-unavailable = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、ステータス 503 を受け取りました ({ $span })。
health-fate-upstream-gave-up = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件には、アップストリーム自身が 502、503、504 のいずれかを返しました。応答のサイズは Nginx のどのエラーページとも一致せず、設定にも別のページの指定がありません ({ $span })。
health-fate-application-error = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、アプリケーションからステータス 500 または 501 を受け取りました ({ $span })。
health-fate-rejected = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、拒否またはリダイレクトされました ({ $span })。
health-fate-slow-connect = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、{ $upstream } への接続に時間がかかりました ({ $span })。
health-fate-slow-header = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、接続済みの { $upstream } の応答を待ちました ({ $span })。
health-fate-slow-nginx = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、Nginx 自身で時間がかかりました ({ $span })。
health-fate-held-by-edge = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、Nginx ではなくエッジで遅延または失敗しました ({ $span })。
health-fate-edge-responded = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、エッジが応答し、Nginx には届いていません ({ $span })。
health-fate-never-arrived = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、エッジで失敗し、Nginx に届いていません ({ $span })。
health-fate-sent-elsewhere = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、エッジが別のオリジンに送信しました ({ $span })。
health-fate-edge-tls-failed = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $count } 件は、エッジと Nginx の間の TLS ハンドシェイクで失敗しました ({ $span })。
health-the-upstream = アップストリーム
health-only-connects-fail = 失敗したのは接続だけです。接続済みのリクエスト { $served } 件は通常どおり処理されました。
health-one-route-unconnected = { $paths } の失敗した接続はすべて { $upstream } 宛てで、同じサービスの { $others } は正常に処理されました。
health-connects-well = タイムアウトした { $late } 件はすべて接続済みで、その間に失敗した接続はありません。
health-same-upstream-served = 同じアップストリーム ({ $upstream }) の { $others } は、その間も正常に処理されました ({ $served } 件)。
health-served-between = 最初と最後の失敗の間に、{ $paths } は { $served } 件正常に処理されました。
health-routed-well = { $upstream } は、遅延または失敗したリクエストの間に他の { $served } 件を正常に処理しました。
health-all-routes = サービスのすべてのルートが影響を受けました: { $paths }。
health-check-affected = ヘルスチェックが影響を受けました: { $paths }。
health-waits-for-nothing = { $paths } の通常の応答時間は { $usual } で、同じサービスで最も速い { $other } ({ $quickest }) と同程度です。通常は依存先の応答を待っていません。
health-served-beside = 問題のある { $paths } へのリクエスト { $bad } 件のうち { $overtaken } 件が待っている間に、後から届いた同じルートのリクエストは正常に処理されました。
health-closed-at-once = 遅延または失敗したリクエスト { $bad } 件のうち { $closed } 件は接続直後に切断されました。その間も同じルートの { $served } 件は正常に処理されました。
health-arrivals-stopped = Nginx は { $path } へのリクエストを受け取っていません ({ $span })。その間、他のルートへのリクエスト { $others } 件は届きました。
health-arrivals-held = Nginx の手前で保留または応答されたか、そもそも送信されていません。
health-arrived = 記録されているリクエストとプローブ { $total } 件のうち、遅延または失敗は { $bad } 件です。
health-callers-stopped = { $path } の呼び出し元 { $callers } 件が同時に止まりました。
health-layer-named = 障害は { $layer } にあります ({ $probability })。
health-layers-left = { $number ->
    [none] 証拠はすべての層を除外しています。複数の障害があるか、証拠が互いに矛盾しています。
    [one] 障害は { $layers } の層にあります。それ以外の層は除外されます。
   *[several] 障害は次のいずれかの層にあります: { $layers }。それ以外の層は除外されます。
  }
health-edge-not-cleared = Nginx のログでは、長く問題のあったエンドポイントはありません。ただし、Nginx の手前でリクエストを保留または拒否するエッジは、このログでは確認できません。
layer-client = 呼び出し元
layer-edge = エッジ
layer-nginx = Nginx
layer-network = Nginx とアプリケーションの間のネットワーク
layer-process = アプリケーションのプロセス
layer-dependency = アプリケーションの依存先
check-fate = リクエストの経過
check-connecting = 接続
check-names = ネームサーバー
check-packets = パケット
check-routing = ルーティング
check-routes = ルート
check-beside = 並行するリクエスト

health-reloaded-at-onset = { $paths } に異常が出始めた { $at } に、Nginx が設定を読み込みました。

health-reloaded-at-end = 異常が終わった { $at } に、Nginx が設定を再度読み込みました。

health-not-reloaded = 異常が始まったとき ({ $span }) に Nginx は設定を読み込んでいません。読み込みがあればエラーログに記録されます。
check-reload = Nginx の設定の再読み込み

health-none-connected = Nginx は { $bad } 件のリクエストで { $upstream } への接続を試みましたが、その間に確立した接続は 1 本もありません。

check-reload-at-the-end = 終了時の再読み込み

health-refused-past-inside = { $services } への接続 { $errors } 件が拒否されましたが、コンテナ内からのプローブ { $probes } 件はすべて正常でした。このアドレスは以前リクエストを処理していました。

health-refused-past-inside-detail = プロセスはコンテナ内では応答していますが、以前リクエストを処理していた { $services } が接続を拒否しています。
check-published-port = 公開ポート
