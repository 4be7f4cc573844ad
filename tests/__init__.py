"""The tests. A package, so that no installed package of the same name stands in its place (TgCrypto brings one)."""
