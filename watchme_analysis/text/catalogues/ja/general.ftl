### 値と列挙の書式。ほかのすべてのメッセージで使います。

instant = { $time } ({ $zone })
time-span = { $start } 〜 { $end } ({ $zone })
time-span-open = { $start } ({ $zone }) 〜 (データの最終時刻でも継続中)
instant-or-earlier = { $start } 以前
time-span-or-earlier = { $span } (開始はそれ以前の可能性あり)
number-unknown = 不明な値
duration-unknown = 不明な時間
unit-d = { $value } 日
unit-h = { $value } 時間
unit-min = { $value } 分
unit-s = { $value } 秒
unit-ms = { $value } ms
share-under = { $share } 未満
share-over = { $share } 超
probability-under = { $share } 未満
probability-over = { $share } 超
quotation = 「{ $text }」
list-empty = なし
list-next = { $head }、{ $next }
list-last = { $head }、{ $last }
list-more = { $head } ほか { $count } 件
# Sizes and prices
size-gb = { $bound ->
    [under] { $gb } GB 未満
   *[exact] { $gb } GB
  }
price-usd = { $bound ->
    [under] { $usd } USD 未満
   *[about] 約 { $usd } USD
  }
