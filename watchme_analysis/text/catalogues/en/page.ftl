### Labels of a report's page.

page-all-reports = All reports
page-answer = Answer
page-incomplete = What follows is the report as far as it came.
page-case = Case
page-cause = Cause of the incident
page-confidence = Confidence
page-incident = Incident
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
