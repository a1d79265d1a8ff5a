### レポートのページのラベル。

page-all-reports = すべてのレポート
page-answer = 結論
page-incomplete = 以下は、エラーが発生するまでのレポートです。
page-case = ケース
page-cause = インシデントの原因
page-confidence = 確度
page-incident = インシデント
page-window = 対象期間
page-made = 作成日時
page-files = ファイル
page-remedy = 確認、修正、再発防止の手順
page-beside = 併発:
page-rows = { $table }、{ $rows } 行
page-code = コード
verdict-name-supported = 原因を特定
verdict-name-inconclusive = 原因は未確定
verdict-name-no-incident = インシデントなし
