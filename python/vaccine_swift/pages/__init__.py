"""What the pages of all reports share: charts, tables, numbers and the style sheet."""
