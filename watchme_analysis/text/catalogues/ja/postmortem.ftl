### ポストモーテム (Markdown) とインシデントの影響。

postmortem-heading-timeline = 経緯
postmortem-heading-impact = 影響
postmortem-heading-cause = 原因
postmortem-heading-ruled-out = 除外した原因
postmortem-heading-not-ruled-out = 除外できていない原因
postmortem-heading-actions = 実施した対応
postmortem-heading-open-actions = 残っている対応
postmortem-zone = 時刻は { $zone } です。
postmortem-event = 出来事
postmortem-action = 対応
postmortem-outcome = 結果
postmortem-began = インシデントが始まりました。
postmortem-ended = インシデントが終わりました。
postmortem-alarm-fired = アラーム { $alarm } が発生しました。
postmortem-alarm = { $resource } のアラーム { $alarm } は、この時点で発生していたはずです。
postmortem-change = { $resource }: { $what }{ $known ->
    [known] {" "}(実施者: { $user })
   *[unknown] {""}
  }
postmortem-rows = 最も強い根拠の行を取得するクエリ (watchme case sql で実行できます):
postmortem-not-decided = 反証となる観測はありません。
postmortem-alike = { $first } 同様の操作が { $until } までにさらに { $count } 件あります。
postmortem-no-actions = このケースに対応の記録はありません。
postmortem-check-actions = 実施済みの対応で十分か確認してください。不十分な場合: { $remedy }
postmortem-prevent = 再発防止策を決めてください: { $page }。
postmortem-made = watchme_analysis { $version } がケース { $case } から作成しました。

# 記録された対応の結果
action-outcome-intended = 予定
action-outcome-done = 完了
action-outcome-not-done = 未実施
action-outcome-failed = 失敗
action-outcome-uncertain = 不明
action-outcome-resumed = 再開
