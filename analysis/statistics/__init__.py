"""By how much an alteration changes a score, and how sure that is."""
