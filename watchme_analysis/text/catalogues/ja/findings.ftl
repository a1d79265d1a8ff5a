### 結論、仮説ごとの所見、追加で収集すべきデータ。ノートブック、ページ、端末で共通です。

cause-consequence = { $followed ->
    [downstream_saturated] その結果、コンシューマーが呼び出す API が過負荷になりました。
    [downstream_down] 最終的に API が応答しなくなりました。
    [throttled] その結果、配信がスロットリングされました。
    [mapping_disabled] その後、イベントソースマッピングが無効化されました。
   *[other] { $second } も観測されています。
  }
error-leading = { $function } が失敗しています: { $error } ({ $part ->
    [all] { $total ->
        [1] ログのエラーはこの 1 件のみ
       *[other] ログのエラー { $total } 件すべて
      }
   *[some] ログのエラー { $total } 件中 { $errors } 件
  })。
errors-covered = { $part ->
    [cut] クエリが返したのはエラーの一部だけで、{ $span } に記録されたものです{ $counted ->
        [known] {""} (リクエスト { $requests } 件)
       *[unknown] {""}
      }。
   *[all] これらのエラーは { $span } に記録されました{ $counted ->
        [known] {""} (リクエスト { $requests } 件)
       *[unknown] {""}
      }。
  }

finding-head = { $status ->
    [supported] { $title }: 裏付けあり、{ $probability }
    [refuted] { $title }: 否定、{ $probability }
   *[inconclusive] { $title }: 未確定、{ $probability }
  }
finding-head-in-question = { $title }: 候補
finding-no-evidence = この原因を裏付けるデータも、否定するデータもありません。
finding-not-seen = 確認できなかった点:
finding-next-test = 次の確認:
finding-basis = { $side ->
    [supports] 裏付け { $weight }
    [contradicts] 矛盾 { $weight }
   *[neutral] 中立
  }、{ $table } の { $rows } 行
finding-not-separated = { $number ->
    [1] 手元のデータは{ $causes }を示していますが、原因を確定できません。
   *[other] 手元のデータでは、次のどれが原因かを切り分けられません: { $causes }。
  }
finding-nothing-supports = { $causes } 件の原因のいずれについても、裏付けるデータがありません。
finding-follows = 別の観測 ({ $check }) で説明がつくため、重みを下げています。
finding-its-rows = 該当する行
finding-query = このクエリは { $command } または { $method } で実行できます。

next-evidence-caption = 次に収集すべきデータ (有用な順)
next-evidence-what = 対象
next-evidence-why = 理由
next-evidence-how = 方法
next-evidence-none = 仮説の検証に必要なデータはすべてそろっています。
value-shown-by = { $word } を { $command } で確認してください。
placeholder-case = CASE はケースのフォルダです。
placeholder-folder = FOLDER はケースのインポート元である、元の証拠のフォルダです。
placeholder-health-url = HEALTH_URL は呼び出し元から見たヘルスチェックの URL です。
placeholder-origin-ip = ORIGIN_IP はエッジの背後にあるサーバーのアドレスで、エッジの DNS レコードに記載されています。
placeholder-start = START はインシデントの開始時刻 (UTC) で、2025-12-11T01:00:00Z の形式です。
placeholder-end = END はインシデントの終了時刻 (UTC) で、2025-12-11T02:00:00Z の形式です。
placeholder-token = TOKEN は Cloudflare のゾーンとそのログを読み取れる API トークンです。
placeholder-url = URL はハンドラーが呼び出すアドレスです。
placeholder-zone = ZONE はゾーン ID で、Cloudflare のゾーンの概要に表示されます。
collect-placeholders =
    # { $meanings }
    { $how }
known-line-test = { $commands } を実行して、どの原因かを確認してください。
known-line = { $meaning }{ $count } 行に { $error } とあります。
