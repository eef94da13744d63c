"""What is told of instructions, names, values and comments, as Markdown."""
