"""The tests you have: short texts to work out by hand. Hidden ones, with drawn texts, follow."""

import pytest

from autograder.testing import close, equal, expose, part, raises

SPECIAL = {"<|end|>": 1000}
SENTENCE = "I'll pay 1234567 won,\n\n  or not!? 안녕 नमस्ते 👋🏽\n"


class Letters:
    """A tokenizer that makes one token of ab and of every other byte."""

    def encode(self, text):
        return list(text.replace("ab", "A").encode("utf-8"))


def table(*tokens):
    """Write merges as texts: table("a b", "ab c") is {(97, 98): 256, (256, 99): 257}."""
    ids = {chr(i): i for i in range(128)}
    merges = {}
    for new_id, token in enumerate(tokens, start=256):
        left, right = token.split()
        merges[ids[left], ids[right]] = ids[left + right] = new_id
    return merges


@part("pair_counts")
def test_pair_counts_by_hand(student):
    """1 2 1 2 3 holds (1, 2) twice, (2, 1) once and (2, 3) once."""
    equal(student.pair_counts([1, 2, 1, 2, 3]), {(1, 2): 2, (2, 1): 1, (2, 3): 1})


@part("pair_counts")
def test_pair_counts_of_equal_ids(student):
    """7 7 7 holds the pair (7, 7) twice: pairs may overlap."""
    equal(student.pair_counts([7, 7, 7]), {(7, 7): 2})


@part("merge")
def test_merge_by_hand(student):
    """Merging (1, 2) in 1 2 3 1 2 gives 9 3 9."""
    equal(student.merge([1, 2, 3, 1, 2], (1, 2), 9), [9, 3, 9])


@part("merge")
def test_merge_does_not_overlap(student):
    """Merging (7, 7) in 7 7 7 gives 9 7, and in 7 7 7 7 it gives 9 9."""
    equal([student.merge([7] * n, (7, 7), 9) for n in (3, 4)], [[9, 7], [9, 9]])


@part("train")
def test_train_by_hand(student):
    """In "xyxyxyxy" xy comes first (4 times), then xyxy (twice)."""
    equal(student.train("xyxyxyxy", 258), table("x y", "xy xy"))


@part("train")
def test_train_breaks_ties_by_bytes(student):
    """In "ab,cd.ab:cd" ab and cd are equally common: cd, with the greater bytes, comes first."""
    equal(student.train("ab,cd.ab:cd", 258), table("c d", "a b"))


@part("train")
def test_train_stops(student):
    """In "banana" no pair occurs twice after the first merge, and training stops."""
    equal(student.train("banana", 300), table("n a"))


@part("encode")
def test_encode_by_hand(student):
    """With merges bc, ab, abc, the text "abcab" becomes a + bc and ab: bc was learned first."""
    equal(student.encode("abcab", table("b c", "a b", "ab c")), [97, 256, 257])


@part("encode")
def test_encode_starts_from_bytes(student):
    """Without merges the ids are the bytes: é has two."""
    equal(student.encode("né", {}), [110, 195, 169])


@part("decode")
def test_decode_by_hand(student):
    """Ids become bytes, bytes become text, also where a merge is made of another merge."""
    equal(student.decode([257, 33, 256], table("a b", "ab c")), "abc!ab")


@part("decode")
def test_decode_split_characters(student):
    """A character cut into two tokens comes back whole; half of one becomes U+FFFD."""
    equal([student.decode([195, 169], {}), student.decode([195, 33], {})], ["é", "\ufffd!"])


@part("pretokenize")
def test_pretokenize_by_hand(student):
    """GPT-4's pattern cuts contractions, numbers of three digits, and words with their space."""
    chunks = ["I", "'ll", " pay", " ", "123", "456", "7", " won", ",\n\n", " ", " or", " not", "!?"]
    text = "I'll pay 1234567 won,\n\n  or not!?"
    equal(student.pretokenize(text, student.GPT4_PATTERN), chunks)


@part("pretokenize")
def test_pretokenize_loses_nothing(student):
    """The chunks joined are the text, also for a pattern that passes over some of it."""
    for pattern in (student.GPT4_PATTERN, r"\w+"):
        equal("".join(student.pretokenize(SENTENCE, pattern)), SENTENCE)


@part("train_chunks")
def test_train_chunks_by_hand(student):
    """A pair counts as often as its chunk occurs: xy 3 times, ab twice, and by never."""
    equal(student.train_chunks({"ab": 2, "xy": 3}, 300), table("x y", "a b"))


@part("train_fast")
def test_train_fast_by_hand(student):
    """The fast trainer finds ab (5 times), then abc (twice), and stops."""
    equal(student.train_fast({"ab": 3, "abc": 2, "c": 9}, 300), table("a b", "ab c"))


@part("Tokenizer")
def test_tokenizer_special_tokens(student):
    """A special token is one id where it is allowed, and a ValueError where it is not."""
    tokenizer = student.Tokenizer(table("a b"), student.GPT4_PATTERN, SPECIAL)
    equal(tokenizer.encode("ab<|end|>ab", {"<|end|>"}), [256, 1000, 256])
    equal(tokenizer.decode([256, 1000, 256]), "ab<|end|>ab")
    with raises(ValueError):
        tokenizer.encode("ab<|end|>")


@part("Tokenizer")
def test_tokenizer_stream(student):
    """Text in pieces gives the ids of the text in one, though a word is cut in two."""
    tokenizer = student.Tokenizer(table("a b", "ab c"), student.GPT4_PATTERN, SPECIAL)
    ids = [*iter(tokenizer.encode_stream(["ab a", "bc a", "b"]))]
    equal(ids, [256, 32, 257, 32, 256])


@part("to_tiktoken")
def test_to_tiktoken_agrees(student):
    """tiktoken gives the same ids as your tokenizer."""
    tokenizer = student.Tokenizer(table("a b", "ab c"), student.GPT4_PATTERN, SPECIAL)
    encoding = student.to_tiktoken(tokenizer)
    equal(encoding.decode_single_token_bytes(195), bytes([195]))
    equal(encoding.encode_ordinary("abc ab " + SENTENCE), tokenizer.encode("abc ab " + SENTENCE))


@part("wordpiece_encode")
@pytest.mark.parametrize(
    ("word", "pieces"),
    [("unhappy", ["un", "##happ", "##y"]), ("happy", ["happy"]), ("unhappily", ["[UNK]"])],
)
def test_wordpiece_by_hand(student, word, pieces):
    """The longest piece that fits is taken, and a word with a rest that fits nothing is unknown."""
    vocab = {"un", "u", "##hap", "##happ", "##y", "happy", "##ilz"}
    equal(student.wordpiece_encode(word, vocab), pieces)


@part("compression_ratio")
def test_compression_ratio_by_hand(student):
    """Seven bytes in five tokens are 1.4 bytes a token."""
    close(student.compression_ratio("abab é", expose(Letters(), "encode")), 1.4)
