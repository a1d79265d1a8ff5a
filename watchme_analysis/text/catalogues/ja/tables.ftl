### ページの表: 共通のキャプション、注記、見出し。

# Shared
table-times = { $caption } (時刻は { $zone })
table-nothing-recorded = 記録がありません。
table-more-rows = ほか { $rows } 行は省略しています。
cell-yes = はい
cell-no = いいえ

# The page itself
opened-caption = このページの対象
opened-question = 診断
opened-case = ケース
opened-window = 対象期間
opened-endpoint = エンドポイント
opened-queue = キュー

# Coverage
coverage-caption = 対象データ
coverage-uncounted = 元データに行数の記録がありません
coverage-cut-off = 打ち切り: { $note }
coverage-cut-off-more = 打ち切り: { $note } ほか { $more } 件。
losses-caption = 不足しているデータ
losses-none = 不足しているデータは見つかっていません。
losses-no-row = 行なし
losses-needed-by = 次の原因の評価に必要: { $causes }
losses-rejected = { $lines ->
    [one] 除外された行: { $lines }
   *[other] 除外された行: { $lines }
  }
losses-kept = { $table } に保存
losses-cut-off = 行の打ち切り
losses-gap = { $lasted } の間、行なし
losses-between = { $start } 〜 { $end }
changes-caption = 変更
changes-none = この期間に記録された変更はありません。

# Headings
column-table = テーブル
column-rows = 行数
column-first = 最初
column-last = 最後
column-rejected-lines = 除外された行
column-notes = 補足
column-note = 補足
column-loss = 不足
column-detail = 詳細
column-mark = 記号
column-time = 時刻
column-change = 変更
