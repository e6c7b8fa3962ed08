"""The papers' printed numbers as facts: one CSV file for each table, and the functions that read them."""
