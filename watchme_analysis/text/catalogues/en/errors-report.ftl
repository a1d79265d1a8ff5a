### Errors of report.

error-replications = The parameter replications is { $value }: give 2 or more, for intervals.
error-seed = The parameter seed is { $value }: give a whole number from 0.
error-variable-name = { $name } is not a valid name of a variable, such as errors.
error-page-unknown = The parameter { $name } is unknown. This notebook has { $known }.
error-page-case-and-pull = The parameter { $name } is for a pull from AWS: leave it empty for a case, or leave case empty.
error-section-column = The section { $section } has no column { $name }. It has { $known }.
error-section-no-reading = The section { $section } has no reading: display it instead.
error-page-no-case = The parameter case is empty: name the folder of a case or of raw evidence.
error-page-parameter = The parameter { $name } is { $value }: give a text, empty for none.
error-section-no-figure = The section { $section } has no figure: plot its frame.
error-reports-unwritable = Reports can't be written to { $folder } ({ $reason }): give another folder with --to.
error-folder-of-project = { $folder } belongs to the project, whose notebooks stay as they are: give another --folder.
error-case-answers-nothing = The case { $case } holds no evidence that a question needs (tables: { $tables }): import more of it.
error-postmortem-question = A postmortem answers { $known } or { $all }, not { $question }.
error-postmortem-option = --{ $option } does not go with the question { $question }.
error-notebooks-missing = There is no folder { $folder }: run from a clone of the project, or give --notebooks.
error-notebook-format = { $path } is not a notebook of format 4.
error-notebook-damaged = The notebook { $path } is damaged at { $place }: correct it, or take another copy.
error-folder-no-question = The folder { $folder } contains no notebook of a question: give another folder with --notebooks.
error-no-notebook = There is no notebook for { $question }: use { $known }.
error-question-twice = { $first } and { $second } both have the question { $question }: change one of them.
error-notebook-unreadable = The notebook { $path } can't be read: { $reason }.
error-folder-other-questions = No notebook in { $folder } is about a question that the case { $case } has evidence for: give another folder with --notebooks.
error-report-option = --{ $option } does not go with the question { $question }.
error-notebook-parameters = The parameters of the notebook { $path } are not Python ({ $reason }): correct the cell.
notebook-part = { $part ->
    [metadata] its metadata
    [format] its format, which is not 4
    [cells] its cells
   *[cell] cell { $cell }
  }
