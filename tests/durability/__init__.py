"""Proof that nothing acknowledged is lost and nothing is counted twice, whatever is killed when."""
