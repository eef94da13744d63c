"""Hooks, action, matcher and CI examples, as far as they can be tried without their services."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from nvm_lsp.diagnostics import Severity
from nvm_lsp.pages import kinds

ROOT = Path(__file__).parents[1]
FLAWED = "    PUSH1 1\nunused:\n    ADD\n"
TESTED = (
    "#= return 0x07\n    PUSH1 7\n    PUSH1 0\n    MSTORE\n    PUSH1 32\n    PUSH1 0\n    RETURN\n"
)
COMMAND = Path(sysconfig.get_path("scripts")) / "nvm-lsp"


def yaml(path: str) -> dict:
    return YAML(typ="safe").load((ROOT / path).read_text())


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("github-actions", "action.yml"),
        ("github-workflows", "examples/ci/github-workflow.yml"),
        ("github-workflows", ".github/workflows/ci.yml"),
        ("gitlab-ci", "examples/ci/gitlab-ci.yml"),
    ],
)
def test_yaml_is_as_the_service_has_it(schema, path):
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}",
         str(ROOT / path)],
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("command", "path"),
    [("validate-manifest", ".pre-commit-hooks.yaml"),
     ("validate-config", "examples/ci/pre-commit-config.yaml")],
)
def test_pre_commit_takes_its_files(command, path):
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", command, str(ROOT / path)],
        capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_pre_commit_installs_and_runs_the_hooks(tmp_path):
    # A repository of what a hook is built of, as it is now, committed or not.
    source, project = tmp_path / "nvm-lsp", tmp_path / "project"
    for name in ("nvm_lsp", "grammar"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, source / name)
    project.mkdir()
    (project / "flawed.easm").write_text(FLAWED)
    (project / "tested.easm").write_text(TESTED)
    environment = {
        **os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PRE_COMMIT_COLOR": "never",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "NO_COLOR": "1",
        # Nothing is fetched: what the package depends on is that of this environment. An empty
        # or zero value of this option of pip's means no isolation.
        "PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0",
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
    }
    environment.pop("GITHUB_ACTIONS", None)

    def run(*words: str, folder: Path) -> subprocess.CompletedProcess:
        return subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    for folder in (source, project):
        run("git", "init", "-q", folder=folder)
        run("git", "add", ".", folder=folder)
        run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x",
            folder=folder)
    done = run(
        sys.executable, "-m", "pre_commit", "try-repo", str(source), "--all-files", folder=project
    )
    said = done.stdout
    assert done.returncode == 1, said + done.stderr
    assert re.search(r"nvm-lsp lint\.+Failed", said), said
    assert re.search(r"flawed\.easm:3:5: error\[STK001\]", said)
    assert re.search(r"nvm-lsp fmt\.+(Failed|Passed)", said), said
    assert re.search(r"nvm-lsp test\.+(Failed|Passed)", said), said


def matched(line: str) -> dict | None:
    """What the problem matcher makes of a line of output."""
    known = json.loads((ROOT / ".github/problem-matcher.json").read_text())
    for matcher in known["problemMatcher"]:
        (pattern,) = matcher["pattern"]
        assert "(?P" not in pattern["regexp"], "JavaScript knows no such groups"
        if (found := re.search(pattern["regexp"], line)) is not None:
            groups = {key: found[n] for key, n in pattern.items() if key != "regexp"}
            return {"severity": matcher.get("severity"), **groups}
    return None


def test_the_matcher_finds_each_finding_and_nothing_else(nvm, tmp_path):
    (tmp_path / "a:b 1.easm").write_text(FLAWED)
    (tmp_path / "c.easm").write_text("PUSHX 1\n")
    done = nvm("lint", "--format", "concise", ".")
    found = [matched(line) for line in done.stdout.splitlines()]
    assert None not in found
    said = {(f["file"].removeprefix("./"), f["line"], f["code"], f["severity"]) for f in found}
    assert ("a:b 1.easm", "3", "STK001", "error") in said
    assert ("c.easm", "1", "ASM001", "error") in said
    assert matched("nvm-lsp: no findings") is None
    assert matched("12:30:05 error: something else") is None
    # `asm` says errors in the same form.
    assert [m for line in nvm("asm", "c.easm").stderr.splitlines() if (m := matched(line))]


@pytest.mark.parametrize("severity", [s for s in Severity if s is not Severity.OFF])
def test_the_matcher_knows_every_severity_and_code(severity):
    for code in kinds():
        found = matched(f"dir/a.easm:12:3: {severity.value}[{code}] text: [a]")
        assert found is not None
        assert found["severity"] in ("error", "warning", "notice"), "what GitHub knows"
        assert (found["line"], found["column"], found["code"]) == ("12", "3", code)


def step_of_action(name: str, folder: Path, **inputs: str) -> subprocess.CompletedProcess:
    """Runs a step of the action as the runner does, with the given inputs over the defaults."""
    action = yaml("action.yml")
    values = {key: str(spec.get("default", "")) for key, spec in action["inputs"].items()}
    values |= {key.replace("_", "-"): value for key, value in inputs.items()}
    (step,) = [s for s in action["runs"]["steps"] if s.get("id") == name]
    environment = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: values[m[1]], value)
        for key, value in step.get("env", {}).items()
    }
    assert "${{" not in step["run"], "what is put into a script can be read as a command"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder, capture_output=True, text=True, check=False,
        env={
            **os.environ, **environment, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
            "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(folder),
            "GITHUB_ACTION_PATH": str(ROOT), "GITHUB_OUTPUT": str(folder / "output"),
        },
    )


def test_the_action_annotates_and_reports(tmp_path):
    (tmp_path / "a.easm").write_text(FLAWED)
    done = step_of_action("lint", tmp_path, upload_sarif="true")
    assert done.returncode == 1, done.stderr
    assert re.search(r"^::error title=nvm-lsp STK001 [^:]*,file=a\.easm,line=3", done.stdout, re.M)
    assert (tmp_path / "output").read_text() == "sarif-file=nvm-lsp.sarif\n"
    (run,) = json.loads((tmp_path / "nvm-lsp.sarif").read_text())["runs"]
    assert "STK001" in {result["ruleId"] for result in run["results"]}


def test_the_action_runs_no_input_as_a_command(tmp_path):
    (tmp_path / "a.easm").write_text("STOP\n")
    nasty = "a.easm $(touch pwned) `touch pwned`; touch pwned"
    done = step_of_action("lint", tmp_path, paths=nasty)
    assert done.returncode == 2, "there are no such files"
    assert not (tmp_path / "pwned").exists()


def test_the_action_registers_a_matcher_that_is_there(tmp_path):
    done = step_of_action("matcher", tmp_path)
    path = re.fullmatch(r"::add-matcher::(.*)\n", done.stdout)[1]
    assert Path(path).is_file()


def test_the_scripts_of_the_gitlab_example_run(tmp_path):
    job = yaml("examples/ci/gitlab-ci.yml")["easm"]
    (tmp_path / "a.easm").write_text(TESTED)
    install, *commands = job["script"]
    assert install.startswith("pip install ")
    for command in commands:
        done = subprocess.run(
            ["bash", "-ec", command], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}"},
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    reports = job["artifacts"]["reports"]
    for name in (reports["codequality"], *reports["junit"]):
        assert (tmp_path / name).is_file(), name
