"""Runs of programs for an editor, and what they have shown."""
