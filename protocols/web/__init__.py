"""The web wire: pages that are rendered here, for students, departments and administrators.

It turns forms into messages and asks the router; it holds no rule of the trainer. Everything a student needs works
without scripts.
"""
