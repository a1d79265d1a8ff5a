### The summary of a `/health` diagnosis: effect, cause and the next step.

health-incident = { $bad } of { $requests } requests of { $paths } were slow or failed ({ $failed } failed), { $span }.
health-failed-with = Failed: { $kinds }.
health-failed-status = { $count } with status { $status }{ $by ->
    [client] {" "}(the client closed the connection)
   *[server] {""}
  }
health-failed-error = { $count } without a response ({ $error })
health-failed-silent = { $count } without a response
health-error-line = Nginx's error log says { $error } { $about ->
    [upstream] of { $upstream }{" "}
   *[none] {""}
  }({ $count ->
    [one] one line
   *[other] { $count } lines
  }).
health-exception = The application’s log has the exception { $error } { $about ->
    [place] from { $place }{" "}
   *[none] {""}
  }({ $count } times).
health-median-rose = The median response time rose from { $usual } to { $during }.
health-piled-up = Requests had piled up in the process since { $begun }.
health-callers-left = Callers left all { $requests } requests of { $path } before a response: they wait for less time than that handler takes.
health-own-errors = The application itself responded to { $requests } requests of { $path } at once with { $statuses }: a fault of that handler, or of its callers.
health-held-back = A limit of Nginx rejected { $requests } requests of { $path } with { $statuses } ({ $span }). It held back requests beyond the usual number, and explains no other failure.
health-degradation = Responses of { $path } were slower ({ $span }): the median was { $now } instead of { $usual }.{ $about ->
    [cause] {" "}The likely cause is { $cause }.
   *[none] {""}
  }
health-degradation-more = Slower as well: { $routes } more { $routes ->
    [one] route
   *[other] routes
  }.
health-brief-failure = { $bad } requests were slow or failed within { $lasted } at { $start }: too short to distinguish a fault from a restart or reload.

# Cause
health-no-cause-needed = Nothing needs a cause.
health-degradation-no-incident = A slowdown that harms no caller is no incident.
health-brief-no-cause = No cause is given for a failure that passes so quickly.
health-too-little = No endpoint was bad for long, but there are too few observations, or too many slow ones, to exclude an incident.
health-no-times = No endpoint was bad for long, but the evidence holds no times, so that slowness can’t be excluded.
health-spared = { $spared } did well all along. The most likely cause for { $paths } is { $cause } ({ $probability }). Use { $option } to examine one endpoint alone.
health-cause = The cause is { $cause } ({ $confidence }).
health-two-causes = Two causes hold: { $first } and { $second }.

# Next step
health-do-nothing = Do nothing, or widen the window if the incident was outside of it.
health-correct-exception = Correct what raises the exception { $about ->
    [place] at { $place }
   *[none] in the application
  }, or take back what was deployed before; the tracebacks: { $command }.
health-collect-next = Collect next: { $what }. { $why }
health-next-test = Next: { $test }
health-remedy = Remedy: { $remedy }
