"""From a text to chunks: short passages that still know where in the text they stand."""

import re

Chunk = tuple[str, int, int]  # the chunk, and where it starts and ends: text[start:end]


def chunk_words(text: str, size: int, overlap: int) -> list[Chunk]:
    """Cut a text into chunks of `size` words; each begins with the last `overlap` of the one before.

    A word is a run of characters that are not white space. The last chunk ends with the last word
    and may be shorter; nothing follows it. A chunk is the text just as it stands from its first
    word to its last. No words give no chunks. Raises ValueError unless 0 <= overlap < size.

    Example:
        >>> chunk_words("to be, or not", 3, 1)
        [('to be, or', 0, 9), ('or not', 7, 13)]
    """
    ### BEGIN SOLUTION
    if not 0 <= overlap < size:
        raise ValueError(f"an overlap of {overlap} words does not fit into chunks of {size}")
    spans = [word.span() for word in re.finditer(r"\S+", text)]
    chunks = []
    for first in range(0, len(spans), size - overlap):
        words = spans[first : first + size]
        start, end = words[0][0], words[-1][1]
        chunks.append((text[start:end], start, end))  # subtle: offsets in the text as it was given
        if first + size >= len(spans):
            break  # subtle: the next chunk would hold nothing but the overlap
    return chunks
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    if window < 1:
        raise ValueError(f"a window of {window} sentences is empty")
    # subtle: a dot ends a sentence only before white space, and the last sentence may have none
    pattern = re.compile(r"\S.*?(?:[.!?](?=\s|\Z)|(?=\s*\Z))", re.DOTALL)
    spans = [sentence.span() for sentence in pattern.finditer(text)]
    chunks = []
    for first in range(max(len(spans) - window, 0) + 1 if spans else 0):
        sentences = spans[first : first + window]
        start, end = sentences[0][0], sentences[-1][1]
        chunks.append((text[start:end], start, end))
    return chunks
    ### END SOLUTION
