"""Lines that show what pre-processing makes of a document."""

from collections.abc import Sequence

from datamodules.errors import excerpt
from datamodules.texts.preprocess import PreprocessSettings, make_word_splitter

LOOKED_AT = 1000
"""Characters of the document; fewer are shown."""


def first_document(texts: Sequence[str], settings: PreprocessSettings) -> list[str]:
    """The first of the texts, and its words after all steps but the dropping of rare ones.

    Raises:
        DataError: the language of the settings is not known.
    """
    beginning = texts[0][:LOOKED_AT]
    words = make_word_splitter(settings)(beginning)[: settings.max_words]
    return [
        f"First document: {excerpt(beginning)}",
        f"Its words:      {excerpt(' '.join(words)) or '(none is left, see preprocess=)'}",
    ]
