"""What students see, one module for each family of screens: pure functions from data to a `Screen` come first, and
below them the handlers that ask the trainer for the data and show the screen.
"""
