"""What the service is compared to, each a server of its own."""
