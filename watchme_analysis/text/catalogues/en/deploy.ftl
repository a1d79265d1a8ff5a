### Check of a deployment package.

deploy-ready = ready to deploy
deploy-problems = { $count ->
    [one] { $count } problem
   *[other] { $count } problems
  }
deploy-missing-import = { $when ->
    [import] { $module } is imported at { $place }
    [call] { $module } is imported at { $place } when called
   *[condition] { $module } is imported at { $place } under a condition
  }, but is neither in the { $layers ->
    [some] package and its layers
   *[none] package
  } nor in the { $runtime } runtime.
deploy-removed-import = { $when ->
    [import] { $module } is imported at { $place }
    [call] { $module } is imported at { $place } when called
   *[condition] { $module } is imported at { $place } under a condition
  }, but Python has removed it: it is not in the { $runtime } runtime.
deploy-import-case = { $module } is imported at { $place }, but the file is { $file }: Lambda distinguishes upper and lower case.
deploy-relative-import = { $module } is imported at { $place }, which is in no package: a relative import fails there.
deploy-optional-import = { $module } is imported at { $place } and is missing, but the code continues without it.
deploy-missing-name = { $name } is imported at { $place }, but { $module } does not define it.
deploy-syntax = { $place } has a syntax error: { $reason }.
deploy-unparsed = { $file } was not checked: { $reason }.
deploy-unreadable = { $file } can't be read: { $reason }.
deploy-path-change = { $place } changes sys.path to a folder that is not known: modules in it count as missing.
deploy-no-handler-module = The handler's module is missing: the package has no { $path }.
deploy-handler-in-folder = The handler's module is missing: the package has no { $path }, but { $file }. Zip the content of the folder, not the folder.
deploy-no-handler-function = { $file } does not define { $handler } at its top level { $count ->
    [0] and defines no other function
   *[other] but { $functions }
  }.
deploy-handler-unknown = { $file } creates names when it runs: whether it defines { $handler } is unknown.
deploy-async-handler = { $handler } at { $place } is async: Lambda does not await it.
deploy-handler-arguments = { $handler } at { $place } can't be called with two arguments: Lambda passes event and context.
deploy-native = { $more ->
    [0] { $file } is built for { $built }, but the function runs on { $needed }.
    [one] { $file } and { $more } further native module are built for { $built }, but the function runs on { $needed }.
   *[other] { $file } and { $more } further native modules are built for { $built }, but the function runs on { $needed }.
  }
deploy-native-library = { $more ->
    [0] { $file } is built for { $built }, but the function runs on { $needed }: it is unused or fails when loaded.
    [one] { $file } and { $more } further library are built for { $built }, but the function runs on { $needed }: they are unused or fail when loaded.
   *[other] { $file } and { $more } further libraries are built for { $built }, but the function runs on { $needed }: they are unused or fail when loaded.
  }
deploy-zip-size = The zip has { $size }; Lambda accepts { $limit } in a direct upload. Upload it through S3, or remove files.
deploy-unzipped-size = The package { $layers ->
    [some] and its layers have
   *[none] has
  } { $size } unzipped; Lambda accepts { $limit }.
deploy-names = { $kind ->
    [outside] { $count ->
        [one] The name { $names } leads out of the package.
       *[other] { $count } names lead out of the package: { $names }.
      }
    [backslashes] { $count ->
        [one] The name { $names } has a backslash, which separates no folders on Linux.
       *[other] { $count } names have backslashes, which separate no folders on Linux: { $names }.
      }
    [duplicates] { $count ->
        [one] The zip holds { $names } twice.
       *[other] The zip holds { $count } files twice: { $names }.
      }
   *[links] { $count ->
        [one] The link { $names } was not followed.
       *[other] { $count } links to folders were not followed: { $names }.
      }
  }
deploy-case-collision = The names { $names } differ in upper and lower case only: macOS and Windows keep one of them.
deploy-permissions = { $count ->
    [one] { $names } can't be read by all users, as Lambda requires: set its mode to 644.
   *[other] { $count } files can't be read by all users, as Lambda requires: { $names }. Set their mode to 644.
  }
deploy-layer-without-python = The layer { $layer } has no folder python: Lambda finds no module in it.
deploy-layer-version = The layer { $layer } has modules for { $versions }, which { $runtime } does not search.

### Plan of a deployment.

deploy-title = Deploy new code of the function { $function }
deploy-checked = The package was checked: { $verdict } ({ $count ->
    [one] { $count } module
   *[other] { $count } modules
  } followed).
deploy-cost = No charge beyond { $count ->
    [0] the function's own invocations
    [one] one invocation
   *[other] { $count } invocations
  } and the storage of one version.
deploy-risk-events = { $count ->
    [one] The recorded event is processed for real: what the handler writes or sends happens once more.
   *[other] The { $count } recorded events are processed for real: what the handler writes or sends happens once more.
  }
deploy-risk-weights = The alias { $alias } is weighted: { $share } of its invocations go to the new version, the others to { $others }. The watched invocations and errors are those of all versions.
deploy-hint-unseen = Nothing shows that the new code works, so it is rolled back. Wait longer with { $option }, or not at all with 0.
deploy-risk-untested = No recorded event is given, so the first real message is the first test. Give one with --event or --case.
deploy-risk-latest = The function is called without an alias: between update and rollback, real messages run the new code. SQS delivers failed ones again.
deploy-way-back = The version published first keeps the current code of { $function }. It is not deleted.
deploy-why-keep = Publish the current code of { $function } as a version, to go back to.
deploy-why-update = Replace the code of { $function } by the package ({ $size }), and wait until Lambda has updated it.
deploy-why-publish = Publish the new code as a version for the alias { $alias }.
deploy-why-invoke = Invoke the new code with { $event }: no error, no failed message in the batch, no error in the log.
deploy-why-switch = Point the alias { $alias } to the new version, instead of { $version }.
deploy-why-watch = Wait for { $count ->
    [one] the first real invocation
   *[other] the first { $count } real invocations
  }, at most { $within }.
deploy-why-no-errors = No invocation since the update has left an error of the runtime in { $group }.
deploy-event-dlq = a message of the DLQ { $queue }
deploy-refused = Nothing was planned: fix the package, or give --skip-check.
package-encrypted = it is encrypted
package-compression = its compression, number { $number }, is neither deflate nor none
package-ends-early = it ends early
package-directory-large = its directory is larger than { $mib } MiB
package-nested = its expressions are nested too deeply
package-source-large = it is larger than { $mib } MiB
