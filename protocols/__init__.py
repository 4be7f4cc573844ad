"""What is said, and over which wires."""
