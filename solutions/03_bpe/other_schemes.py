"""Another way to cut words: WordPiece, the scheme of BERT. Same idea of pieces, another rule."""

from collections.abc import Collection


def wordpiece_encode(word: str, vocab: Collection[str]) -> list[str]:
    """Cut a word into pieces of a vocabulary, taking the longest that fits, from left to right.

    A piece that does not begin the word is written with ## before it, in the vocabulary and in the
    result. There is no going back: where nothing fits, the whole word is ["[UNK]"]. An empty word
    has no pieces. `vocab` may be a set, a list or a dict; words may be of any length.

    Example:
        >>> wordpiece_encode("unhappy", {"un", "##hap", "##happ", "##y"})
        ['un', '##happ', '##y']
        >>> wordpiece_encode("unhappy", {"un", "##hap", "##happ", "##py"})
        ['[UNK]']
    """
    ### BEGIN SOLUTION
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""  # subtle: every piece but the first
        ends = range(len(word), start, -1)  # subtle: the longest first
        piece = next((mark + word[start:e] for e in ends if mark + word[start:e] in vocab), None)
        if piece is None:  # subtle: the whole word is unknown, whatever was found before
            return ["[UNK]"]
        pieces.append(piece)
        start += len(piece) - len(mark)
    return pieces
    ### END SOLUTION
