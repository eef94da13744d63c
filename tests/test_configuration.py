"""Configuration: same keys in reader and schema, the nearest file, overrides, complaints."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from nvm_lsp import configuration as c

SCHEMA = json.loads(Path(c.__file__).with_name("configuration.schema.json").read_text("utf-8"))
FULL = """
select = ["ALL"]
extend-select = ["STK"]
ignore = ["LBL001"]
fail-on = "hint"
fork = "Cancun"
target = "evm"
exclude = ["build/"]
cache-dir = ".cache"
levels = { STK = "info", LBL001 = "off" }
format = { mnemonic-case = "lower", comment-column = 8 }
run = { backend = "py-evm", gas = 5, timeout = 0.5, kernel-profile = "threaded" }
plugins = { disabled = ["x"] }
[[verify]]
program = "a.easm"
file = "a.sol"
starts = "0x60"
[[overrides]]
files = ["lib/**"]
select = ["STK"]
extend-select = ["LBL"]
ignore = ["STK002"]
levels = { STK001 = "error" }
fork = "paris"
target = "nvm"
format = { comment-column = 40 }
"""


def load(folder: Path, text: str, name: str = "nvm-lsp.toml") -> c.Configuration:
    """What the configuration of a file in a folder is, after writing it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return c.Configurations().of(str(folder / "x.easm"))


def in_pyproject(text: str) -> str:
    """The same keys below ``[tool.nvm-lsp]``, one line further down."""
    first = "" if text.startswith("[") else "[tool.nvm-lsp]"
    return first + "\n" + re.sub(r"^(\[+)", r"\1tool.nvm-lsp.", text, flags=re.MULTILINE)


def test_the_published_schema_is_that_of_the_definition():
    assert c.schema() == SCHEMA, (
        'run: python -c "from nvm_lsp.configuration import schema_text; print(schema_text(), '
        'end=\'\')" > nvm_lsp/configuration.schema.json'
    )
    Draft202012Validator.check_schema(SCHEMA)


