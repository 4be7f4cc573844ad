"""The question bank, its files and its counters, in MongoDB."""
