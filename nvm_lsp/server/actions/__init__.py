"""Changes of programs that code actions and refactorings make, as edits of texts."""
