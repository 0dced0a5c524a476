"""Structured fuzzing of the binary module and of every file format that is read."""
