"""Every message exists in both languages, with the same placeholders, and every use of one fits it."""

import ast
import re
import unicodedata
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl

from watchme_analysis.cli.error_sentences import OF_CLICK
from watchme_analysis.schema import TABLES
from watchme_analysis.text import catalogue as catalogues
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.message import Choice, Count, Message, Resource
from watchme_analysis.text.render import render

PACKAGE = Path(catalogues.__file__).parents[1]
# Position of the id among the arguments of each function that creates a message.
NAMES = dict.fromkeys(
    (
        "message",
        "label",
        "_label",
        "_render_message",
        "Message",
        "format",
        "note",
        "error_message",
        "counts_message",
        "error_sentence",
        "_allowed",
        "words",
        "print_message",
        "_headed",
        "reject_reason",
    ),
    0,
)
NAMES |= {"of_file": 1, "without_repeated": 2}
# Functions that take the values of a message as keywords, and no others.
CHECKED = (
    "message",
    "_render_message",
    "label",
    "note",
    "of_file",
    "error_message",
    "error_sentence",
    "words",
    "print_message",
)
# Values of observations that the context has.
OF_CONTEXT = {"paths", "services", "place"}
PLURALS = {"zero", "one", "two", "few", "many", "other"}
# Messages that the renderer asks for by computed names.
BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@cache
def parsed(language):
    """Return the syntax tree of each message by id."""
    found = {}
    for path in sorted((catalogues.FOLDER / language).glob("*.ftl")):
        body = FluentParser(with_spans=False).parse(path.read_text(encoding="utf-8")).body
        assert not [entry for entry in body if isinstance(entry, ftl.Junk)], path
        found |= {entry.id.name: entry for entry in body if isinstance(entry, ftl.Message)}
    return found


def nodes(tree, kind):
    """Yield all nodes of a kind below a syntax tree."""
    if isinstance(tree, kind):
        yield tree
    for child in vars(tree).values():
        for item in child if isinstance(child, list) else [child]:
            if isinstance(item, ftl.BaseNode):
                yield from nodes(item, kind)


def placeholders(entry):
    return {node.id.name for node in nodes(entry, ftl.VariableReference)}


def samples(language, message_id):
    """Return values for a message, once for each variant that it has in any language."""
    keys = {name: set() for name in placeholders(parsed(language)[message_id])}
    for each in LANGUAGES:
        for choice in nodes(parsed(each)[message_id], ftl.SelectExpression):
            name = choice.selector.id.name
            keys.setdefault(name, set()).update(
                key.name if isinstance(key := variant.key, ftl.Identifier) else key.value
                for variant in choice.variants
            )
    options = {
        name: [Resource("sample")]
        if not found
        else [Count(0), Count(1), Count(-1234)]
        if found <= PLURALS | {"0", "1", "2"}
        else [Choice(key) for key in sorted(found)]
        for name, found in keys.items()
    }
    for values in product(*options.values()):
        yield dict(zip(options, values, strict=True))


@pytest.mark.slow
def test_both_languages_have_the_same_messages_with_the_same_placeholders():
    known = {
        language: {name: placeholders(entry) for name, entry in parsed(language).items()}
        for language in LANGUAGES
    }
    assert len(known["en"]) > 50
    assert known["ja"] == known["en"]


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_renders_in_every_variant(language):
    for message_id in parsed("en"):
        for values in samples(language, message_id):
            text = render(Message(message_id, values), language)
            assert text, message_id
            assert "{" not in text.replace("{'", "").replace("%{", ""), (message_id, text)
            assert not [one for one in text if unicodedata.bidirectional(one) in BIDI], message_id


def test_japanese_has_one_form_for_every_number():
    # Unicode's plural rules give Japanese the category `other` alone: a variant `one` beside it never shows.
    for message_id, text in catalogues.read_sources("ja").items():
        assert not re.search(r"\[one\].*\n\s*\*\[other\]", text), message_id


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_variants_and_numbers_are_those_of_the_library_of_fluent(language):
    bundle, compared = FluentBundle([language], use_isolating=False), 0
    sources = catalogues.read_sources(language)
    for message_id, entry in parsed(language).items():
        if not [*nodes(entry, ftl.SelectExpression)]:
            continue
        bundle.add_resource(FluentResource(sources[message_id]))
        for values in samples(language, message_id):
            given = {
                name: value.number if isinstance(value, Count) else getattr(value, "key", "sample")
                for name, value in values.items()
            }
            expected, problems = bundle.format_pattern(bundle.get_message(message_id).value, given)
            assert not problems
            assert catalogues.catalogue(language).format(message_id, {**given, **keys_of(values)}) == expected
            compared += 1
    assert compared > 300


def keys_of(values):
    return {name: value for name, value in values.items() if isinstance(value, Choice)}


@pytest.mark.slow
def test_every_japanese_sentence_is_japanese_and_every_english_one_is_english():
    # A message of placeholders, digits and names alone has no words to translate.
    for message_id, entry in parsed("ja").items():
        words = "".join(node.value for node in nodes(entry, ftl.TextElement))
        english = "".join(node.value for node in nodes(parsed("en")[message_id], ftl.TextElement))
        assert not re.search(r"[ぁ-んァ-ン一-龥]", english), message_id
        # More than three English words one after the other are a sentence that was left.
        assert not re.search(r"(?:\b[a-z]{2,}\b[ ,.]+){4,}", re.sub(r"`[^`]*`", "", words)), message_id


