### Labels of a report's page.

page-all-reports = All reports
page-answer = Answer
page-incomplete = What follows is the report as far as it came.
page-case = Case
page-cause = Cause of the incident
page-window = Window
page-made = Report made
page-files = Files
page-remedy = How to make sure, fix and prevent it
page-rows = { $table }, { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  }
page-code = Code
page-warnings = Warnings of the notebook
page-traceback = Position in the code
page-figure = Figure without a description
page-swipe = Swipe sideways for the rest.
page-how-made = How this report was made
page-made-notebook = Notebook:
page-made-result = Machine-readable result:
page-made-alone = This page needs no other file; these files are beside it.
page-made-masked = Passwords, tokens and the names in e-mail addresses are shown as ***. The case contains them. Queries for rows, attached files and the output of a notebook's own cells may contain them, too: check these before you share them.
page-parameters = Parameters
page-inputs = Input files
page-input-file = file
page-input-bytes = bytes
page-versions = Versions
verdict-name-failed = failed
verdict-name-killed = killed
verdict-name-running = running
page-error-in = In “{ $section }”: { $error }
verdict-name-supported = cause found
verdict-name-inconclusive = cause open
verdict-name-open = open at the end of the data
verdict-name-ended = ended
verdict-name-no-incident = no incident

index-title = Reports
index-count = { $count ->
    [one] { $count } report, newest first.
   *[other] { $count } reports, newest first.
  }
index-change = Change since the previous run
index-system = System
index-all = all
index-result = result
index-notebook = notebook
index-left-out = Left out, because their result.json is not one of a report:
index-verdict-was = The verdict was: { $before }.
index-cause-was = The cause was: { $before }.
index-facts-were = Before: { $before }.
index-unchanged = No change.
report-no-diagnosis = The notebook displayed no diagnosis.
report-interrupted = The notebook was interrupted, since the time for reports, { $seconds } s, was over.
report-killed = The run was killed before it ended.
