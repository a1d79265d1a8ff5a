### Plans of remedies, and what becomes of them.

plan-complete = { $count ->
    [one] The step is done and verified.
   *[other] All { $count } steps are done and verified.
  }
plan-refused = Nothing was changed: { $why }
plan-stopped = The run stopped at the step { $step }: { $why }
plan-undone = { $why } The steps done before were undone.
plan-undo-failed = { $why } Undoing the steps before failed as well: { $undo }
plan-undo = Undo: { $plan }
plan-undo-step = It undoes the step { $step }.
plan-step-done = done and verified
plan-step-settled = done by an interrupted run, as the system shows
plan-step-uncertain = an interrupted run may have made the call { $call }, and nothing shows whether it did. Check it by hand, then make a new plan.
plan-call-failed = { $call } failed: { $error }
plan-differs = { $call } shows { $found } for { $select }, not { $wanted } as planned. Make a new plan.
plan-never = { $call } still shows { $found } for { $select } after { $within }, not { $wanted }.
plan-hint = { $hint } ({ $why })
plan-unexpected = the response of { $call } contains { $found } for { $select }, not { $wanted }.
plan-other-place = the resources are in account { $planned_account }, region { $planned_region }, but the session is in account { $account }, region { $region }. Give their --profile or --region.
plan-reasons = Why
plan-costs = Cost
plan-risks = Risks
plan-notes = Left alone
plan-steps = { $count ->
    [one] One step
   *[other] { $count } steps
  }
plan-nothing = There is nothing to do: the system already is as planned.
plan-how-to-apply = Apply it with { $command }
plan-undo-how = Undo it with { $command }
plan-undo-call = Undo: { $command }
plan-calls = { $count ->
    [0] No calls that change anything.
    [one] One call that changes something:
   *[other] { $count } calls that change something:
  }
plan-no-undo = This step has no undo.
