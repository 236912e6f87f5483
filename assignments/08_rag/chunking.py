"""From a text to chunks: short passages that still know where in the text they stand."""

import re

Chunk = tuple[str, int, int]  # the chunk, and where it starts and ends: text[start:end]


def chunk_words(text: str, size: int, overlap: int) -> list[Chunk]:
    """Cut a text into chunks of `size` words; each repeats the last `overlap` of the one before.

    A word is a run of characters that are not white space. The last chunk ends with the last word
    and may be shorter; nothing follows it. A chunk is the text just as it stands from its first
    word to its last. No words give no chunks. Raises ValueError unless 0 <= overlap < size.

    Example:
        >>> chunk_words("to be, or not", 3, 1)
        [('to be, or', 0, 9), ('or not', 7, 13)]
    """
    raise NotImplementedError("08_rag: chunk_words")


def chunk_sentences(text: str, window: int) -> list[Chunk]:
    """Return every run of `window` sentences: each chunk begins one sentence after the one before.

    A sentence ends with ".", "!" or "?" where white space or the end of the text follows, and the
    last one may end without. A text of fewer than `window` sentences is one chunk, a text of none
    gives none. A chunk begins and ends with a character that is no white space. Raises ValueError
    for a window below 1.

    Example:
        >>> chunk_sentences("Pi is 3.14. Is it? Yes", 2)
        [('Pi is 3.14. Is it?', 0, 18), ('Is it? Yes', 12, 22)]
    """
    raise NotImplementedError("08_rag: chunk_sentences")