def test_every_key_is_read(tmp_path):
    document = tomllib.loads(FULL)
    assert set(document) == set(SCHEMA["properties"]), "FULL lags behind the keys"
    assert set(document["overrides"][0]) == set(
        SCHEMA["properties"]["overrides"]["items"]["properties"]
    )
    found = load(tmp_path, FULL)
    assert found.flaws == ()
    Draft202012Validator(SCHEMA).validate(document)
    s = found.settings
    assert (s.fork, s.target, s.fail_on, s.run.timeout) == ("cancun", "evm", "hint", 0.5)
    assert s.levels == (("LBL001", "off"), ("STK", "info"))
    assert s.verify == (c.VerifyEntry("a.easm", "a.sol", "0x60"),)


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ('select = "STK"', 1, "select is a list, not a string; write it in [ ]"),
        ("\nselekt = []", 2, "selekt is no known key; did you mean select?"),
        ("select = [1]", 1, "select[0] is a string, not a number"),
        ('[levels]\nX = "warn"', 2, "levels.X cannot be 'warn'; did you mean warning?"),
        ('fork = "pragu"', 1, "fork names no fork: 'pragu'; did you mean prague?"),
        ("[format]\ncomment-column = 201", 2, "a whole number from 0 to 200, not 201"),
        ("[format]\ncomment-column = true", 2, "from 0 to 200, not true or false"),
        ("[run]\ntimeout = -1", 2, "run.timeout is a number from 0 to 86400, not -1"),
        ("format = 3", 1, "format is a table"),
        ("[[verify]]\nprogram = 'x'", 1, "verify[0].file is missing"),
        ("[[overrides]]\nfiles = ['x']\nexclude = []", 3, "overrides[0].exclude is no known key"),
        ("plugins.disabled = 'x'", 1, "plugins.disabled is a list"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(tmp_path, text, line, complaint):
    (flaw,) = load(tmp_path, text).flaws
    assert str(flaw).startswith(f"{tmp_path}/nvm-lsp.toml:{line}: "), flaw
    assert complaint in str(flaw)
    assert not Draft202012Validator(SCHEMA).is_valid(tomllib.loads(text)) or "no fork" in complaint
    (flaw,) = load(tmp_path / "p", in_pyproject(text), "pyproject.toml").flaws
    assert str(flaw).startswith(f"{tmp_path}/p/pyproject.toml:{line + 1}: tool.nvm-lsp."), flaw


def tables(values):
    """Tables whose keys are mostly known ones, of whatever level."""
    known = sorted({
        *SCHEMA["properties"],
        *SCHEMA["properties"]["format"]["properties"],
        *SCHEMA["properties"]["verify"]["items"]["properties"],
        "files", "disabled", "trust", "STK001", "no-key",
    } - {"fork"})  # any string is a fork to the schema, as plugins may bring some
    return st.dictionaries(st.sampled_from(known), values, max_size=3)


VALUES = st.recursive(
    st.booleans() | st.integers(-2, 300) | st.floats(-1, 9, width=16)
    | st.sampled_from(["", "STK", "prague", "evm", "off", "upper", "table", "x"]),
    lambda inner: st.lists(inner, max_size=3) | tables(inner),
    max_leaves=6,
)


@settings(max_examples=300)
@given(tables(VALUES))
def test_the_schema_and_the_reader_judge_alike_and_nothing_raises(document):
    _, flaws = c.read_table(document)
    schema = Draft202012Validator(c.schema(of_project=False))
    assert schema.is_valid(document) == (flaws == ()), (document, flaws)


@settings(max_examples=60)
@given(tables(VALUES), st.text(max_size=30))
def test_every_text_of_a_file_gives_a_configuration(tmp_path_factory, document, text):
    path = tmp_path_factory.mktemp("read") / "nvm-lsp.toml"
    for content in (text, "".join(f"{key} = {json.dumps(v)}\n" for key, v in document.items())):
        path.write_text(content, newline="")
        found = c.read(str(path))
        assert found is not None
        assert all(flaw.line is None or 0 <= flaw.line < 40 for flaw in found.flaws)


def test_what_is_right_counts_beside_what_is_wrong(tmp_path):
    found = load(tmp_path, 'target = "evm"\nfork = 3')
    assert (found.settings.target, len(found.flaws)) == ("evm", 1)


def test_a_project_cannot_trust_itself(tmp_path):
    found = load(tmp_path, "[trust]\nrpc = true")
    assert "cannot be granted by a project's own file" in str(found.flaws[0])
    assert not found.settings.trust.rpc
    given_by_user, flaws = c.read_table({"trust": {"rpc": True}})
    assert (given_by_user.trust.rpc, flaws) == (True, ())
    assert "trust" in c.schema(of_project=False)["properties"]


def test_the_nearest_configuration_counts_alone(tmp_path):
    load(tmp_path, "[tool.nvm-lsp]\nfork = 'paris'\ntarget = 'evm'", "pyproject.toml")
    load(tmp_path / "a", "[tool.other]\nx = 1", "pyproject.toml")
    load(tmp_path / "a/b", "[tool.nvm-lsp]\nfork = 'berlin'", "pyproject.toml")
    found = c.Configurations()
    folders = ("", "a", "a/b", "a/b/c")
    read = [found.of(str(tmp_path / folder / "x.easm")).settings for folder in folders]
    assert [s.fork for s in read] == ["paris", "paris", "berlin", "berlin"]
    assert [s.target for s in read] == ["evm", "evm", "nvm", "nvm"]
    assert len(list(found.read())) == 2
    load(tmp_path / "a/b", "fork = 'london'")
    assert c.Configurations().of(str(tmp_path / "a/b")).settings.fork == "london", (
        "nvm-lsp.toml outweighs pyproject.toml"
    )


def test_overrides_apply_to_their_files_the_last_one_winning(tmp_path):
    found = load(
        tmp_path,
        "ignore = ['A']\nfork = 'paris'\nlevels = { A = 'info' }\nformat.comment-column = 9\n"
        "[[overrides]]\nfiles = ['lib/', '*.gen.easm']\nfork = 'berlin'\nignore = ['B']\n"
        "levels = { A = 'off' }\nformat.mnemonic-case = 'lower'\n"
        "[[overrides]]\nfiles = ['/lib/x.easm']\nfork = 'london'\n",
    )
    assert found.flaws == ()
    by_file = {
        name: found.for_file(str(tmp_path / name))
        for name in ("a.easm", "lib/y.easm", "lib/x.easm", "z/a.gen.easm", "../lib/x.easm")
    }
    assert [s.fork for s in by_file.values()] == ["paris", "berlin", "london", "berlin", "paris"]
    y = by_file["lib/y.easm"]
    assert y.layers == (c.Layer(ignore=("A",)), c.Layer(ignore=("B",)))
    assert y.levels == (("A", "info"), ("A", "off"))
    assert y.format == c.FormatStyle("lower", 9)
    assert by_file["a.easm"].format == c.FormatStyle("upper", 9)


@pytest.mark.parametrize(
    ("name", "text", "flaws"),
    [
        ("pyproject.toml", "[broken", 0),
        ("pyproject.toml", "[tool.nvm-lsp]\n[broken", 1),
        ("pyproject.toml", "tool = 5", 0),
        ("pyproject.toml", "[tool]\nnvm-lsp = 5", 1),
        ("nvm-lsp.toml", "[broken", 1),
        ("nvm-lsp.toml", "", 0),
    ],
)
def test_broken_toml_is_a_flaw_if_it_is_ours(tmp_path, name, text, flaws):
    assert len(load(tmp_path, text, name).flaws) == flaws


def test_runs_and_tests_follow_the_configuration(nvm, tmp_path):
    (tmp_path / "a.easm").write_text("    GAS\n    PUSH 0\n    MSTORE\n#= stack []\n    STOP\n")
    (tmp_path / "nvm-lsp.toml").write_text(
        "target = 'evm'\nfork = 'berlin'\n[run]\ngas = 50_000\ntimeout = 5\n"
    )
    done = json.loads(nvm("run", "a.easm", "--json").stdout)
    assert done["target"] == "evm"
    assert int(done["memory"], 16) in range(20_000, 50_000), "the gas that was left"
    assert nvm("test", "-q").returncode == 0
    assert nvm("asm", "a.easm").stdout == "0x5a60005200\n", "Berlin has no PUSH0"
    assert "PUSH1" in nvm("cfg", "a.easm").stdout
    (tmp_path / "nvm-lsp.toml").write_text("run.backend = 'none'\n")
    assert "none" in nvm("run", "a.easm").stderr
    assert nvm("run", "a.easm", "--backend", "py-evm").returncode == 0
    assert nvm("test").returncode == 1
    (tmp_path / "nvm-lsp.toml").write_text("run.backend = 1\n")
    for command in (("run", "a.easm"), ("test",)):
        done = nvm(*command)
        assert (done.returncode, "run.backend is a string" in done.stderr) == (2, True)


@pytest.mark.parametrize(("text", "message"), [
    ("a = " + "[" * 100_000, "is no TOML: values nested too deeply"),
    ("a." * 50_000 + "b = 1", "is no TOML: a key of more than 64 parts"),
    ("\n[" + "'a'. " * 50_000 + "b]", "is no TOML: a key of more than 64 parts (at line 2"),
    ("#" * 2**20 + "\n", "is larger than 1 MiB"),
    ('exclude = ["' + "*a" * 40 + 'b"]', "exclude[0] has too many stars"),
    ('exclude = ["' + "**/a/" * 40 + 'b"]', "exclude[0] has too many stars"),
    ('exclude = ["ok", "!"]', "exclude[1] is no pattern: '!'"),
    ('[[overrides]]\nfiles = ["[z-a]"]', "overrides[0].files[0] is no pattern: '[z-a]'"),
])
def test_what_is_made_to_take_for_ever_is_refused(tmp_path, text, message):
    path = tmp_path / "nvm-lsp.toml"
    path.write_text(text)
    (flaw,) = c.read(str(path)).flaws
    assert message in flaw.message


@pytest.mark.parametrize("pattern", ["*.easm", "**/vendor/**/*_test*.easm", "/a/", "!b", "a\\*"])
def test_patterns_as_people_write_them_are_read(tmp_path, pattern):
    path = tmp_path / "nvm-lsp.toml"
    path.write_text(f"exclude = ['{pattern}']")
    found = c.read(str(path))
    assert found.flaws == ()
    assert found.settings.exclude == (pattern,)
