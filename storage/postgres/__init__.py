"""The relational side: migrations, the pool of connections, and SQL written by hand, one module for each
thing.
"""
