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
    {"  "}{ $meaning }{ $has_excluded ->
        [yes] {"\u000A"}  除外できる層: { $excluded }
       *[no] {""}
    }{ $has_causes ->
        [one] {"\u000A"}  考えられる原因: { $causes }
        [several] {"\u000A"}  考えられる原因 (可能性の高い順): { $causes }
       *[no] {""}
    }{ $commands }
    {""}
explain-unknown = { $count } 行は既知のメッセージに該当しません。例:{ $samples }
explain-traces = { $count } 行は前後の行の一部です (字下げされた行、スタックトレース)。
explain-cut = テキストが { $lines } 行または { $size } を超えているため、残りは読み込んでいません。
explain-paste = ログを貼り付けて、Ctrl-D を押してください。
