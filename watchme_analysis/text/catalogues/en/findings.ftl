### Verdict, findings and the evidence to collect, as notebooks, pages and the terminal show them.

cause-consequence = { $followed ->
    [downstream_saturated] As a consequence, the API that the consumer calls was overloaded.
    [downstream_down] The API finally stopped responding.
    [throttled] As a consequence, deliveries were throttled.
    [mapping_disabled] The event source mapping was disabled afterwards.
   *[other] { $second } was observed as well.
  }
error-leading = { $function } fails with { $error } ({ $part ->
    [all] { $total ->
        [one] the only logged error
       *[other] all { $total } logged errors
      }
   *[some] { $errors } of { $total } logged errors
  }).
errors-covered = { $part ->
    [cut] The query returned only part of the errors: those logged from { $span }{ $counted ->
        [known] {" "}by { $requests ->
            [one] { $requests } request
           *[other] { $requests } requests
          }
       *[unknown] {""}
      }.
   *[all] They were logged from { $span }{ $counted ->
        [known] {" "}by { $requests ->
            [one] { $requests } request
           *[other] { $requests } requests
          }
       *[unknown] {""}
      }.
  }

finding-head = { $status ->
    [supported] { $title }: supported, { $probability }
    [refuted] { $title }: refuted, { $probability }
   *[inconclusive] { $title }: inconclusive, { $probability }
  }
finding-head-in-question = { $title }: in question
finding-no-evidence = The data holds nothing that shows or excludes it.
finding-not-seen = Not seen:
finding-next-test = Next test:
finding-basis = { $side ->
    [supports] supports { $weight }
    [contradicts] contradicts { $weight }
   *[neutral] neutral
  }; { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  } of { $table }
finding-not-separated = { $number ->
    [one] The evidence points to { $causes }, but does not settle the cause.
   *[other] The evidence does not tell these causes apart: { $causes }.
  }
finding-nothing-supports = No evidence supports any of { $causes } causes.
finding-follows = It weighs less, because another observation explains it ({ $check }).
finding-its-rows = its rows
finding-query = Run this query with { $command } or { $method }:

next-evidence-caption = What to collect next, best first
next-evidence-what = what
next-evidence-why = why
next-evidence-how = how
next-evidence-none = Nothing that these hypotheses need is missing.
value-shown-by = Find { $word } with { $command }.
placeholder-case = CASE is the folder of the case.
placeholder-folder = FOLDER is the folder of raw evidence that the case is imported from.
placeholder-health-url = HEALTH_URL is the URL of the health endpoint, as callers request it.
placeholder-origin-ip = ORIGIN_IP is the address of the server behind the edge, which its DNS record at the edge holds.
placeholder-start = START is the start of the incident in UTC, such as 2025-12-11T01:00:00Z.
placeholder-end = END is the end of the incident in UTC, such as 2025-12-11T02:00:00Z.
placeholder-token = TOKEN is an API token that may read the zone at Cloudflare and its logs.
placeholder-url = URL is the address that the handler calls.
placeholder-zone = ZONE is the id of the zone, which its overview at Cloudflare shows.
collect-placeholders =
    # { $meanings }
    { $how }
known-line-test = To tell them apart, run { $commands }.
known-line = { $meaning } { $count ->
    [one] 1 line says
   *[other] { $count } lines say
  } { $error }.
