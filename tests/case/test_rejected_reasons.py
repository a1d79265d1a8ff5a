"""Reasons of rejected lines and files are in the language of the reader, whatever format the file has."""

import re

from watchme_analysis.case.importer import import_folder, read_file, recognise
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import MessageText, message_of
from watchme_analysis.text.render import render

BROKEN = {
    "Dockerfile": 'FROM python\nBOGUS x\nCMD ["uvicorn", \n',
    "access.log": '192.0.2.7 - - [11/Dec/2025:01:10:30 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\nhello\n',
    "app.py": "def f(:\n",
    "compose.yml": "services:\n  api:\n    image: [a\n  b: }\n",
    "edge.jsonl": '{"RayID": "8f", "EdgeStartTimestamp": 1, "EdgeResponseStatus": "x"}\nno\n',
    "error.log": "not a log\n2025/13/11 01:10:30 [error] 7#7: *1 x\n",
    "metrics.csv": "time,cpu,memory\n1,x,3\n2,1,3\n,3,3\n1\n",
    "nginx.conf": "http {\n}\n}\n",
    "probes.csv": "time,vantage,path,status,seconds,error\n1,outside,/,2x0,0.5,\n1,outside,/,1e30,0.5,\n",
    "queues/q.json": '{"Attributes": {"QueueArn": ',
    "uvicorn_command.txt": 'ls -l\nuvicorn main:app --port x\nuvicorn "main\n',
}


def test_every_reason_is_told_in_japanese(tmp_path, subtests):
    (tmp_path / "queues").mkdir()
    for name, text in BROKEN.items():
        (tmp_path / name).write_text(text)
        raw = RawFile(tmp_path, name)
        source, _ = recognise(raw, None)
        rejected = [one for piece in read_file(source, raw) for one in piece.retrieval.rejected]
        with subtests.test(file=name):
            assert rejected
            for one in rejected:
                assert isinstance(one.reason, MessageText), one.reason
                assert re.search("[ぁ-んァ-ヶ一-龥]", render(one.reason, "ja")), one.reason


def test_a_log_read_as_text_keeps_the_reason(tmp_path):
    log = tmp_path / "evidence" / "access.log"
    log.parent.mkdir()
    log.write_text("2025-12-11 01:10:30 GET /health 192.0.2.7 504 31\n")

    (file,) = import_folder(log.parent, tmp_path / "case").case.manifest["inputs"]

    assert (file["source"], message_of(file["reason"]).id) == ("app_log", "left-no-fields")
