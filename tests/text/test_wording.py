"""Words and openings of sentences that the rules of wording retire are in no document and no message."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *(page for page in (ROOT / "docs").glob("*.md") if not page.name.endswith(".ja.md")),
    *(page for page in (ROOT / "docs" / "causes").glob("*.md") if not page.name.endswith(".ja.md")),
]
CATALOGUES = sorted((ROOT / "watchme_analysis" / "text" / "catalogues" / "en").glob("*.ftl"))
# Each with the field's term.
RETIRED = {
    r"\brings?\b|\brang\b": "fires",
    r"\bdead letters?\b": "messages in the DLQ",
    r"\bkept connections?\b": "keep-alive connection",
    r"\bresen[dt]\w*|\bre-sen[dt]\w*": "redrive",
    r"\bg(?:ive|ives|ave|iving) up\b": "times out, stops waiting",
    r"\bnothing tells\b|\bis none\b": "unknown",
    r"\bstarved\b": "unpolled, without CPU",
    r"\btogetherness\b|\bstray\b": "clustering, sporadic failures",
    r"\bforeseen\b|\blookalikes?\b|\bbouts?\b|\blast words\b|\btaken elsewhere\b": "see the table of terms",
}
# An "X that" without a noun, unless it is a question.
OPENING = re.compile(r"(?:^|[.!:;] )(?:- )?(?:What|Who|Which|That which) [^?.]*\.(?:\s|$)", re.MULTILINE)
# "one" as a noun.
NOUN = re.compile(r"\b(?:this|every|another) one\b|\bones\b", re.IGNORECASE)


def prose(path):
    """Return the words of a page or a catalogue, without code, quotations, links and ids of messages."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ftl":
        text = re.sub(r"^#.*$|^[\w-]+ =|\{[^{}]*\}|\[[\w-]+\]", " ", text, flags=re.MULTILINE)
    text = re.sub(r"^```.*?^```|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\"[^\"\n]*\"|“[^”]*”", " ", text)


def hits(pattern, paths):
    return [(path.name, hit[0]) for path in paths for hit in re.finditer(pattern, prose(path))]


def test_no_retired_word_is_used():
    used = [
        (*hit, term) for word, term in RETIRED.items() for hit in hits(f"(?i){word}", [*PAGES, *CATALOGUES])
    ]
    assert used == []


def test_a_sentence_begins_with_its_subject():
    assert hits(OPENING, [*PAGES, *CATALOGUES]) == []


def test_one_is_a_number_and_no_noun():
    assert hits(NOUN, PAGES) == []


def test_the_lint_sees_what_it_should():
    assert OPENING.search("It stops. What is left goes on. ")
    assert not OPENING.search("What is left? ")
    assert NOUN.search("an alarm like this one")
