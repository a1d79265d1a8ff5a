### ページのフレームから読み取れること (1 文ずつ)

reading-coverage = { $tables } 個のテーブルに { $rows } 行あり、{ $rejected } 行が除外されました。{ $lacks ->
    [some] 存在しないテーブル: { $absent }。
   *[none] 原因の評価に必要なテーブルはすべてあります。
  }
reading-queries-none = このケースのログクエリは記録されていません。ログはファイルから読み込んだか、存在しません。
reading-queries = { $queries } 件のログクエリが { $rows } 行を返し、{ $size } をスキャンしました ({ $price })。上限に達したクエリは { $cut } 件です。
reading-findings-none = 評価された原因はありません。
reading-findings = 最も確からしい原因は「{ $first }」({ $probability }) で、次は「{ $second }」({ $other }) です。支持する記述の数は { $supporting }、反する記述の数は { $contradicting } です。
reading-no-incident = リクエストを分けるインシデントはありません。{ $requests } 件中 { $bad } 件が遅延または失敗しました。
reading-observations = インシデント中は観測 { $during } 件中 { $bad } 件が遅延または失敗し、それ以外の時間は { $usual } 件中 { $usual_bad } 件でした (1 件のリクエストは、観測した地点ごとに数えます)。
reading-not-compared = インシデントの中と外の両方に行がないため、比較できません。
reading-comparison = 最も変化したのは { $route } ({ $vantage } から観測) です。{ $requests } 件中 { $bad } 件が遅延または失敗し、中央値は { $usual } から { $now } になりました。{ $routes } 個のエンドポイントのうち { $well } 個は正常でした。
reading-layers = { $route } の所要時間は主に{ $layer ->
    [edge] エッジと Nginx の間
    [nginx] Nginx 自身
    [connect] Nginx からアプリケーションへの接続
    [header] アプリケーションの応答待ち
   *[body] 応答ボディの読み取り
  }で増えました。{ $usual } から { $now } になり、増加分の { $share } を占めます。
reading-no-request = エッジと Nginx のどちらにもログがないため、リクエストを追跡できません。
reading-followed = エッジと Nginx のログで最も遅いリクエスト ({ $start } の { $request }) は { $lasted } かかりました。{ $lacks ->
    [some] ログがあるのに記録がない層: { $layers }。
   *[none] ログのあるすべての層に記録があります。
  }{ $probed ->
    [slower] エッジと Nginx のログに残らないプローブには { $probe } かかったものがあります。
   *[none] {""}
  }
reading-all-served = { $requests } 件のリクエストすべてに応答しました。
reading-fates = インシデント中の { $route } のリクエスト { $requests } 件中 { $count } 件の結果は「{ $fate }」でした。それ以外の時間は { $usual } 件でした。
reading-in-flight = { $upstream } で同時に処理中だったリクエストは、{ $time } の { $requests } 件が最大です ({ $compared ->
    [outside] インシデント以外の時間の中央値は { $usual } 件
   *[all] 中央値は { $usual } 件
  })。そのうち { $of_route } 件は { $route } でした。
reading-no-errors = Nginx のエラーログに対象期間の行がないか、エラーログが収集されていません。
reading-errors = Nginx のエラーログの { $lines } 行中 { $count } 行は「{ $kind }」で、{ $first } から { $last } まで続きました。
reading-settings = { $settings } 個の設定のうち { $different } 個がパスによって異なります{ $differs ->
    [some] : { $names }
   *[none] {""}
  }。
reading-no-onset = 影響を受けたキューのメトリクスは、対象期間内に変化していません。
reading-onsets = 最初に変化したのは { $queue } の「{ $metric }」で、{ $time } (幅 { $within }) に { $usual } から { $now } になりました。ほかに { $others } 個のメトリクスが続きました。
reading-rates = { $resource } で最も変化したのは「{ $metric }」で、1 時間あたり { $usual } から { $now } になりました。
reading-no-balance = SQS のメトリクスがないため、メッセージを数えられません。
reading-balance = { $queue } に送信された { $sent } 件のうち、{ $deleted } 件が削除され、{ $dead_lettered } 件が DLQ に移動し、{ $visible } 件が待機中です。説明できない差は { $unexplained } 件です。
reading-no-dead-letters = DLQ のメッセージは読み取られていません。
reading-dead-letters = DLQ の { $messages } 件のメッセージは { $items } 件の処理対象 ({ $unit }) に属し、最も多いものが { $share } を占めます。
reading-no-messages = キューと DLQ のメッセージは読み取られていません。
reading-work = { $messages } 件のメッセージのうち { $recoverable } 件は、再処理すれば成功する見込みがあります。ログで処理済みと分かるものは { $processed } 件です。
reading-no-alarm = { $alarms } 個のアラームのうち、インシデントの開始後に発報していたものはありません。
reading-alarms = 最初に発報していたのは { $resource } の { $alarm } で、開始から { $late } 後の { $time } です。{ $alarms } 件中 { $fired } 件が発報していました。
reading-no-threshold = 誤報なしでインシデント中に発報する、別のしきい値や M/N はありません。
reading-thresholds = 誤報なしで最も早いのは、{ $alarm } のしきい値を { $factor } 倍、{ $datapoints }/{ $periods } データポイントにした場合で、開始から { $late } 後に発報します。
reading-improvements = 目的を果たせないアラームは { $alarms } 件です。
reading-agreement = シミュレーションは、記録された { $figures } 個の値のうち { $near } 個を再現しています。
