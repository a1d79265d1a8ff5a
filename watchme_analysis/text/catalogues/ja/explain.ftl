# Explanations of pasted log lines.
explain-layer = { $layer ->
    [client] クライアント
    [edge] エッジ
    [nginx] Nginx
    [network] ネットワーク
    [process] プロセス
    [dependency] 依存先
    [senders] 送信元
    [queue_settings] キューの設定
    [polling] ポーリング
    [concurrency] 同時実行数
    [function] 関数
    [api] 呼び出し先のサービス
    [message] メッセージ
   *[none] なし
}
explain-cause = { $name } ({ $cause })
explain-kind =
    { $speaker ->
        [client] クライアント
        [edge] エッジ
        [nginx] Nginx などのプロキシ
        [network] ネットワーク
        [process] アプリケーションまたはホスト
        [dependency] 依存先
        [concurrency] Lambda (同時実行数)
        [polling] Lambda (ポーリング)
        [queue_settings] キュー
        [api] 呼び出し先のサービス
        [message] メッセージ
       *[function] 関数
    }: { $kind }、{ $count } 行
    {"    "}{ $sample }
    {"  "}{ $meaning }
explain-excluded = {"  "}{ $place ->
        [queue] キューを処理している場合、
        [endpoint] エンドポイントに応答している場合、
       *[any] {""}
    }除外できる層: { $layers }
explain-causes = {"  "}{ $place ->
        [queue] キューを処理している場合、
        [endpoint] エンドポイントに応答している場合、
       *[any] {""}
    }考えられる原因{ $number ->
        [one] {""}
       *[several] {" (可能性の高い順)"}
    }: { $causes }
explain-commands = { $commands }
explain-unknown = { $count } 行は既知のメッセージに該当しません。例:{ $samples }
explain-traces = { $count } 行は前後の行の一部です (字下げされた行、スタックトレース)。
explain-cut = テキストが { $lines } 行または { $size } を超えているため、残りは読み込んでいません。
explain-paste = ログを貼り付けて、Ctrl-D を押してください。
