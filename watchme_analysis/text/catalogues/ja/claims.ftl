### インシデントの原因についての主張と、その検証。

claim-leading = 証拠はこの原因を支持しています (確信度 { $confidence })。
claim-beside = 証拠はこの原因も支持しています。併せて支持される原因: { $cause }。
claim-linked = 証拠が裏付ける原因と関連しており、その要因または結果です: { $cause }。
claim-refuted = 証拠はこの原因を否定しています (反対の証拠 { $count } 件)。
claim-first-but-undecided = この原因が最も有力です ({ $probability }) が、支持するには証拠が足りません。
claim-less-probable = 証拠はこの原因を支持も否定もしません ({ $probability })。より有力な原因 ({ $other }): { $cause }。
claim-no-table = 該当する行はありませんが、ケースには { $tables } のデータがないため、何も言えません。
claim-no-rows = { $tables } にデータはありますが、該当する行がありません。
claim-no-times = { $count } 行ありますが、時刻がないため、インシデントに属するかどうかは不明です。集計ではなく、時刻を含む行を選択してください。
claim-rows = { $count } 行がこれを示しています。
claim-no-incident = { $count } 行ありますが、診断では比較できるインシデントが見つかっていません。
claim-outside = { $count } 行すべてがインシデントの外にあります。
claim-as-often = { $count } 行のうち { $within } 行がインシデントの期間内にあります。インシデントは対象期間の { $share } を占めるため、偶然の可能性があります。
claim-within = { $count } 行のうち { $within } 行がインシデントの期間内にあります (インシデントは対象期間の { $share })。
