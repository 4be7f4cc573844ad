"""What activity says: figures about questions, and reports for administrators."""
