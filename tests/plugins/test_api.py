"""The public API keeps its promise: what a plugin was written for stays, until the first number
of the version rises. `api.json` is what version it names had; print a new one with
`PYTHONPATH=. python tests/plugins/test_api.py`."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from nvm_lsp import api, hookspecs

RECORD = Path(__file__).with_name("api.json")
PROMISED = json.loads(RECORD.read_text())


def shape(value: Any) -> list[str] | None:
    """Names of fields or parameters; an equals sign stands behind what may be left out."""
    if dataclasses.is_dataclass(value) and isinstance(value, type):
        missing = dataclasses.MISSING
        return [
            f.name + "=" * (f.default is not missing or f.default_factory is not missing)
            for f in dataclasses.fields(value) if not f.name.startswith("_")
        ]
    if inspect.isfunction(value):
        empty = inspect.Parameter.empty
        parameters = inspect.signature(value).parameters.values()
        return [p.name + "=" * (p.default is not empty) for p in parameters]
    if isinstance(value, type) and getattr(value, "_is_protocol", False):
        return sorted(name for name in vars(value) if not name.startswith("_"))
    return None


def hooks() -> list[str]:
    return sorted(name for name in vars(hookspecs) if name.startswith("nvm_lsp_"))


def current() -> dict[str, Any]:
    return {
        "version": hookspecs.API_VERSION,
        "hooks": hooks(),
        "names": {name: shape(getattr(api, name)) for name in api.__all__},
    }


def test_every_public_name_is_there():
    for name in api.__all__:
        assert getattr(api, name) is not None
    assert set(api.__all__) == set(api._MODULES)
    assert set(api.__all__) <= set(dir(api))
    with pytest.raises(AttributeError, match="has no 'nonsense'"):
        _ = api.nonsense


def test_the_first_number_rises_with_what_goes_away():
    if hookspecs.API_VERSION.split(".")[0] != PROMISED["version"].split(".")[0]:
        pytest.skip("a new major version; record it")
    assert set(PROMISED["hooks"]) <= set(hooks()), "a hook is gone"
    for name, before in PROMISED["names"].items():
        assert name in api.__all__, f"{name} is gone"
        now = shape(getattr(api, name))
        if before is None or now is None:
            continue
        same = [word.rstrip("=") for word in now[: len(before)]]
        assert [word.rstrip("=") for word in before] == same, (
            f"{name} has lost, renamed or moved something"
        )
        assert all(word.endswith("=") for word in now[len(before):]), (
            f"what {name} has gained must be optional"
        )


def test_the_second_number_rises_with_what_is_new():
    new = set(api.__all__) - set(PROMISED["names"]) | set(hooks()) - set(PROMISED["hooks"])
    if PROMISED["version"] == hookspecs.API_VERSION:
        assert not new, "record it, and raise the second number of API_VERSION if it was released"


def test_the_page_names_all_of_it():
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
    for name in (*api.__all__, *hooks()):
        assert f"`{name}`" in page, f"docs/plugins.md does not name {name}"


if __name__ == "__main__":
    record = current()
    names = ",\n  ".join(f"{json.dumps(n)}: {json.dumps(s)}" for n, s in record["names"].items())
    head = f'"version": {json.dumps(record["version"])},\n "hooks": {json.dumps(record["hooks"])}'
    print(f'{{{head},\n "names": {{\n  {names}\n }}\n}}')
