"""VPC flow logs: records with or without the names of their fields, and rejected flows between two hosts."""

from worlds.messages import messages_in

from watchme_analysis.evidence.flow_logs import looks_like, read_flows
from watchme_analysis.files.evidence_file import RawFile

RECORD = (
    "2 123456789012 eni-1235b8ca 192.0.2.7 192.0.2.20 {port} 8000 6 20 4249 1765415430 1765415490 {action} OK"
)
REJECTED = [RECORD.format(port=port, action="REJECT") for port in (49761, 49762)]
ACCEPTED = RECORD.format(port=49763, action="ACCEPT")


def read(tmp_path, *lines):
    (tmp_path / "flows.txt").write_text("".join(f"{line}\n" for line in lines))
    raw = RawFile(tmp_path, "flows.txt")
    assert looks_like(raw)
    return read_flows(raw)


def test_a_note_names_hosts_whose_flows_were_rejected(tmp_path):
    frame, how = read(tmp_path, *REJECTED, ACCEPTED)

    assert frame["action"].tolist() == ["REJECT", "REJECT", "ACCEPT"]
    assert frame.loc[0, ["source_addr", "target_addr", "target_port"]].tolist() == [
        "192.0.2.7",
        "192.0.2.20",
        8000,
    ]
    (said,) = [messages_in(note.message)["note-flows-rejected"] for note in how.notes]
    assert (said["flows"], said["source"], said["target"]) == (2, "192.0.2.7", "192.0.2.20:8000")


def test_fields_in_another_order_are_read_by_their_names(tmp_path):
    frame, how = read(
        tmp_path, "action srcaddr dstaddr dstport pkt-srcaddr", "REJECT 192.0.2.7 192.0.2.20 443 -"
    )

    assert frame.loc[0, ["action", "source_addr", "target_port"]].tolist() == ["REJECT", "192.0.2.7", 443]
    assert frame.loc[0, ["start", "bytes"]].isna().all()
    assert (how.lines, how.blank_lines) == (2, 1)


def test_lines_behind_a_time_and_damaged_ones_are_counted(tmp_path):
    frame, how = read(tmp_path, f"2025-12-11T01:10:30.123000+00:00 {ACCEPTED}", "2 torn", "")

    assert (len(frame), len(how.rejected), how.blank_lines, how.lines) == (1, 1, 1, 3)
