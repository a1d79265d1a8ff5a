"""A postmortem of a case as Markdown for a wiki, from the same sections and sentences as its page.

No notebook runs, so the extra ``report`` is not needed. It begins with headline, facts, cause and
open actions; timeline, impact, reasons, causes that are ruled out and actions taken follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.time_to_detect import alarms_fired
from watchme_analysis.errors import InputError
from watchme_analysis.inference.causes import causes
from watchme_analysis.notebook import open_backlog, open_health
from watchme_analysis.present.markdown import (
    markdown_block,
    markdown_rows,
    markdown_table,
    markdown_text,
)
from watchme_analysis.report.actions_taken import actions_taken
from watchme_analysis.report.cause_page import remedy_page
from watchme_analysis.report.folder import prepare
from watchme_analysis.report.run import exported, shared_imports
from watchme_analysis.report.summary import facts
from watchme_analysis.services.diagnose import ALL, QUESTIONS, chosen_questions
from watchme_analysis.text.file_names import slug
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import (
    Choice,
    Message,
    Probability,
    Resource,
    message,
)
from watchme_analysis.text.render import error_message, label, render, value_label
from watchme_analysis.version import __version__

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.inference.findings import Ranked
    from watchme_analysis.notebook import BacklogPage, HealthPage
    from watchme_analysis.notebook.section import Section

# Rows of the timeline at most; further changes are in the page.
_MOST_CHANGES = 30


def write_postmortems(
    question: str,
    cases: Sequence[str | Path],
    out: str | Path = "reports",
    *,
    redact: str | None = None,
    **parameters: str | None,
) -> list[tuple[Path, dict[str, Any]]]:
    """Write the postmortem of each case, and return its file and the diagnosis as a JSON object.

    Parameters
    ----------
    question
        ``health``, ``backlog``, or ``all`` for both, as far as a case has evidence for them.
    cases
        Cases or folders of raw evidence.
    out
        Folder of the files; created when missing. An existing file is never replaced.
    redact
        Level of redaction, as for :func:`watchme_analysis.report.run.write_reports`.
    parameters
        ``since``, ``until``, ``timezone``, ``language``, ``endpoint`` and ``queue``; None for the default.

    Raises
    ------
    InputError, CaseError
        When a parameter, a case or the folder can't be used. Nothing is written then.
    """
    from watchme_analysis.case.opening import open_case

    if question not in (*QUESTIONS, ALL):
        raise InputError(
            error_message("error-postmortem-question", known=", ".join(QUESTIONS), all=ALL, question=question)
        )
    subjects = {"health": "endpoint", "backlog": "queue"}
    given = {name: value for name, value in parameters.items() if value is not None}
    written = []
    with shared_imports() as home:
        pages: list[HealthPage | BacklogPage] = []
        for at, path in enumerate(cases):
            shown = Path(path) if redact is None else exported(path, Path(home, f"{redact}-{at}"), redact)
            for each in chosen_questions(question, open_case(shown)):
                foreign = {subjects[other] for other in QUESTIONS if other != each}
                if question != ALL and foreign & set(given):
                    raise InputError(
                        error_message(
                            "error-postmortem-option", option=min(foreign & set(given)), question=repr(each)
                        )
                    )
                own: dict[str, Any] = {name: value for name, value in given.items() if name not in foreign}
                open_page = open_health if each == "health" else open_backlog
                page = open_page(case=str(shown), **own)
                if redact is not None:
                    page.investigation.case.given = Path(page.investigation.case.name)
                    page.investigation.case.raw_evidence = None
                pages.append(page)
        prepare(Path(out))
        for page in pages:
            found = page.diagnosis.to_dict(page.language, page.zone)
            file = new_file(Path(out), page.investigation.question, page.investigation.case.name)
            file.write_text(postmortem(page), encoding="utf-8", errors="backslashreplace")
            written.append((file, found))
    return written


def new_file(out: Path, question: str, case: str) -> Path:
    """Create a file under a name that no other has; return its path."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{question}-{slug(case)}"
    number = 1
    while True:
        file = out / (f"{stem}.md" if number == 1 else f"{stem}-{number}.md")
        try:
            file.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return file


def postmortem(page: HealthPage | BacklogPage) -> str:
    """Return the postmortem of a page as Markdown, in its language and time zone."""
    return "\n\n".join(filter(None, PostmortemText(page).parts())) + "\n"


