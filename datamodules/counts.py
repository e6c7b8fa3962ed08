"""Numbers of things, as sentences have them."""


def count(number: int, noun: str) -> str:
    """The number with its noun: "1 row", "2,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
