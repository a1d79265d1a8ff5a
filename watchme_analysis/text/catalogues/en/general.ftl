### Formats of values and lists. Every other message uses them.

instant = { $time } { $zone }
time-span = { $start } to { $end } { $zone }
time-span-open = { $start } { $zone }, still open at the end of the data
instant-or-earlier = { $start } or earlier
time-span-or-earlier = { $span } (or since earlier)
number-unknown = an unknown number
duration-unknown = an unknown time
unit-d = { $value } d
unit-h = { $value } h
unit-min = { $value } min
unit-s = { $value } s
unit-ms = { $value } ms
share-under = <{ $share }
share-over = >{ $share }
probability-under = under { $share }
probability-over = over { $share }
quotation = “{ $text }”
list-empty = none
list-next = { $head }, { $next }
list-last = { $head } and { $last }
list-more = { $head } and { $count } more
# Sizes and prices
size-gb = { $bound ->
    [under] less than { $gb } GB
   *[exact] { $gb } GB
  }
price-usd = { $bound ->
    [under] less than { $usd } USD
   *[about] about { $usd } USD
  }
