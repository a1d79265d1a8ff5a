### What the frames of a page say, in one sentence each

reading-coverage = { $tables } tables hold { $rows } rows, and { $rejected } lines were rejected. { $lacks ->
    [some] Absent: { $absent }.
   *[none] No table that a cause needs is absent.
  }
reading-queries-none = No log query of this case is known: its logs were read from files, or there are none.
reading-queries = { $queries ->
    [one] { $queries } log query
   *[other] { $queries } log queries
  } returned { $rows } rows and scanned { $size }, { $price }; { $cut } of them reached their limit.
reading-findings-none = No causes were weighed.
reading-findings = “{ $first }” leads with { $probability }, before “{ $second }” with { $other }: { $supporting } statements support it and { $contradicting } contradict it.
reading-no-incident = No incident separates the requests: { $bad } of { $requests } were slow or failed.
reading-observations = { $bad } of { $during } observations were slow or failed during the incident, and { $usual_bad } of { $usual } outside of it; a request counts at every vantage that saw it.
reading-not-compared = Nothing can be compared: there are no rows both within and outside of the incident.
reading-comparison = { $route }, seen from { $vantage }, changed most: { $bad } of { $requests } requests were slow or failed, with a median of { $now } instead of { $usual }. { $well } of { $routes } endpoints stayed well.
reading-layers = { $route } took longer mostly { $layer ->
    [edge] between the edge and Nginx
    [nginx] in Nginx itself
    [connect] while Nginx connected to the application
    [header] while Nginx waited for the application's response
   *[body] while the response body was read
  }: { $now } instead of { $usual }, { $share } of the increase.
reading-no-request = No request can be followed: neither the edge nor Nginx logged one.
reading-followed = The slowest request in the logs of the edge and Nginx, { $request } at { $start }, took { $lasted }. { $lacks ->
    [some] These layers have a log without it: { $layers }.
   *[none] Every layer with a log has a record of it.
  }{ $probed ->
    [slower] {" "}A probe that neither of them logs took { $probe }.
   *[none] {""}
  }
reading-all-served = All of the { $requests } requests were served.
reading-fates = { $count } of { $requests } requests of { $route } in the incident ended so: { $fate }. Outside of it { $usual } did.
reading-in-flight = At most { $requests } requests to { $upstream } were open at once, at { $time }; { $compared ->
    [outside] outside the incident the median is { $usual }
   *[all] the median is { $usual }
  }. { $of_route } of them were for { $route }.
reading-no-errors = Nginx's error log has no line of the window, or was not collected.
reading-errors = { $count } of { $lines } lines in Nginx's error log are of one kind, { $kind }, from { $first } to { $last }.
reading-settings = { $different } of { $settings } settings differ between these paths{ $differs ->
    [some] : { $names }
   *[none] {""}
  }.
reading-no-onset = No metric of an affected queue changed within the window.
reading-onsets = The first metric to change was “{ $metric }” of { $queue }, at { $time } (within { $within }): { $now } instead of { $usual }. { $others } others followed.
reading-rates = Of { $resource }, “{ $metric }” changed most: { $now } an hour instead of { $usual }.
reading-no-balance = The messages of no queue can be counted: there are no metrics of SQS.
reading-balance = Of { $sent } messages sent to { $queue }, { $deleted } were deleted, { $dead_lettered } moved to the DLQ and { $visible } wait; { $unexplained } are unexplained.
reading-no-dead-letters = No message of a DLQ was read.
reading-dead-letters = { $messages } messages in DLQs belong to { $items } work items ({ $unit }); the most frequent has { $share } of them.
reading-no-messages = No message was read from a queue or DLQ.
reading-work = { $recoverable } of { $messages } messages can succeed when they are redriven; the logs show { $processed } of them as processed.
reading-no-alarm = None of { $alarms } alarms would have fired after the start of an incident.
reading-alarms = { $alarm } on { $resource } would have fired first, at { $time }, { $late } after the start; { $fired } of { $alarms } would have fired.
reading-no-threshold = No other threshold or M of N fires in the incident without false alarms.
reading-thresholds = Without false alarms, { $alarm } at { $factor } times its threshold and { $datapoints } of { $periods } points fires first, { $late } after the start.
reading-improvements = { $alarms ->
    [one] { $alarms } alarm
   *[other] { $alarms } alarms
  } can't do what they are meant for.
reading-agreement = The simulation reproduces { $near } of { $figures } recorded figures.
