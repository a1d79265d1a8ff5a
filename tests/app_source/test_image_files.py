"""Stages of a Dockerfile, the files of its image, and the server that a script starts."""

from worlds.messages import messages_in

from watchme_analysis.app_source.image_files import (
    Copy,
    Instruction,
    Stage,
    build_stages,
)
from watchme_analysis.text.message import message_of


def test_every_instruction_of_a_stage():
    text = """\
# a comment
FROM --platform=linux/amd64 python:3.12 AS base
WORKDIR /srv
WORKDIR app
ENV A=1 B="two words"
ENV C three  words
ENV D=/data
WORKDIR ${D}/$A
copy --chown=app main.py lib.py ./
COPY --from=other --chown=x ["a b.py", "c.py"]
ADD one.py two.py
COPY --link ["x y.py", "z.py"]
COPY alone
RUN <<EOF
CMD not this
WORKDIR /elsewhere
EOF
COPY <<"END" target.py
FROM neither
END
ENTRYPOINT ["python"]
CMD ["-m", "main"]
EXPOSE 80
"""
    (stage,) = build_stages(text)
    environment = {"A": "1", "B": '"two words"', "C": "three  words", "D": "/data"}
    assert stage == Stage(
        "python:3.12",
        "base",
        "/data/1",
        environment,
        [
            Copy(("main.py", "lib.py"), "/data/1", True, None),
            Copy(("a b.py",), "/data/1/c.py", False, "other"),
            Copy(("one.py",), "/data/1/two.py", False, None),
            Copy(("x y.py",), "/data/1/z.py", False, None),
            Copy(("<<END",), "/data/1/target.py", False, None),
        ],
        Instruction(22, '["-m", "main"]'),
        Instruction(21, '["python"]'),
    )
    assert stage.started() == [Instruction(22, '["python", "-m", "main"]')]


def test_instructions_that_can_not_be_read():
    rejected = []
    stages = build_stages("WORKDIR /x\nFRAM a\nCOPY 'a b\nCOPY [\"a\n\n#x\n", rejected)
    assert stages == [Stage("", "0", "/x")], "instructions before the first stage"
    assert [(line, text) for line, _, text in rejected] == [(2, "FRAM a"), (3, "COPY 'a b"), (4, 'COPY ["a')]
    reasons = [next(iter(messages_in(message_of(reason)))) for _, reason, _ in rejected[:2]]
    assert reasons == ["reject-no-instruction", "reject-shell-quote"]
