"""What each method and each command is asked with, sense or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nvm_lsp.server.features import COMMANDS as ALL_COMMANDS
from nvm_lsp.server.features import FEATURES
from nvm_lsp.server.virtual_documents import KINDS, uri_of_document
from tests.server.fuzzing.comparison import FORMAT
from tests.server.fuzzing.text import Json

if TYPE_CHECKING:
    from tests.server.fuzzing.session import Session

__all__ = ["COMMANDS", "PARAMETERS", "UNKNOWN"]


def at(session: Session, **more: Any) -> Json:
    uri, text = session.document()
    position = session.place(text)
    if session.pick.random() < 0.1:  # of a text that the server does not have any more
        position = session.pick.choice((
            {"line": session.pick.randint(0, 500), "character": session.pick.randint(0, 99)},
            {"line": position["line"], "character": 2**31 - 1}, {"line": 2**31 - 1, "character": 0},
        ))
    return {"textDocument": {"uri": uri}, "position": position, **more}


def over(session: Session, **more: Any) -> Json:
    uri, text = session.document()
    start, end = session.place(text), session.place(text)
    if session.pick.random() < 0.9 and (
        (start["line"], start["character"]) > (end["line"], end["character"])
    ):
        start, end = end, start
    if session.pick.random() < 0.05:
        end = {"line": 2**31 - 1, "character": 2**31 - 1}
    return {"textDocument": {"uri": uri}, "range": {"start": start, "end": end}, **more}


def of(session: Session, **more: Any) -> Json:
    return {"textDocument": {"uri": session.document()[0]}, **more}


def _item(session: Session) -> Json:
    place = at(session)
    range_ = {"start": place["position"], "end": place["position"]}
    return {"item": {
        "name": session.pick.choice(("start", "twice", "nothing")), "kind": 12,
        "uri": place["textDocument"]["uri"], "range": range_, "selectionRange": range_,
    }}


def _actions(session: Session) -> Json:
    only = session.pick.choice((
        {}, {}, {}, {"only": ["quickfix"]}, {"only": ["refactor"]}, {"only": ["source"]},
        {"only": ["source.fixAll"]}, {"only": ["nonsense"]},
    ))
    return over(session, context={"diagnostics": [], **only})


PARAMETERS: dict[str, Callable[[Session], Any]] = {
    **{
        f"textDocument/{name}": at
        for name in (
            "hover", "completion", "signatureHelp", "definition", "declaration",
            "documentHighlight", "prepareRename", "prepareCallHierarchy", "linkedEditingRange",
        )
    },
    **{
        f"textDocument/{name}": of
        for name in (
            "documentSymbol", "foldingRange", "codeLens", "documentLink", "semanticTokens/full",
        )
    },
    "textDocument/references": lambda s: at(s, context={"includeDeclaration": True}),
    "textDocument/rename": lambda s: at(
        s, newName=s.pick.choice(("fresh", "A", "not a name", "", "ADD", "%twice", "é"))
    ),
    "textDocument/selectionRange": lambda s: {
        "textDocument": (found := at(s))["textDocument"],
        "positions": [found["position"]] * s.pick.choice((0, 1, 1, 3)),
    },
    "textDocument/diagnostic": lambda s: of(s, previousResultId=s.pick.choice((None, "nonsense"))),
    "textDocument/semanticTokens/full/delta": lambda s: of(s, previousResultId="nonsense"),
    "textDocument/semanticTokens/range": over,
    "textDocument/inlayHint": over,
    "textDocument/codeAction": _actions,
    "textDocument/formatting": lambda s: of(s, **FORMAT),
    "textDocument/rangeFormatting": lambda s: over(s, **FORMAT),
    "textDocument/rangesFormatting": lambda s: {
        **of(s, **FORMAT), "ranges": [over(s)["range"] for _ in range(s.pick.choice((0, 1, 3)))],
    },
    "textDocument/onTypeFormatting": lambda s: at(s, ch=s.pick.choice("\n:x"), **FORMAT),
    "callHierarchy/incomingCalls": _item,
    "callHierarchy/outgoingCalls": _item,
    "completionItem/resolve": lambda s: {"label": s.pick.choice(("ADD", "start", "nonsense"))},
    "codeLens/resolve": lambda s: {"range": over(s)["range"], "data": {"uri": "file:///none"}},
    "codeAction/resolve": lambda s: {"title": "nothing", "kind": "quickfix"},
    "workspace/willRenameFiles": lambda s: {"files": [{
        "oldUri": s.uri(s.pick.choice(("one/library.easm", "one/sub", "one/cases.toml", "none"))),
        "newUri": s.uri(s.pick.choice(("one/other é.easm", "two/x.easm", "one/deep/er"))),
    }]},
    "workspace/symbol": lambda s: {"query": s.pick.choice(("", "st", "A", "😀"))},
    "workspace/diagnostic": lambda s: {
        "previousResultIds": [],
        **s.pick.choice(({}, {"workDoneToken": f"w{s.client.number}"},
                         {"partialResultToken": f"p{s.client.number}"})),
    },
    "nvm/virtualDocument": lambda s: {
        "uri": s.document()[0], "kind": s.pick.choice([*KINDS, "nonsense"])
    },
    "workspace/textDocumentContent": lambda s: {
        "uri": s.pick.choice((
            "nvm-lsp:nonsense", uri_of_document(s.document()[0], s.pick.choice(list(KINDS))),
        ))
    },
}


def _case(session: Session) -> Json:
    return session.pick.choice((
        {}, {}, {"case": "one"}, {"target": "evm"}, {"target": "nvm"}, {"snapshots": "changes"},
        {"snapshots": [1, 2, 3]}, {"case": 3, "target": []},
    ))


def _program(session: Session, *more: Json) -> list[Any]:
    return [session.document()[0], *more]


#: Arguments of each command.
COMMANDS: dict[str, Callable[[Session], list[Any]]] = {
    "nvm.run": lambda s: _program(s, _case(s)),
    "nvm.trace": lambda s: _program(s, s.pick.choice(({}, {"chunk": 1}, {"maxSteps": 10}))),
    "nvm.compare": lambda s: _program(s, s.pick.choice((
        {}, {"against": "native"}, {"against": "threaded"}, {"against": "paris"}, {"against": "no"},
    ))),
    "nvm.test": lambda s: _program(s, _case(s)),
    "nvm.assemble": _program,
    "nvm.disassemble": lambda s: [
        s.pick.choice(("0x6001600201", "xyz", "60", s.document()[0])),
        s.pick.choice(({}, {"fork": "london"}, {"fork": 3})),
    ],
    "nvm.cfg": lambda s: _program(s, {"format": s.pick.choice(("text", "dot", "json", "no"))}),
    "nvm.snapshotDiff": lambda s: _program(s, s.pick.choice((
        {}, {"from": 3, "to": 6}, {"from": 5}, {"from": "x"}, {"from": 4, "to": 4},
    ))),
    "nvm.plugin": lambda s: s.pick.choice(([], [s.document()[0], "no", "nothing"], [1, 2, 3])),
}
#: Methods and commands that nothing here asks for.
UNKNOWN = {feature.method for feature in FEATURES} - PARAMETERS.keys() | {
    command.name for command in ALL_COMMANDS
} - COMMANDS.keys()
