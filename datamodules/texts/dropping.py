"""Dropping documents of a corpus before it is split: on request, short ones and duplicates."""

from datamodules.texts.corpora import Corpus
from datamodules.texts.preprocess import DROP, PreprocessSettings, TokenizedTexts


def drop_documents(corpus: Corpus, words: TokenizedTexts, settings: PreprocessSettings) -> Corpus:
    """The corpus without documents of fewer than `min_words` words and, with `duplicates`, without repeated ones.

    Table 2 of the paper has fewer documents after pre-processing than before, and the text does not say which go. Words
    are counted before rare ones are dropped, because each training part has its own rare words.

    Args:
        corpus: all documents.
        words: their pre-processed words.
        settings: `min_words` and `duplicates`. Of documents with the same words in the same order the first one stays,
            whatever their labels.
    """
    kept, seen = [], set()
    for row, (start, end) in enumerate(zip(words.offsets[:-1], words.offsets[1:], strict=True)):
        document = words.ids[start:end].tobytes()
        repeated = settings.duplicates == DROP and document in seen
        seen.add(document)
        if end - start >= settings.min_words and not repeated:
            kept.append(row)
    return corpus.only(kept)
