"""What completion and signature help offer, and where in a line a cursor is."""
