### コンテナまでの経路と、応答のリズム。

health-connect-slow = { $services } へのリクエスト { $requests } 件のうち { $slow } 件は、接続に { $limit } を超える時間がかかりました (最長 { $longest })。このうち { $again } 件は、失われた最初のパケットが数秒後に再送されるまで待ったか、接続できずに終わっています。
health-connect-slow-detail = { $services } への接続が遅いか失敗しています ({ $requests } 件中 { $slow } 件)。パケットが失われている場合の特徴です。
health-connect-timeout-detail = { $services } への接続がタイムアウトしています ({ $times } 回)。
health-connect-quick = { $services } へのリクエスト { $requests } 件のうち { $quick } 件は { $limit } 以内に接続しました。
health-connect-quick-or-refused = { $services } へのリクエスト { $requests } 件のうち { $quick } 件は { $limit } 以内に接続したか、拒否されました。
health-queue-had-room = 接続キューの上限は { $room } 件です。同じキューを通るコンテナ内のプローブ { $probes } 件には同じ時刻に応答があったため、キューには空きがありました。
health-queue-maybe-full = 接続キューの上限は { $room } 件で、接続済みのリクエストが同時に最大 { $waiting } 件待っていました。キューがいっぱいだった可能性があります。
health-queue-never-full = 接続キューの上限は { $room } 件で、接続済みのリクエストが同時に待っていたのは最大 { $waiting } 件でした。キューがいっぱいになったことはありません。
health-queue-hardly-used = その間に接続できたリクエスト { $served } 件にはすぐ応答があり、同時に待っていたのは最大 { $waiting } 件でした。接続キューがいっぱいなら多数が待つため、失われたのはパケットです。
health-queue-fills = 遅延または失敗した接続 { $failed } 件は連続して起きていて (その他の接続 { $connected } 件との交代で { $runs } 区間。偶然なら { $expected } 区間)、その他のうち { $waited } 件は接続後に応答を待ちました。この並びは接続キューがいっぱいになるときのもので、パケット損失では生じません。
health-socket-queue-full-detail = { $services } の待ち受けキューがあふれ、接続 { $times } 件が受け付けられませんでした。
health-queue-full-detail = { $services } の接続キューがいっぱいです (リクエスト { $requests } 件中 { $slow } 件で接続が遅延)。
health-retransmitted = { $services } の応答を長く待ったリクエスト { $waits } 件のうち { $hits } 件の待ち時間は { $time } をわずかに超えています。これは TCP が失われたパケットを再送する時間です。
health-retransmitted-detail = { $services } との間でパケットが失われ、再送されています (該当する待ち時間 { $hits } 件)。
health-body-stalls = { $paths } の遅延または失敗したリクエスト { $bad } 件のうち { $stalled } 件は、ヘッダーはすぐに届いたものの、ボディの途中で { $time } (中央値) 停止しました。
health-body-stalls-detail = { $paths } の応答がヘッダーの後で停止しています。大きなパケットが失われている場合の特徴です。
health-body-sizes = 停止した応答は { $large } バイト以上、正常な応答は { $small } バイト以下です。
health-upstream-errors = { $services } に関するアップストリームエラー { $total } 件のうち { $errors } 件は{ $kind }です。
health-upstream-errors-detail = { $services } へのアップストリームエラー: { $kind }。
health-listens-locally = サーバーは { $host } で起動していますが、Nginx は { $addresses } に接続しています: { $command }。
health-listens-locally-detail = サーバーはコンテナ内の { $host } でのみ待ち受けています。
health-connect-slow-from-host = ホストからのプローブ { $probes } 件のうち { $slow } 件は、{ $services } への接続に { $limit } を超える時間がかかりました (最長 { $longest })。コンテナ内からの { $inside } 件にはなく (最長 { $longest_inside })、接続キューには空きがありました。
health-connect-slow-from-host-detail = { $services } への接続は、コンテナ内からは速いものの、ホストからは最長 { $longest } かかります。
health-cut-from-host = ホストから { $paths } へのプローブ { $probes } 件のうち { $cut } 件は、応答なしに即座に切断されました。その前後 { $near } 以内のコンテナ内からのプローブ { $inside } 件には切断がありません。
health-cut-from-host-detail = ホストから { $services } への接続が途中で切断されています (プローブ { $probes } 件中 { $cut } 件)。

# Rhythm of responses
health-bunched = 遅い応答 { $slow } 件のうち { $together } 件は、リクエスト時刻が異なるのに、複数のエンドポイントから 20 ms 以内にまとめて返されました ({ $bunches } 回)。
health-loop-blocked-detail = イベントループが 1 回につき最長 { $longest } ブロックされています。
health-rhythm-numbers = インシデント期間の { $silent } は { $limit } を超える無応答でした (通常は { $usual_silent }、最長 { $longest })。また、応答の { $bursts } は直前の応答から 10 ms 以内に返されました (通常は { $usual_bursts })。
health-or-no-cpu = CPU が不足したプロセスでも同じ現象が見られますが、CPU 使用率は不明です。
health-stop-and-go = アプリケーションは停止と一斉応答を繰り返しています。
health-quick-between = { $paths } の応答 { $responses } 件のうち { $quick } 件は、停止と停止の間に通常どおりの速さで返されました。
health-steady = アプリケーションは途切れずに応答していました (最長の無応答 { $longest }、呼び出し元の待ち時間 { $waited })。
