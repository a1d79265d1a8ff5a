### ヘルスチェックの診断の要約: 影響、原因、次の手順。

health-incident = { $paths } へのリクエスト { $requests } 件のうち { $bad } 件が遅延または失敗しました (うち失敗 { $failed } 件)。期間は { $span } です。
health-failed-with = 失敗の内訳: { $kinds }。
health-failed-status = ステータス { $status }{ $by ->
    [client] {" "}(クライアントが切断)
   *[server] {""}
  } が { $count } 件
health-failed-error = 応答なし ({ $error }) が { $count } 件
health-failed-silent = 応答なしが { $count } 件
health-error-line = Nginx のエラーログには{ $about ->
    [upstream] { " " }{ $upstream } について
   *[none] {""}
  }{ $error }が { $count } 行あります。
health-exception = アプリケーションのログには{ $about ->
    [place] { " " }{ $place } で発生した
   *[none] {""}
  }例外{ $error }が { $count } 回あります。
health-median-rose = 応答時間の中央値は { $usual } から { $during } に上昇しました。
health-piled-up = リクエストは { $begun } からプロセス内に滞留していました。
health-callers-left = { $path } へのリクエスト { $requests } 件は、すべて応答の前に呼び出し元が切断しました。待ち時間がハンドラーの処理時間より短いためです。
health-own-errors = アプリケーション自身が { $path } へのリクエスト { $requests } 件に即座に { $statuses } を返しました。ハンドラーまたは呼び出し元の問題です。
health-held-back = Nginx の制限により、{ $path } へのリクエスト { $requests } 件が { $statuses } で拒否されました ({ $span })。通常を超えるリクエストを抑えたもので、ほかの失敗の原因ではありません。
health-degradation = { $path } の応答が遅くなりました ({ $span })。中央値は { $now } でした (通常は { $usual })。{ $about ->
    [cause] 原因として最も可能性が高いのは { $cause } です。
   *[none] {""}
  }
health-degradation-more = ほかに { $routes } 件のルートの応答も遅くなりました。
health-brief-failure = { $start } から { $lasted } の間に、リクエスト { $bad } 件が遅延または失敗しました。短時間のため、障害か再起動やリロードかを区別できません。

# Cause
health-no-cause-needed = 原因を調べるべき異常はありません。
health-degradation-no-incident = 呼び出し元に影響しない遅延は、インシデントではありません。
health-brief-no-cause = 短時間で解消した異常のため、原因は特定していません。
health-too-little = 長く異常が続いたエンドポイントはありません。ただし、観測が少ないか遅いものが多いため、インシデントがなかったとは言えません。
health-no-times = 長く異常が続いたエンドポイントはありません。ただし、データに所要時間がないため、遅延がなかったとは言えません。
health-spared = { $spared } は終始正常でした。{ $paths } の原因として最も可能性が高いのは { $cause } です ({ $probability })。{ $option } を指定すると、1 つのエンドポイントだけを調べられます。
health-cause = 原因は { $cause } です (確度 { $confidence })。
health-two-causes = 原因は 2 つあります: { $first }、{ $second }。

# Next step
health-do-nothing = 対応は不要です。インシデントが対象期間の外にある場合は、期間を広げてください。
health-correct-exception = { $about ->
    [place] { $place } で発生する
   *[none] アプリケーションの
  }例外の原因を修正するか、直前のデプロイを元に戻してください。トレースバックの確認: { $command }
health-collect-next = 次に収集すべきデータ: { $what }。{ $why }
health-next-test = 次の手順: { $test }
health-remedy = 対処: { $remedy }
