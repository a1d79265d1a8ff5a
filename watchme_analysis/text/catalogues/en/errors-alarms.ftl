### Errors of alarms.

error-alarm-periods = An alarm over { $periods } periods is not evaluated ({ $limit }).
error-alarm-comparison = The comparison { $comparison } is unknown: use one of { $known }.
error-alarm-low-samples = low_samples { $value } is unknown: use one of { $known }.
error-alarm-period = An alarm with a period of { $period } s can't be evaluated on points of { $history } s: use a multiple of that, or collect the metric at its own period.
error-alarm-statistic = The statistic { $stat } is unknown: use { $known } or a percentile.
error-alarm-datapoints = An alarm on { $datapoints } of { $periods } periods can't be: datapoints_to_alarm must lie between 1 and evaluation_periods.
error-alarm-missing-data = treat_missing_data { $value } is unknown: use one of { $known }.
error-metric-math-long = The metric math { $expression } is too long to be calculated ({ $limit }).
error-alarms-no-list = { $file } has no list `alarms`: write one entry an alarm, see the bundled { $bundled }.
error-alarms-no-name = { $place } has no name: give it one.
error-alarms-unknown-key = { $place } has the unknown key { $key }: the keys are { $known }.
error-alarms-no-metric = { $place } needs a `metric`, a `ratio` of two metrics, or a `composite` rule.
error-alarms-lacks = { $place } needs { $key }.
error-alarms-stat = { $place }: stat is { $stat }, and must be Sum, Average, Maximum, Minimum, SampleCount or a percentile such as p99.
error-alarms-ratio = { $place }: ratio is { $value }, and must be a list of two metrics.
error-alarms-period = period_s is { $period }, and must be 10, 20, 30 or a multiple of 60.
error-alarms-range = { $periods } periods of { $period } s are { $range } s, and CloudWatch evaluates at most { $most } s of periods of this length: use fewer periods.
error-alarms-in-place = { $place }: { $problem }
error-alarms-text = { $place }: { $key } is { $value }, and must be a text.
error-alarms-unreadable = The specification { $path } can't be read ({ $reason }): check the path.
error-alarms-not-yaml = The specification { $path } is not YAML ({ $reason }): correct it.
error-metric-math = The metric math { $expression } { $problem ->
    [part] holds { $part }
    [no-list] has { $part } of something else than a list such as [m1, m2]
    [arguments] calls { $part } with { $arguments ->
        [one] { $arguments } argument
       *[other] { $arguments } arguments
      }
   *[unclear] is not understood
  }: known are + - * / ^, comparisons, { $functions } and the ids { $ids }.
error-composite-rule = The composite rule { $rule } can't be read from { $rest } on: write ALARM("a"), OK("a") or INSUFFICIENT_DATA("a"), joined by AND, OR, NOT and brackets.
error-alarms-one-threshold = { $place } needs either threshold or of_timeout, and not both.
error-alarms-number = { $place }: { $key } is { $value }, and must be a { $kind ->
    [whole] whole number
   *[number] number
  }.
error-lone-point = lone_point { $name } is unknown: use one of { $known }.
error-alarm-state = The alarm state { $name } is unknown: use one of { $known }.
