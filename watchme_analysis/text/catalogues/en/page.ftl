### Labels of a report's page.

page-all-reports = All reports
page-answer = Answer
page-incomplete = What follows is the report as far as it came.
page-case = Case
page-cause = Cause of the incident
page-confidence = Confidence
page-incident = Incident
page-duration = Duration
page-impact = Impact
page-window = Window
page-made = Report made
page-files = Files
page-remedy = How to make sure, fix and prevent it
page-beside = Beside it:
page-rows = { $table }, { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  }
page-code = Code
verdict-name-supported = supported
verdict-name-inconclusive = inconclusive
verdict-name-no-incident = no incident

index-title = Reports
index-count = { $count ->
    [one] { $count } report, newest first.
   *[other] { $count } reports, newest first.
  }
index-caption = Each run with its answer. Times are in the time zone of each report.
index-question = Question
index-verdict = Verdict
index-cause = Cause
index-change = Change since the previous run
index-took = Took
index-result = result
index-notebook = notebook
index-why = why
index-left-out = Left out, because their result.json is not one of a report:
index-verdict-was = The verdict was: { $before }.
index-cause-was = The cause was: { $before }.
index-incident-was = The incident was: { $before }.
index-impact-was = The impact was: { $before }.
index-unchanged = No change.
