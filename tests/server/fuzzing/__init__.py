"""Sessions at random, of a client that does everything that clients do; in the end the server must
know what a fresh one knows of the same texts. Used by test_fuzz.py and ``benchmarks.fuzz``."""
