### Claims that somebody makes about the cause of an incident, and their check.

claim-leading = The evidence supports this cause (confidence { $confidence }).
claim-beside = The evidence supports this cause too, beside: { $cause }.
claim-linked = This is linked with the cause that the evidence supports, and feeds it or follows from it: { $cause }.
claim-refuted = The evidence refutes this cause: { $count ->
    [one] { $count } statement speaks
   *[other] { $count } statements speak
  } against it.
claim-first-but-undecided = This cause is the most probable one ({ $probability }), but the evidence does not suffice to support it.
claim-less-probable = The evidence neither supports nor refutes this cause ({ $probability }). More probable ({ $other }): { $cause }.
claim-no-table = No row, but the case has no data in { $tables }, so that says nothing.
claim-no-rows = No row, although the case has data in { $tables }.
claim-no-times = { $count ->
    [one] { $count } row
   *[other] { $count } rows
  } without a time. Whether they belong to the incident is unknown: select rows with their time instead of a sum.
claim-rows = { $count ->
    [one] { $count } row shows it.
   *[other] { $count } rows show it.
  }
claim-no-incident = { $count ->
    [one] { $count } row,
   *[other] { $count } rows,
  } but the diagnosis finds no incident with which they could be compared.
claim-outside = { $count ->
    [one] The only row lies
   *[other] All { $count } rows lie
  } outside of the incident.
claim-as-often = { $within } of { $count } rows lie within the incident, which is { $share } of the window: that may be chance.
claim-within = { $within } of { $count } rows lie within the incident, which is { $share } of the window.
