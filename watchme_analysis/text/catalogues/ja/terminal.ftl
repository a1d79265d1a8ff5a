### 端末に表示する診断の見出しとラベル。

value = { $value }
count-unknown = 不明
print-remedies = 確認、修正、再発防止の手順: { $pages }
print-ranking-cause = 原因
print-ranking-probability = 確率
print-ranking-status = 判定
print-ranking-weight = 証拠の重み
print-ranking-name = 意味
status-supported = 裏付けあり
status-refuted = 否定
status-inconclusive = 未確定
print-rows = { $table }、{ $rows } 行
print-not-covered = 確認できなかった点: { $text }
print-next-test = 次の確認: { $text }
print-other-causes = ほかの { $count } 件の原因に関する証拠は、レポートと --json で確認できます。
print-collect-next = 次に収集すべきデータ:
print-missing = { $what }: { $why }
print-covered = 対象データ:
print-coverage-table = テーブル
print-coverage-rows = 行数
print-coverage-rejected = 除外
print-coverage-cut-off = 打ち切り
print-window = 期間
print-yes = あり
print-notes = 補足:
print-more = ほか { $count } 件:

track-record-none = ルール作成時に使っていない { $cases } 件の記録 ({ $date }) には、同程度の確度の診断がありません。
track-record-sure = ルール作成時に使っていない { $cases } 件の記録 ({ $date }) のうち、確度 { $low } 以上の診断は { $count } 件で、そのうち { $right } 件が正解でした。
track-record = ルール作成時に使っていない { $cases } 件の記録 ({ $date }) のうち、確度 { $low } 〜 { $high } の診断は { $count } 件で、そのうち { $right } 件が正解でした。
print-coverage-file = ファイル
print-coverage-tables = テーブル
print-coverage-bytes = バイト数
print-case = ケース
print-title = タイトル
print-next = 次のコマンド: { $command }

## ケースのインポートと内容

import-reading = { $file } を読み取り中
import-with-another = 別のファイルと合わせて読み取りました
import-without-row = 読み取ったファイルのうち、行がなかったもの (全ファイルの一覧は `watchme case show` で確認できます):
import-many-files = { $place ->
    [folder] { $folder } の{ " " }
   *[root] { "" }
  }{ $count } ファイル
import-unread = 証拠のファイルですが、読み取れませんでした:
import-left = ケースに含めなかったファイル:
import-sized = { $name } ({ $bytes } バイト)
import-assumed-zone = タイムゾーンのない時刻は { $zone } と仮定して読み取りました。ほかのファイルの同じイベントとちょうど数時間ずれている場合、この仮定は誤りです。--timezone または case.toml の time_zone で別のタイムゾーンを指定できます。
import-case = ケース { $case }: { $contents }。{ $state ->
    [written] 書き込みました。
   *[unchanged] 同じ入力からすでに作成されているため、変更していません。
  }
import-zone-of-case = タイムゾーンのない時刻は、{ $option } ではなく、case.toml の指定どおり { $stated } として読み取りました。
import-files-unread = 証拠のファイル { $count } 個を読み取れませんでした: { $files }。理由は上に示しています。ファイルを修復するか収集し直して、もう一度インポートしてください。
case-contents = テーブル { $tables } 個、{ $rows } 行
case-silences = 記録のない長い区間:
case-silence = { $count ->
    [1] 1 か所 ({ $longest })
   *[other] { $count } か所 (最長 { $longest })
  }
case-files = ケースのファイル:
case-file-left = 対象外
case-absent-tables = ケースにないが { $question } の診断に役立つテーブル: { $tables }。
case-no-question = まだ診断できる質問がありません。必要な証拠は docs/evidence.md を参照してください。収集するコマンド:
case-next = 次のコマンド:
case-collect = { $question }: { $command }。{ $meanings }
case-list-empty = { $folder } にケースがありません。`watchme case import FOLDER CASE` で作成できます。
print-from = 開始
print-until = 終了
case-verified = { $case } はインポート時のままです: { $contents }。
case-exported = { $folder } に書き出しました (レベル { $level }): { $contents }。
case-sql-rows = { $rows } 行{ $hidden ->
    [0] { "" }
   *[other] { " " }(うち { $hidden } 行は表示していません。--limit または --output で表示できます)
  }
case-problem-outside = manifest.json に、証拠のフォルダの外にあるファイル { $file } が記載されています。
case-problem-rows = テーブル { $table } は { $rows } 行ですが、manifest.json には { $stated } 行と記載されています。
case-problem-link = { $file } はシンボリックリンクです。インポートで作成されることはありません。
case-problem-neither = { $file } はテーブルでも証拠のコピーでもありません。
case-problem-unlisted = { $file } は manifest.json に記載されていません。
case-problem-differs = { $file } はインポートしたファイルと異なります。
