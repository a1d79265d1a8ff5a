### Settings of watchme.toml: the values that each may have.

allowed-names = a list of names, such as ["order_id"]
allowed-words = a list of words, such as ["failed"]
allowed-noun = a noun, such as "order"
allowed-date-pattern = a regular expression with one group, the date
allowed-zone = the IANA name of a time zone, such as "Europe/Berlin" or "UTC"
allowed-whole-number = a whole number above 0
allowed-seconds = a number of seconds above 0
allowed-truth = true or false
allowed-amount = a number above 0
allowed-path = the path of a file or folder, relative to the file that states it
allowed-name-or-names = a name or a list of names, such as { $example }
allowed-ids = an id or a list of ids, such as "i-0123456789abcdef0"
allowed-url = a URL, such as { $example }
allowed-path-or-url = a path or a URL, such as "/health"
allowed-port = a port between 1 and 65535
allowed-patterns = a list of names or patterns, such as ["/aws/lambda/orders-*"]
allowed-destinations = a list of names of destinations, such as ["on-call"]
allowed-secret = where the secret is: "env:VARIABLE", "file:PATH", "secretsmanager:ID" or "ssm:NAME"
allowed-addresses = a list of addresses, such as ["on-call@example.com"]
allowed-address = an address of e-mail
allowed-days = a number of days, such as "90d"
allowed-bucket = the name of a bucket
allowed-text = a text
allowed-kms-key = the id or ARN of a KMS key
allowed-week = a span of at most seven days, such as "12h"
allowed-topic = the ARN of a topic
allowed-host-port = HOST:PORT, such as "smtp.example.com:587"
allowed-smtp-user = the name of the user at the SMTP server
allowed-bus = the name or ARN of an event bus
allowed-from-one = a whole number from 1
allowed-span = a span, such as "24h"
allowed-profile = the name of a profile of the AWS configuration
allowed-region = an AWS region, such as "us-east-1"
allowed-yaml = the path of a YAML file, relative to the file that states it
allowed-system = the name of a system
allowed-choices = { $rest } or { $last }
allowed-keys = one of { $names }
config-near = : do you mean { $word }?
config-known = : the { $kind ->
    [systems] systems
    [destinations] destinations
   *[keys] keys
  } are { $names }.
allowed-channel = the id or name of a channel
