### Postmortem of a case in Markdown, of an incident.

postmortem-heading-timeline = Timeline
postmortem-heading-impact = Impact
postmortem-heading-cause = Cause
postmortem-heading-ruled-out = Causes ruled out
postmortem-heading-not-ruled-out = Causes not ruled out
postmortem-heading-actions = Actions taken
postmortem-heading-open-actions = Open actions
postmortem-zone = Times are in { $zone }.
postmortem-event = event
postmortem-action = action
postmortem-outcome = outcome
postmortem-began = The incident begins.
postmortem-ended = The incident ends.
postmortem-alarm-fired = The alarm { $alarm } fired.
postmortem-alarm = The alarm { $alarm } on { $resource } would have fired.
postmortem-change = { $resource }: { $what }{ $known ->
    [known] {" "}(by { $user })
   *[unknown] {""}
  }
postmortem-rows = Query for the rows of the strongest statement, for watchme case sql:
postmortem-not-decided = No observation contradicts it.
postmortem-alike = { $first } The same { $count ->
    [one] for one more
   *[other] for { $count } more
  } until { $until }.
postmortem-no-actions = The case records no actions.
postmortem-check-actions = Check whether the actions taken were enough. If not: { $remedy }
postmortem-prevent = Decide on prevention: { $page }.
postmortem-made = Made by watchme_analysis { $version } from the case { $case }.

# Outcomes of recorded actions
action-outcome-intended = intended
action-outcome-done = done
action-outcome-not-done = not done
action-outcome-failed = failed
action-outcome-uncertain = uncertain
action-outcome-resumed = resumed
