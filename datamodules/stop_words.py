"""The list of stop-words that are removed from texts and tweets."""

from pathlib import Path

STOP_WORDS = Path(__file__).with_name("stop_words.txt")
"""NLTK's English list as Figure 5 of the Bitcoin paper prints it: 127 words."""
