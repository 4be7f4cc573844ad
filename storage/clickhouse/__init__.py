"""Activity for analytics, in ClickHouse: a server over the native protocol, or in this process."""
