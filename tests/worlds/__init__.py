"""Generated worlds, fakes and the AWS front that tests and benchmarks share: README.md says how."""