@cache
def uses():
    """Return each call that creates a message: where, id (a prefix where it is computed), names of values."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            at = NAMES.get(called)
            if at is None or at >= len(node.args):
                continue
            names = (
                None
                if any(each.arg is None for each in node.keywords)
                else {each.arg for each in node.keywords}
            )
            for branch in branches(node.args[at]):
                if called == "counts_message":
                    found.append(
                        (f"{path.name}:{node.lineno}", f"{branch.value}-partly", False, called, names)
                    )
                if isinstance(branch, ast.Constant) and isinstance(branch.value, str):
                    found.append((f"{path.name}:{node.lineno}", branch.value, False, called, names))
                elif isinstance(branch, ast.JoinedStr) and isinstance(branch.values[0], ast.Constant):
                    found.append((f"{path.name}:{node.lineno}", branch.values[0].value, True, called, names))
    return found


@cache
def observed():
    """Return each call that creates an observation of a health signal: where, ids of its messages, values.

    The messages are named by its signal, or by its ``words``; values are None where they are not all named.
    """
    at = {"observation": 1, "impatient": 1, "seen": 0, "ended": 0}
    found = []
    for path in sorted((PACKAGE / "health" / "signals").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called not in at or at[called] >= len(node.args):
                continue
            named = {each.arg: each.value for each in node.keywords}
            values = None if None in named or called != "observation" else set(named) | OF_CONTEXT
            for branch in branches(named.get("words", node.args[at[called]])):
                if isinstance(branch, ast.Constant):
                    name = f"health-{branch.value.replace('_', '-')}"
                    found.append((f"{path.name}:{node.lineno}", name, "detail" in named, values))
    return found


def branches(node):
    """Return the expressions that a conditional expression chooses from."""
    if isinstance(node, ast.IfExp):
        return [*branches(node.body), *branches(node.orelse)]
    return [node]


@pytest.mark.slow
def test_every_message_that_the_code_names_is_in_the_catalogues_with_its_values():
    for place, message_id, is_prefix, called, names in uses():
        if called == "format" or message_id == "sentences":
            continue
        if is_prefix:
            assert any(name.startswith(message_id) for name in parsed("en")), (place, message_id)
            continue
        assert message_id in parsed("en"), (place, message_id)
        if names is not None and called in CHECKED:
            missing = placeholders(parsed("en")[message_id]) - names
            assert not missing, (place, message_id, missing)


@pytest.mark.slow
def test_every_signal_has_words_with_its_values():
    assert len(observed()) > 60
    for place, name, has_detail, values in observed():
        assert name in parsed("en"), (place, name)
        detail = parsed("en").get(f"{name}-detail")
        needed = placeholders(parsed("en")[name])
        needed |= placeholders(detail) if detail and not has_detail else set()
        assert values is None or needed <= values, (place, name, needed - values)


def of_templates():
    """Return the ids that templates of pages name."""
    texts = (path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.j2"))
    return {message_id for text in texts for message_id in re.findall(r'label\("([a-z-]+)"\)', text)}


@pytest.mark.slow
def test_every_label_of_a_template_is_in_the_catalogues():
    assert of_templates()
    assert of_templates() <= parsed("ja").keys()


def of_values():
    """Return the prefixes of the ids that words for values of the evidence have."""
    texts = (path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    return {f"{kind}-" for text in texts for kind in re.findall(r'value_label\(\s*"([a-z-]+)"', text)}


def of_pages():
    """Return the texts in the methods of pages, which hand ids of messages on to the tables of a page."""
    places = (PACKAGE / "notebook").glob("*.py")
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in places)
    nodes_of_pages = (node for tree in trees for node in ast.walk(tree))
    return {node.value for node in nodes_of_pages if isinstance(node, ast.Constant)}


@pytest.mark.slow
def test_no_message_is_without_a_use():
    exact = {message_id for _, message_id, is_prefix, _, _ in uses() if not is_prefix}
    exact |= {f"{name}{end}" for _, name, _, _ in observed() for end in ("", "-detail")}
    exact |= of_templates() | {*OF_CLICK.values()}
    prefixes = tuple(message_id for _, message_id, is_prefix, _, _ in uses() if is_prefix)
    prefixes += tuple(of_values())
    exact |= of_pages()
    # Those of values and of rows, which pages compose.
    kinds = (
        "fate",
        "health-fate",
        "message-state",
        "nginx-error",
        "pattern",
        "phase",
        "queue-metric",
        "vantage",
        "opened",
    )
    prefixes += tuple(f"{kind}-" for kind in (*kinds, "dead-letters-caption"))
    assert [name for name in parsed("en") if name not in exact and not name.startswith(prefixes)] == []


@pytest.mark.parametrize(("table", "words"), [("error_log", "nginx-error"), ("app_log", "app-line")])
def test_every_kind_of_a_line_has_words(table, words):
    kinds = next(column.meaning for column in TABLES[table].columns if column.name == "kind").split(", ")
    ids = {f"{words}-{kind.replace('_', '-')}" for kind in kinds}
    assert len(ids) > 3
    for language in LANGUAGES:
        assert ids <= set(catalogues.catalogue(language).ids), language
