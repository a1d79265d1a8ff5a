"""Programs that pages advise, as their manuals describe them: other options and placeholders are refused.

Run as a script under the name of a program, it checks its arguments and prints the least that a later command
needs. Sources: docs.docker.com/reference/cli/docker, kubernetes.io/docs/reference/kubectl, nginx.org/en/docs,
manual pages of curl(1), journalctl(1), ping(8), ss(8), top(1), vmstat(8), systemctl(1), sudo(8) and py-spy's
README.
AWS commands are checked against botocore's models, which the AWS CLI is made of.
"""

import re
import stat
import sys
from pathlib import Path

# Options with a value end with `=`.
OPTIONS = {
    "curl": "-m= -w= -k -s -H= -sH= --resolve=",
    "docker compose config": "",
    "docker compose ps": "",
    "docker cp": "",
    "docker exec": "",
    "docker inspect": "-f=",
    "docker logs": "--timestamps --tail= -f --since=",
    "docker ps": "-a --filter=",
    "docker restart": "",
    "docker top": "",
    "journalctl": "-u=",
    "kubectl get": "-A -o=",
    "kubectl logs": "--timestamps --tail= -f --previous",
    "nginx": "-T -t -s=",
    "ping": "-M= -s= -c=",
    "py-spy dump": "--pid=",
    "sleep": "",
    "ss": "-ltn -ltnp -Htn",
    "systemctl restart": "",
    "systemctl status": "",
    "top": "-H -p=",
    "vmstat": "",
}
# Global options of the AWS CLI.
AWS_OPTIONS = {"--query", "--output", "--region", "--profile", "--cli-binary-format"}
PLACEHOLDER = re.compile(r"(?<![A-Za-z0-9_/.:=-])[A-Z][A-Z_]{2,}(?![A-Za-z0-9_=-])|<[a-z-]+>")


class RefusedError(Exception):
    """What a program says of arguments that it does not know."""


def write_programs(folder, python):
    """Write a program of each name into a folder, for the path of a shell."""
    for name in {words.split()[0] for words in OPTIONS} | {"aws", "sudo"}:
        path = folder / name
        path.write_text(f"#!{python}\n{Path(__file__).read_text()}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


def checked(words):
    """Return what a program prints for its words; raise RefusedError for others than its manual has."""
    for word in words:
        if PLACEHOLDER.search(word):
            raise RefusedError(f"{word} is a placeholder")
    if words[0] == "aws":
        return checked_aws(words[1:])
    if words[0] == "sudo":
        return checked_sudo(words[1:])
    name = max(
        (each for each in OPTIONS if words[: each.count(" ") + 1] == each.split()), key=len, default=None
    )
    if name is None:
        raise RefusedError(f"no command {' '.join(words[:2])}")
    known, rest = OPTIONS[name].split(), [*words[name.count(" ") + 1 :]]
    plain = []
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or (plain and name == "docker exec"):
            plain.append(word)
        elif f"{word}=" in known and rest:
            rest.pop(0)
        elif word not in known:
            raise RefusedError(f"{name} has no option {word}")
    if not plain and name in ("curl", "docker exec", "docker logs", "docker restart", "docker top", "ping"):
        raise RefusedError(f"{name} needs an argument")
    if name == "docker exec" and len(plain) < 2:
        raise RefusedError("docker exec needs a command")
    if name == "docker exec" and plain[1] in {each.split()[0] for each in OPTIONS}:
        checked(plain[1:])
    return "4711" if name == "docker inspect" else ""


def checked_sudo(words):
    if words and words[0] == "ls":
        return ""
    return checked(words) if words else ""


def checked_aws(words):
    import jmespath

    service, command, *rest = words
    operation = operation_of(service, command)
    given, plain = options_of(operation, rest)
    missing = set() if operation.input_shape is None else {*operation.input_shape.required_members} - {*given}
    if missing or len(plain) != operation.has_streaming_output:
        raise RefusedError(f"aws {service} {command}: missing {missing}, arguments {plain}")
    jmespath.compile(*given.get("--query", ["@"]))
    files = [text.removeprefix("file://") for each in given.values() for text in each if "file://" in text]
    if not all(Path(file).exists() for file in files):
        raise RefusedError(f"there is no file of {files}")
    return "https://sqs.eu-west-1.amazonaws.com/123456789012/some" if command == "get-queue-url" else "{}"


def operation_of(service, command):
    """Return botocore's model of a command of the AWS CLI."""
    from botocore import xform_name
    from botocore.session import get_session

    model = get_session().get_service_model({"s3api": "s3"}.get(service, service))
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if command not in operations:
        raise RefusedError(f"aws {service} has no command {command}")
    return model.operation_model(operations[command])


def options_of(operation, rest):
    """Return the values of each parameter or global option, and the arguments."""
    from botocore import xform_name

    shapes = {} if operation.input_shape is None else operation.input_shape.members
    members = {f"--{xform_name(name, '-')}": name for name in shapes}
    given, plain = {}, []
    while rest:
        word = rest.pop(0)
        name = members.get(word) or members.get(word.replace("--no-", "--"))
        kind = shapes[name].type_name if name else "string"
        if name is None and word not in AWS_OPTIONS:
            if word.startswith("-"):
                raise RefusedError(f"{operation.name} has no option {word}")
            plain.append(word)
            continue
        values = []
        while kind != "boolean" and rest and not rest[0].startswith("--") and (kind == "list" or not values):
            values.append(rest.pop(0))
        if kind != "boolean" and not values:
            raise RefusedError(f"{operation.name}: {word} needs a value")
        given[name or word] = values
    return given, plain


if __name__ == "__main__":
    try:
        print(checked([Path(sys.argv[0]).name, *sys.argv[1:]]))
    except RefusedError as refused:
        sys.exit(f"{sys.argv[0]}: {refused}")