class PostmortemText:
    """Parts of the postmortem of a page."""

    def __init__(self, page: HealthPage | BacklogPage) -> None:
        self._page = page
        self._found = page.diagnosis.to_dict(page.language, page.zone)
        self._facts = facts(
            {
                "status": "ok",
                "question": page.investigation.question,
                "case": page.investigation.case.name,
                "diagnosis": self._found,
                "parameters": {"language": page.language, "timezone": str(page.zone)},
            }
        )
        self._is_calm = page.diagnosis.verdict == "no_incident"
        # Without times in the evidence, an incident is neither found nor excluded.
        self._has_incident = not self._is_calm and page.incident is not None

    def parts(self) -> Iterator[str]:
        """Yield the parts of the text."""
        case, answer = self._page.investigation.case, self._facts.answer
        yield f"# {markdown_text(self._facts.headline)}"
        facts = ((markdown_text(name), markdown_text(value)) for name, value in answer.facts)
        yield "\n".join(f"- **{name}:** {value}" for name, value in facts)
        yield f"**{markdown_text(answer.cause)}**"
        if not self._is_calm:
            yield self._heading("open-actions")
            yield "\n".join(f"- [ ] {item}" for item in self._open_actions(acted=self._was_acted(case)))
        if self._has_incident:
            yield from self._of_incident()
        yield from self._taken(case)
        made = message("postmortem-made", version=Resource(__version__), case=Resource(case.name))
        about = f"{self._render(case.title)}, {self._render(self._page.between)} ({self._page.zone})"
        rest = f"{about}. {self._render(made)}"
        yield f"---\n\n*{markdown_text(rest)}*"

    def _of_incident(self) -> Iterator[str]:
        page = self._page
        yield self._heading("timeline")
        heads = (self._label("column-time"), self._label("postmortem-event"))
        yield f"{markdown_text(self._zone_note())}\n\n{markdown_rows(heads, self._events())}"
        yield self._heading("impact")
        shown: Section = getattr(page, "fates" if page.investigation.question == "health" else "missed_work")
        yield markdown_table(shown())
        yield self._heading("cause")
        yield from self._cause()
        yield from self._others("refuted", "ruled-out")
        yield from self._others("inconclusive", "not-ruled-out")

    def _zone_note(self) -> str:
        return self._render(message("postmortem-zone", zone=Resource(str(self._page.zone))))

    def _events(self) -> list[tuple[str, str]]:
        """Return time and description of what happened, in order."""
        page, events = self._page, list[tuple[datetime, str]]()
        bounds = page.diagnosis.first_harm, page.diagnosis.incident_end
        said = self._label("postmortem-began"), self._label("postmortem-ended")
        events += [(bound, text) for bound, text in zip(bounds, said, strict=True) if bound is not None]
        changes = page.changes.frame.sort_values("time", kind="stable").head(_MOST_CHANGES)
        for row in changes.to_dict("records"):
            sentence = row.get("description") if isinstance(row.get("description"), Message) else row["what"]
            resource, user = row.get("resource"), row.get("user")
            events.append((row["time"].to_pydatetime(), self._change(sentence, resource, user)))
        for alarm in page.diagnosis.extra.get("alarms", ()):
            # As on the page and by `watchme alarms backtest`: over CloudWatch's default, a sliding window.
            if alarm["sliding"]["first"]:
                fired = message(
                    "postmortem-alarm", alarm=Resource(alarm["alarm"]), resource=Resource(alarm["resource"])
                )
                events.append((datetime.fromisoformat(alarm["sliding"]["first"]), self._render(fired)))
        events += self._fired()
        for time, sentence, _ in actions_taken(page.investigation.case):
            events.append((time, self._render(sentence)))
        events.sort(key=lambda event: event[0])
        return [(format_time(time, page.zone), sentence) for time, sentence in events]

    def _fired(self) -> Iterator[tuple[datetime, str]]:
        """Yield the first time at which each alarm fired in the incident, according to its history."""
        rows = alarms_fired(self._page.investigation.case)
        begin, end = self._page.diagnosis.first_harm, self._page.diagnosis.incident_end
        if begin is None:
            return
        rows = rows[rows["time"] >= begin]
        rows = rows if end is None else rows[rows["time"] <= end]
        for row in rows.sort_values("time").drop_duplicates("alarm").to_dict("records"):
            fired = message("postmortem-alarm-fired", alarm=Resource(row["alarm"]))
            yield row["time"].to_pydatetime(), self._render(fired)

    def _change(self, sentence: Any, resource: Any, user: Any) -> str:
        what = self._render(sentence if isinstance(sentence, Message) else str(sentence))
        if not isinstance(resource, str):
            return what
        return self._render(
            message(
                "postmortem-change",
                resource=Resource(resource),
                what=Resource(what),
                user=Resource(user if isinstance(user, str) else ""),
                known=Choice("known" if isinstance(user, str) and user else "unknown"),
            )
        )

    def _cause(self) -> Iterator[str]:
        answer = self._facts.answer
        yield markdown_text(answer.cause)
        yield "\n".join(f"- {markdown_text(text)} ({markdown_text(rows)})" for text, rows in answer.reasons)
        query = self._page.findings.sql
        if query:
            yield f"{markdown_text(self._label('postmortem-rows'))}\n\n{markdown_block(query, 'sql')}"

    def _others(self, status: str, heading: str) -> Iterator[str]:
        """Yield the causes of a status with the evidence on them; the named causes are left out."""
        found = self._page.diagnosis
        named = {found.cause, found.secondary_cause, *found.other_causes}
        entries = [
            entry for entry in found.ranking if entry.status == status and entry.finding.cause not in named
        ]
        if entries:
            yield self._heading(heading)
            yield "\n".join(self._other(entry) for entry in entries)

    def _other(self, entry: Ranked) -> str:
        titles = {one.cause: one.title for one in causes(self._page.investigation.question)}
        title = self._render(titles[entry.finding.cause])
        probability = self._render(message("value", value=Probability(entry.probability)))
        head = f"- **{markdown_text(title)}** ({markdown_text(probability)})"
        against = [item for item in entry.finding.evidence if item.weight < 0]
        if against:
            item = min(against, key=lambda one: one.weight)
            rows = self._render(message("page-rows", table=Resource(item.table), rows=int(item.rows)))
            return f"{head}: {markdown_text(self._render(item.statement))} ({markdown_text(rows)})"
        if entry.finding.evidence:
            return f"{head}: {markdown_text(self._label('postmortem-not-decided'))}"
        return f"{head}: {markdown_text(self._label('finding-no-evidence'))}"

    def _taken(self, case: Case) -> Iterator[str]:
        rows = [
            (
                format_time(time, self._page.zone),
                self._render(sentence),
                value_label("action-outcome", outcome, self._page.language),
            )
            for time, sentence, outcome in actions_taken(case)
        ]
        if not self._has_incident and not rows:
            return
        yield self._heading("actions")
        heads = (
            self._label("column-time"),
            self._label("postmortem-action"),
            self._label("postmortem-outcome"),
        )
        if rows:
            yield markdown_rows(heads, rows)
        else:
            yield markdown_text(self._label("postmortem-no-actions"))

    def _was_acted(self, case: Case) -> bool:
        """Return whether the case records an action since the incident began that was done."""
        begun = self._page.diagnosis.first_harm
        times = [time for time, _, outcome in actions_taken(case) if outcome == "done"]
        return any(begun is None or time >= begun for time in times)

    def _open_actions(self, *, acted: bool = False) -> Iterator[str]:
        """Yield what remains to be done: the steps, what prevents it, and the evidence to collect.

        An action that was ``acted`` upon may have been the remedy, so what remains is to check it.
        """
        said = self._facts.answer
        restoring = [self._render(step.text) for step in self._page.diagnosis.now if step.kind == "restore"]
        for text in (*said.now, *said.later):
            is_done = acted and text in restoring
            check = message("postmortem-check-actions", remedy=Resource(text))
            yield markdown_text(self._render(check) if is_done else text)
        for page in remedy_page(self._found, self._page.language).values():
            prevent = message("postmortem-prevent", page=Resource(f"docs/causes/{page.name}"))
            yield markdown_text(self._render(prevent))
        for item in self._page.diagnosis.missing_evidence:
            head = markdown_text(f"{self._render(item.what)}: {self._render(item.why)}")
            block = markdown_block(self._render(item.how))
            # Indented as the text of the list item, so that it belongs to it.
            yield "\n".join([head, "", *(f"  {line}" for line in block.splitlines())])

    def _heading(self, name: str) -> str:
        return f"## {markdown_text(self._label(f'postmortem-heading-{name}'))}"

    def _label(self, name: str) -> str:
        return label(name, self._page.language)

    def _render(self, text: Any) -> str:
        return render(text, self._page.language, self._page.zone)
