"""Paths and URIs: what clients write in many ways, and what names no file at all."""

from __future__ import annotations

import os

import pytest

from nvm_lsp.server.paths import Boundary, path_of, uri_of
from nvm_lsp.server.workspace import Workspace


@pytest.mark.parametrize(("uri", "path"), [
    ("file:///a/b.easm", "/a/b.easm"),
    ("FILE:///a/b.easm", "/a/b.easm"),
    ("file:/a/b.easm", "/a/b.easm"),
    ("file:////a/b.easm", "/a/b.easm"),
    ("file://localhost/a/b.easm", "/a/b.easm"),
    ("file:///a%20b/%C3%A9/c%2B%2B/@.easm", "/a b/é/c++/@.easm"),
    ("file:///a%2520b.easm", "/a%20b.easm"),  # a name with a percent sign in it
    ("file:///a/../b/./c.easm", "/b/c.easm"),
    ("file:///%FF.easm", "/\udcff.easm"),  # no UTF-8, and yet a name
    # What names no file of this machine stays a URI.
    ("file://host/share/a.easm", "file://host/share/a.easm"),
    ("file:///a%00b.easm", "file:///a%00b.easm"),
    ("file:///\ud800.easm", "file:///\ud800.easm"),
    ("file://[::1/a.easm", "file://[::1/a.easm"),
    ("untitled:Untitled-1", "untitled:Untitled-1"),
    ("vscode-remote://ssh/a.easm", "vscode-remote://ssh/a.easm"),
])
def test_uris_of_files_are_paths(uri, path):
    assert path_of(uri, windows=False) == path


@pytest.mark.parametrize(("uri", "path"), [
    ("file:///c%3A/a%20b.easm", r"C:\a b.easm"),
    ("file:///C:/a.easm", r"C:\a.easm"),
    ("file://host/share/a.easm", r"\\host\share\a.easm"),
])
def test_uris_of_files_are_paths_on_windows(uri, path):
    assert path_of(uri, windows=True) == path


@pytest.mark.parametrize("path", ["/a b/é%20.easm", "/c++/(x)@y.easm", "/\udcff.easm"])
def test_paths_and_uris_go_back_and_forth(path):
    assert path_of(uri_of(path), windows=False) == path


def test_an_open_document_is_found_however_its_uri_is_spelled():
    # As Neovim and Emacs spell it; Python and VS Code encode more.
    documents, path = Workspace(), "/c++/me@home/a.easm"
    documents.open(f"file://{path}", "STOP\n", 1)
    assert uri_of(path) != f"file://{path}"
    assert documents.uri_of(path) == f"file://{path}"
    assert documents.text_of(path).text == "STOP\n"
    documents.close(f"file://{path}")
    assert documents.uri_of(path) == uri_of(path)
    assert documents.text_of(path) is None


@pytest.mark.parametrize("path", ["/nul\0.easm", "/half\ud800.easm", "relative.easm", ""])
def test_what_names_no_file_lies_in_no_workspace(path):
    assert not Boundary(["/"], everything=True).allows(path)
    assert Boundary([os.sep]).allows("/a.easm")
