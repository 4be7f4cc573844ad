"""Where things are kept: journal and read models, question bank, counters, activity, and the engines under them."""
