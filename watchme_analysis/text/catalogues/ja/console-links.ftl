### AWS マネジメントコンソールへのリンク。

console-caption = AWS マネジメントコンソールで開く
console-none = リージョンとアカウントが不明か、秘匿化されているため、リンクはありません。
console-queue = キュー { $queue }
console-dlq = デッドレターキュー { $queue }
console-queue-metrics = { $queue } のメトリクス (この期間)
console-function = 関数 { $function }
console-function-metrics = { $function } のメトリクス (この期間)
console-errors = { $function } のエラーを Logs Insights で検索 (クエリは入力済み。実行すると AWS の料金がかかります)
console-event = { $time } の { $event } (CloudTrail)
console-metrics = { $resource } のメトリクス (この期間)
console-lines = { $groups } にある { $path } のエラーとリクエストを Logs Insights で検索 (クエリは入力済み。実行すると AWS の料金がかかります)
