"""The editor's settings page is made of the server's settings."""

from __future__ import annotations

from nvm_lsp.server.settings import Settings, read_settings
from nvm_lsp.server.settings_schema import MANIFEST, manifest_text, sections


def test_the_committed_manifest_has_the_servers_settings():
    assert MANIFEST.read_text(encoding="utf-8") == manifest_text(), (
        "run: python -m nvm_lsp.server.settings_schema"
    )


def test_every_default_is_what_the_server_takes_without_settings():
    complaints: list[str] = []
    defaults = {
        name.removeprefix("nvm-lsp."): schema["default"]
        for section in sections()
        for name, schema in section["properties"].items()
    }
    assert len(defaults) > 20
    assert read_settings(defaults, complaints.append) == Settings()
    assert not complaints
