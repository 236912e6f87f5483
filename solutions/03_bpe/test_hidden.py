"""Hidden tests of 03: slow loops, tiktoken, Python's own codecs, and closed forms as oracles.

The slow trainer works on lists of byte strings and knows no ids, so it shares no code and no idea
of a tie with the reference. Calls of one test are collected in a list and compared at once.
"""

import copy
from contextlib import chdir
from itertools import pairwise
from tempfile import TemporaryDirectory

import numpy as np
import tiktoken

from autograder.testing import close, ensure, equal, expose, part, raises

CHANGED = "Something that was passed in has been changed; make a new list or dict instead."
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WORDS = (
    "the then there thesis other bother mother brother ether lather singer sings singing ring "
    "été étés près prêt naïf 나라 나무 우리나라 नमस्ते नमक 👋🏽 👋 don't we'll 2026 31415926 x+=1; "
    "(a[i], b) —… https://a.b/c?d=e"
).split()
SPACES = [" ", " ", " ", " ", "  ", "\n", "\n\n", " \n ", "\t", "    "]
SPECIAL = {"<|end|>": 5000, "<|end|>!": 5001, "[a+b]": 5002, "«конец»": 5003}


# Drawing


def letters(rng, alphabet, n):
    """Return n letters of an alphabet, drawn one by one."""
    return "".join(rng.choice(list(alphabet), n))


def some(rng, alphabet, n):
    """Return n different letters of an alphabet."""
    return [str(letter) for letter in rng.permutation(list(alphabet))[:n]]


def prose(rng, n):
    """Return n words of several scripts with all kinds of white space between them."""
    parts = zip(rng.choice(WORDS, n), rng.choice(SPACES, n), strict=True)
    return "".join(word + space for word, space in parts)


def chunk_table(rng, n, alphabet="abcdefghijklmnop"):
    """Return n different short chunks, each with a count of 2 to 8."""
    chunks = {}
    while len(chunks) < n:
        chunks[letters(rng, alphabet, rng.integers(3, 9))] = int(rng.integers(2, 9))
    return chunks


def seams(rng, text, n):
    """Cut a text at n drawn places."""
    cuts = sorted(int(i) for i in rng.integers(0, len(text) + 1, n))
    return [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]


# Slow oracles


def slow_counts(words, times):
    """Count neighbouring pairs; also return how many were looked at."""
    counts, looks = {}, 0
    for word, n in zip(words, times, strict=True):
        for i in range(len(word) - 1):
            looks += 1
            counts[word[i], word[i + 1]] = counts.get((word[i], word[i + 1]), 0) + n
    return counts, looks


def slow_merge(word, left, right, new):
    """Merge from left to right, eating the list from its front."""
    rest, merged = list(word), []
    while rest:
        if rest[:2] == [left, right]:
            merged, rest = [*merged, new], rest[2:]
        else:
            merged, rest = [*merged, rest[0]], rest[1:]
    return merged


def slow_train(chunk_counts, vocab_size):
    """Return the merges by ids, and how many pairs counting all over again looked at."""
    words = [[bytes([b]) for b in chunk.encode()] for chunk in chunk_counts]
    ids = {bytes([i]): i for i in range(256)}
    merges, looks = {}, 0
    while 256 + len(merges) < vocab_size:
        counts, looked = slow_counts(words, chunk_counts.values())
        looks += looked
        ranked = sorted((n, left, right) for (left, right), n in counts.items())
        if not ranked or ranked[-1][0] < 2:
            break
        _, left, right = ranked[-1]
        ids[left + right] = merges[ids[left], ids[right]] = 256 + len(merges)
        words = [slow_merge(word, left, right, left + right) for word in words]
    return merges, looks


def trained(text, size):
    """Return merges learned from a text's words, each with its space."""
    chunks = {}
    for word in text.split(" "):
        chunks[" " + word] = chunks.get(" " + word, 0) + 1
    return slow_train(chunks, size)[0]


def tokens(merges):
    """Return the byte string of every id."""
    table = {i: bytes([i]) for i in range(256)}
    for (left, right), new_id in merges.items():
        table[new_id] = table[left] + table[right]
    return table


def peer(merges, pattern=PATTERN, special=None):
    """Return tiktoken's own encoding for some merges."""
    ranks = {token: i for i, token in tokens(merges).items()}
    return tiktoken.Encoding(
        "peer", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special or {}
    )


def whole(merges):
    """Return tiktoken's encoding that takes the text as one chunk."""
    return peer(merges, r"(?s:.+)")


def spread(merges, rng):
    """Give the merges other ids, rising with gaps."""
    new = {i: i for i in range(256)}
    for k, old in enumerate(merges.values()):
        new[old] = 300 + 7 * k + int(rng.integers(0, 7))
    return {(new[a], new[b]): new[c] for (a, b), c in merges.items()}


def unchanged(student, name, *args):
    """Require that a call leaves its arguments as they were."""
    before = copy.deepcopy(args)
    _, after = student.observe(name, *args)
    ensure(list(after) == list(before), CHANGED)


def same_training(got, expected):
    """Require the same merges, in the same order."""
    equal(got, expected)
    equal(list(got), list(expected))


# pair_counts


@part("pair_counts", basic=True)
def test_pair_counts_match_a_slow_loop(student, rng):
    """Every pair of neighbours is counted, in its order, as often as it occurs."""
    lists = [rng.integers(60, 64, n).tolist() for n in (7, 12, 30)]
    lists.append(rng.integers(0, 100_000, 5).tolist())
    expected = [slow_counts([ids], [1])[0] for ids in lists]
    equal([student.pair_counts(ids) for ids in lists], expected)


@part("pair_counts")
def test_pair_counts_overlap(student, rng):
    """The same id n times holds its pair with itself n - 1 times."""
    a, sizes = int(rng.integers(0, 500)), [2, 3, 4, int(rng.integers(5, 12))]
    equal([student.pair_counts([a] * n) for n in sizes], [{(a, a): n - 1} for n in sizes])


@part("pair_counts")
def test_pair_counts_of_short_lists(student, rng):
    """Two ids are one pair; one id, or none, has no pair."""
    a, b = (int(i) for i in rng.permutation(300)[:2])
    lists = [[a, b], [b], []]
    equal([student.pair_counts(ids) for ids in lists], [{(a, b): 1}, {}, {}])


@part("pair_counts")
def test_pair_counts_leave_the_list_alone(student, rng):
    """The list keeps its ids, and a second call counts the same."""
    ids = rng.integers(0, 3, 6).tolist()
    unchanged(student, "pair_counts", ids)
    equal(student.pair_counts(ids), slow_counts([ids], [1])[0])


# merge


@part("merge", basic=True)
def test_merge_matches_a_slow_loop(student, rng):
    """Every occurrence is merged, all other ids stay, in any list of ids."""
    cases = [(rng.integers(60, 63, n).tolist(), (60, 61)) for n in (6, 15, 40)]
    cases += [(rng.integers(60, 62, n).tolist(), (61, 61)) for n in (9, 20)]
    expected = [slow_merge(ids, *pair, 256) for ids, pair in cases]
    equal([student.merge(ids, pair, 256) for ids, pair in cases], expected)


@part("merge")
def test_merge_of_equal_ids(student, rng):
    """n equal ids become n // 2 new ones, and where n is odd the last one is left."""
    a, sizes = int(rng.integers(0, 256)), [2, 3, 4, 5, int(rng.integers(6, 12))]
    expected = [[999] * (n // 2) + [a] * (n % 2) for n in sizes]
    equal([student.merge([a] * n, (a, a), 999) for n in sizes], expected)


@part("merge")
def test_merge_at_both_ends(student, rng):
    """A pair at the very beginning or end is merged, half a pair there is not."""
    a, b, c, new = (int(i) for i in rng.permutation(400)[:4])
    cases = [[a, b], [c, a, b], [a, b, c], [c, a], [b, c], [a, c, b], [b, a]]
    expected = [[new], [c, new], [new, c], [c, a], [b, c], [a, c, b], [b, a]]
    equal([student.merge(ids, (a, b), new) for ids in cases], expected)


@part("merge")
def test_merge_of_short_lists(student, rng):
    """An empty list stays empty, and one id stays as it is."""
    a = int(rng.integers(0, 256))
    equal([student.merge(ids, (a, a), 256) for ids in ([], [a])], [[], [a]])


@part("merge")
def test_merge_does_not_look_again(student, rng):
    """A new id is not merged again in the same pass, even if it is one of the pair."""
    a, b = (int(i) for i in rng.permutation(300)[:2])
    equal(student.merge([a, b, b, a, b], (a, b), a), [a, b, a])


@part("merge")
def test_merge_leaves_the_list_alone(student, rng):
    """The list that was passed in keeps its ids."""
    unchanged(student, "merge", [1, 2, 3, 1, 2, *rng.integers(1, 4, 5).tolist()], (1, 2), 256)


# train


@part("train", basic=True)
def test_train_matches_a_slow_trainer(student, rng):
    """The merges are those of a slow trainer, in the order in which they were learned."""
    for alphabet, n, size in (("abc", 60, 270), ("abcdefgh ", 120, 275)):
        text = letters(rng, alphabet, n)
        same_training(student.train(text, size), slow_train({text: 1}, size)[0])


@part("train")
def test_train_breaks_ties(student, rng):
    """Of equally common pairs the one with the greatest bytes is merged, ids not considered."""
    for _ in range(3):
        words = ["".join(some(rng, "pqrstu", 3)) for _ in range(12)]
        text = "".join(f"{w}{mark}{w}" for w, mark in zip(words, "ABCDEFGHIJKL", strict=True))
        same_training(student.train(text, 280), slow_train({text: 1}, 280)[0])


@part("train")
def test_train_counts_the_bytes(student, rng):
    """vocab_size counts the 256 bytes, too: 256 gives no merge, and 259 gives three."""
    text = letters(rng, "ab", 80)
    merges = list(slow_train({text: 1}, 262)[0].items())
    expected = [dict(merges[:n]) for n in (0, 1, 3, 6)]
    equal([student.train(text, 256 + n) for n in (0, 1, 3, 6)], expected)


@part("train")
def test_train_stops_in_time(student, rng):
    """Training stops when no pair occurs twice, with nothing to do for the shortest texts."""
    a, b, c = some(rng, "klmnopqrst", 3)
    texts = ["", a, a + b, a + b + c, a + a, a + b + c + a + b, a * 3, (b + a) * 4]
    equal([student.train(t, 300) for t in texts], [slow_train({t: 1}, 300)[0] for t in texts])


@part("train")
def test_train_starts_from_bytes(student, rng):
    """Letters beyond ASCII are several bytes, and merges are made of bytes."""
    text = "".join(rng.choice(["é", "나", "नि", "👋🏽", "a"], 30))
    same_training(student.train(text, 275), slow_train({text: 1}, 275)[0])


@part("train")
def test_train_begins_anew(student, rng):
    """Training on one text leaves nothing behind for the next."""
    first, second = letters(rng, "abc", 30), letters(rng, "cde", 30)
    texts = [first, second, first]
    equal([student.train(t, 262) for t in texts], [slow_train({t: 1}, 262)[0] for t in texts])


# encode


@part("encode", basic=True)
def test_encode_matches_tiktoken(student, rng):
    """The ids are those of tiktoken with the same merges."""
    merges = slow_train({letters(rng, "abcd", 300): 1}, 300)[0]
    texts = [letters(rng, "abcde", n) for n in (5, 20, 60)]
    encoding = whole(merges)
    equal([student.encode(t, merges) for t in texts], [encoding.encode_ordinary(t) for t in texts])


@part("encode")
def test_encode_merges_in_order(student, rng):
    """The merge that was learned first is made first: not the longest token, not the leftmost."""
    a, b, c, d = (ord(letter) for letter in some(rng, "klmnopqrst", 4))
    merges = {(b, c): 256, (a, b): 257, (c, d): 258, (257, 258): 259, (a, 256): 260, (d, d): 261}
    lists = [[a, b, c], [a, b, c, d], [a, b, d], [c, d, d], [a, b, c, d, d, d], [a, b] * 3]
    texts = ["".join(map(chr, ids)) for ids in lists]
    expected = [[260], [260, d], [257, d], [258, d], [260, 261, d], [257] * 3]
    equal([student.encode(t, merges) for t in texts], expected)


@part("encode")
def test_encode_with_other_ids(student, rng):
    """New ids need not be 256, 257 and so on; they are what `merges` says."""
    text = letters(rng, "abc", 200)
    plain = slow_train({text: 1}, 280)[0]
    merges = spread(plain, rng)
    new = dict(zip([*range(256), *plain.values()], [*range(256), *merges.values()], strict=True))
    expected = [new[i] for i in whole(plain).encode_ordinary(text[:40])]
    equal(student.encode(text[:40], merges), expected)


@part("encode")
def test_encode_starts_from_bytes(student, rng):
    """Text beyond ASCII becomes UTF-8 first, with and without merges."""
    text = "".join(rng.choice(["é", "나", "नि", "👋🏽", "a"], 24))
    merges = slow_train({text: 1}, 270)[0]
    got = [student.encode(text, m) for m in ({}, merges)]
    equal(got, [list(text.encode()), whole(merges).encode_ordinary(text)])


@part("encode")
def test_encode_of_short_texts(student, rng):
    """An empty text has no ids, and a single byte is its own."""
    (a,) = some(rng, "abc", 1)
    merges = {(ord(a), ord(a)): 256, (256, 256): 257}
    got = [student.encode(a * n, merges) for n in range(6)]
    equal(got, [[], [ord(a)], [256], [256, ord(a)], [257], [257, ord(a)]])


@part("encode")
def test_encode_leaves_the_merges_alone(student, rng):
    """The merges that were passed in stay as they are."""
    unchanged(student, "encode", letters(rng, "ab", 9), {(97, 98): 256, (256, 97): 257})


# decode


@part("decode", basic=True)
def test_decode_matches_joined_bytes(student, rng):
    """The text is the bytes of all tokens, joined and decoded, for any ids at all."""
    text = prose(rng, 60)
    merges = spread(trained(text, 330), rng)
    table = tokens(merges)
    drawn = rng.choice(list(merges.values()), 12).tolist()
    cases = [drawn, [*text.encode()], rng.integers(0, 128, 9).tolist(), []]
    expected = [b"".join(table[i] for i in ids).decode("utf-8", "replace") for ids in cases]
    equal([student.decode(ids, merges) for ids in cases], expected)


@part("decode")
def test_decode_characters_in_pieces(student, rng):
    """A character whose bytes are spread over several tokens comes back whole."""
    text = "".join(rng.choice(["é", "나", "नि", "👋🏽", "a"], 8))
    data = text.encode()
    merges = {pair: 256 + k for k, pair in enumerate(dict.fromkeys(pairwise(data)))}
    ids = [merges[data[i], data[i + 1]] for i in range(0, len(data) - 1, 2)]
    ids += [data[-1]] * (len(data) % 2)
    equal(student.decode(ids, merges), text)


@part("decode")
def test_decode_broken_bytes(student, rng):
    """Bytes that are no UTF-8 become U+FFFD, as Python's errors="replace" has it."""
    parts = [b"\x80", b"\xff", "é".encode()[:1], "👋".encode()[:3], "나".encode(), b"ok", b"\xc0"]
    cases = [b"".join(parts[i] for i in rng.permutation(len(parts))) for _ in range(4)]
    expected = [data.decode("utf-8", errors="replace") for data in cases]
    equal([student.decode(list(data), {}) for data in cases], expected)


@part("decode")
def test_decode_deep_merges(student, rng):
    """A token made of tokens made of tokens has all their bytes, in their order."""
    word = "".join(some(rng, "abcdefghijklmnop", 9))
    merges, last = {}, ord(word[0])
    for k, letter in enumerate(word[1:]):
        merges[last, ord(letter)] = last = 256 + k
    equal(student.decode([last, 33, 257], merges), f"{word}!{word[:3]}")


# pretokenize


@part("pretokenize", basic=True)
def test_pretokenize_as_gpt4(student, rng):
    """Words, numbers, contractions and spaces are cut as GPT-4's pattern has it."""
    a, b = (str(word) for word in rng.permutation(["Wort", "ñandú", "слово", "나무"])[:2])
    n = str(rng.integers(10_000, 99_999))
    text = f"{a}'LL {b}\t{a}  {n}!?\n\n {b}_{a}   \n\n  x = [{n}]\r\n"
    chunks = [a, "'LL", f" {b}", f"\t{a}", " ", " ", n[:3], n[3:], "!?\n\n", f" {b}"]
    chunks += [f"_{a}", "   \n\n", " ", " x", " =", " [", n[:3], n[3:], "]\r\n"]
    equal(student.pretokenize(text, PATTERN), chunks)


@part("pretokenize")
def test_pretokenize_keeps_what_the_pattern_passes_over(student, rng):
    """Text before, between and after the matches becomes chunks of its own."""
    a, b = letters(rng, "abc", 3), letters(rng, "xyz", 4)
    texts = [f"--{a}, {b}?!", f"{a}{b}", "?!", "", f" {a}"]
    expected = [["--", a, ", ", b, "?!"], [a + b], ["?!"], [], [" ", a]]
    equal([student.pretokenize(text, r"[a-z]+") for text in texts], expected)


@part("pretokenize")
def test_pretokenize_with_groups(student, rng):
    """Round brackets in the pattern change nothing, be there one pair or three."""
    a, b = letters(rng, "abc", 3), letters(rng, "xyz", 4)
    patterns = (r"([a-z])+|-", r"([a-z])([a-z]+)|(-)")
    got = [student.pretokenize(f"{a}-{b} {b}", pattern) for pattern in patterns]
    equal(got, [[a, "-", b, " ", b]] * 2)


@part("pretokenize")
def test_pretokenize_loses_nothing(student, rng):
    """The chunks joined are the text, none of them is empty, and matches of nothing leave none."""
    text, patterns = prose(rng, 30), (PATTERN, r"\p{L}*", r"[0-9]+", r"\b")
    got = [student.pretokenize(text, pattern) for pattern in patterns]
    equal(["".join(chunks) for chunks in got], [text] * len(patterns))
    ensure(all(map(all, got)), "There is an empty chunk.", got)


# train_chunks


@part("train_chunks", basic=True)
def test_train_chunks_match_a_slow_trainer(student, rng):
    """The merges are those of a slow trainer on chunks with counts."""
    for alphabet, size in (("abcd", 275), ("abcdefghij", 280)):
        chunks = chunk_table(rng, 15, alphabet)
        same_training(student.train_chunks(chunks, size), slow_train(chunks, size)[0])


@part("train_chunks")
def test_train_chunks_never_crosses(student, rng):
    """No merge reaches from one chunk into the next, nor back from the last to the first."""
    a, b, c = some(rng, "klmnopqrst", 3)
    cases = [{a: 9, b: 9, c + a: 2}, {a + b: 3, c + a: 4}]
    got = [student.train_chunks(chunks, 300) for chunks in cases]
    equal(got, [slow_train(chunks, 300)[0] for chunks in cases])


@part("train_chunks")
def test_train_chunks_weighs(student, rng):
    """One chunk that occurs often outweighs many that occur once."""
    n = int(rng.integers(5, 9))
    chunks = {f"xy{letter}": 1 for letter in "abcdefgh"[:n]} | {"qrq": n + 1, "rqr": n - 1}
    same_training(student.train_chunks(chunks, 258), slow_train(chunks, 258)[0])


@part("train_chunks")
def test_train_chunks_breaks_ties(student, rng):
    """Ties go to the greatest byte strings, as in `train`."""
    chunks = {"".join(some(rng, "pqrstu", 4)): 2 for _ in range(14)}
    same_training(student.train_chunks(chunks, 285), slow_train(chunks, 285)[0])


@part("train_chunks")
def test_train_chunks_stops_in_time(student, rng):
    """Training stops when nothing occurs twice, and at the size that was asked for."""
    word = "".join(some(rng, "klmnopqrst", 4))
    cases = [{}, {"": 5}, {word: 1}, {word: 2}, {word: 1, word[:2]: 1}, {word[:1]: 7}]
    got = [student.train_chunks(chunks, 262) for chunks in cases]
    equal(got, [slow_train(chunks, 262)[0] for chunks in cases])
    chunks = chunk_table(rng, 9, "abc")
    merges = slow_train(chunks, 259)[0]
    equal([student.train_chunks(chunks, 256 + n) for n in (0, 3)], [{}, merges])


@part("train_chunks")
def test_train_chunks_leaves_the_counts_alone(student, rng):
    """The chunks that were passed in stay as they are, and bytes beyond ASCII are merged."""
    chunks = {"나무": 3, "나라": 2, "é" + letters(rng, "ab", 3): 4}
    unchanged(student, "train_chunks", chunks, 265)
    same_training(student.train_chunks(chunks, 265), slow_train(chunks, 265)[0])


# train_fast


class Counted:
    """Counts pairs as pair_counts does, and adds up how many it was shown."""

    def __init__(self):
        self.looks = 0

    def count(self, ids):
        counts, looks = slow_counts([ids], [1])
        self.looks += looks
        return counts


@part("train_fast", basic=True)
def test_train_fast_gives_the_same_merges(student, rng):
    """The merges are those of the slow trainer, in the same order."""
    for alphabet, n, size in (("abc", 12, 280), ("abcdefgh", 25, 310)):
        chunks = chunk_table(rng, n, alphabet)
        same_training(student.train_fast(chunks, size), slow_train(chunks, size)[0])


@part("train_fast", weight=2.0)
def test_train_fast_looks_at_few_pairs(student, rng):
    """It looks at less than a fifth of the pairs that counting all over again looks at."""
    chunks, counted = chunk_table(rng, 40), Counted()
    merges, again = slow_train(chunks, 356)
    same_training(student.train_fast(chunks, 356, counted.count), merges)
    once = sum(len(chunk) - 1 for chunk in chunks)
    unused = f"`count` was shown {counted.looks} pairs, but there are {once} to begin with."
    ensure(counted.looks >= once, unused)
    said = f"It looked at {counted.looks} pairs; counting all over again looks at {again}."
    ensure(counted.looks * 5 < again, said)


@part("train_fast")
def test_train_fast_looks_through_count(student, rng):
    """Pairs are looked at through `count` only: when that cannot count, nothing can be learned."""

    def broken(ids):
        raise RuntimeError("this stand-in for pair_counts cannot count")

    with raises(RuntimeError):
        student.train_fast(chunk_table(rng, 3), 260, broken)


@part("train_fast")
def test_train_fast_in_repetitions(student, rng):
    """Repeated letters and words keep the counts right: merges touch and overlap there."""
    a, b, c = some(rng, "klmnopqrst", 3)
    cases = [{a * 11: 2, a * 6 + b: 1}, {(a + b) * 6 + c: 2}]
    cases += [{letters(rng, "ab", 14): int(rng.integers(1, 4)) for _ in range(4)} for _ in range(4)]
    got = [student.train_fast(chunks, 275) for chunks in cases]
    equal(got, [slow_train(chunks, 275)[0] for chunks in cases])


@part("train_fast")
def test_train_fast_breaks_ties(student, rng):
    """Ties go to the greatest byte strings, also when most counts are equal."""
    chunks = {"".join(some(rng, "pqrstu", 4)): 2 for _ in range(14)}
    same_training(student.train_fast(chunks, 285), slow_train(chunks, 285)[0])


@part("train_fast")
def test_train_fast_stops_in_time(student, rng):
    """Training stops when nothing occurs twice, and at the size that was asked for."""
    word = "".join(some(rng, "klmnopqrst", 4))
    cases = [{}, {"": 5}, {word: 1}, {word: 2}, {word: 1, word[:2]: 1}, {word[:1]: 7}]
    got = [student.train_fast(chunks, 262) for chunks in cases]
    equal(got, [slow_train(chunks, 262)[0] for chunks in cases])
    chunks = chunk_table(rng, 9, "abc")
    merges = slow_train(chunks, 259)[0]
    equal([student.train_fast(chunks, 256 + n) for n in (0, 3)], [{}, merges])


@part("train_fast")
def test_train_fast_leaves_the_counts_alone(student, rng):
    """The chunks that were passed in stay as they are, and a second training gives the same."""
    chunks = {"나무": 3, "나라": 2, "é" + letters(rng, "ab", 3): 4}
    unchanged(student, "train_fast", chunks, 265)
    same_training(student.train_fast(chunks, 265), slow_train(chunks, 265)[0])


# Tokenizer


def stream(student, tokenizer, pieces, allowed=()):
    """Return all ids of a stream, gathered on the student's side, so in two calls."""
    gather = student.library("numpy.fromiter")
    ids, _ = student.observe(gather, tokenizer.encode_stream(pieces, allowed), "int64")
    return ids.tolist()


@part("Tokenizer", basic=True)
def test_tokenizer_matches_tiktoken(student, rng):
    """Ordinary text of several scripts gives the ids that tiktoken gives, chunk by chunk."""
    text = prose(rng, 80)
    merges = trained(text, 330)
    for pattern in (PATTERN, r"\p{L}+|\P{L}+"):
        tokenizer = student.Tokenizer(merges, pattern, {})
        equal(tokenizer.encode(text[:250]), peer(merges, pattern).encode_ordinary(text[:250]))
    equal(student.Tokenizer({}, PATTERN).encode("né"), [110, 195, 169])


@part("Tokenizer", basic=True)
def test_tokenizer_allowed_special_tokens(student, rng):
    """Special tokens that are allowed become their ids, wherever they are and however often."""
    merges = trained(" ".join(WORDS), 300)
    names = ["<|end|>", "[a+b]", "«конец»"]
    special = dict(zip(names, (rng.permutation(900)[:3] + 5000).tolist(), strict=True))
    tokenizer, peers = student.Tokenizer(merges, PATTERN, special), peer(merges, PATTERN, special)
    a, b = (str(word) for word in rng.choice(WORDS, 2))
    texts = [f"{a}<|end|> {b}", "<|end|><|end|>", f"[a+b]{a} [a+b]  «конец»", "<|end|", "|", ""]
    got = [tokenizer.encode(text, "all") for text in texts]
    equal(got, [peers.encode(text, allowed_special="all") for text in texts])
    text = f"{a}<|end|>{b}[a+b]"
    got = [tokenizer.encode(text, two) for two in ({*names[:2]}, names[:2], dict.fromkeys(names))]
    equal(got, [peers.encode(text, allowed_special="all")] * 3)


@part("Tokenizer")
def test_tokenizer_longest_special_token(student, rng):
    """Of special tokens that begin at the same place the longest is taken."""
    short, long = "<|end|>", "<|end|>!"
    orders = [{name: SPECIAL[name] for name in names} for names in ((short, long), (long, short))]
    tokenizers = [student.Tokenizer({}, PATTERN, special) for special in orders]
    got = [tokenizer.encode("a<|end|>!<|end|>b", "all") for tokenizer in tokenizers]
    equal(got, [[97, 5001, 5000, 98]] * 2)


@part("Tokenizer")
def test_tokenizer_refuses_special_tokens(student, rng):
    """A special token that is not allowed raises a ValueError, wherever it stands in the text."""
    tokenizer = student.Tokenizer({}, PATTERN, SPECIAL)
    a = str(rng.choice(WORDS))
    equal(tokenizer.encode("<|end"), list(b"<|end"))
    for text, allowed in ((f"{a}<|end|>", ()), (f"[a+b]{a}<|end|>", {"[a+b]"}), ("[a+b]", set())):
        with raises(ValueError):
            tokenizer.encode(text, allowed)
    with raises(ValueError):
        stream(student, tokenizer, [f"{a}<|e", "nd|>", a])


@part("Tokenizer")
def test_tokenizer_decodes(student, rng):
    """Ids become text again, special tokens and characters in pieces included."""
    text = prose(rng, 20)
    merges = trained(text, 290)
    tokenizer = student.Tokenizer(merges, PATTERN, SPECIAL)
    ids = peer(merges).encode_ordinary(text)
    got = [tokenizer.decode([5000, *ids, 5003]), tokenizer.decode([195, 169, 5002, 195, 33])]
    equal(got, [f"<|end|>{text}«конец»", "é[a+b]\ufffd!"])
    equal(tokenizer.decode([]), "")


@part("Tokenizer", basic=True)
def test_tokenizer_stream_seams(student, rng):
    """Text in pieces gives the ids of the whole text, wherever words are cut."""
    text = " ".join(rng.choice(WORDS, 25))
    merges = trained(text, 310)
    tokenizer, expected = student.Tokenizer(merges, PATTERN), peer(merges).encode_ordinary(text)
    for pieces in ([text], seams(rng, text, 9), list(text), ["", *seams(rng, text, 4), ""]):
        equal(stream(student, tokenizer, pieces), expected)
    equal([stream(student, tokenizer, pieces) for pieces in ([], [""])], [[], []])


@part("Tokenizer")
def test_tokenizer_stream_white_space(student, rng):
    """A seam in white space changes nothing: a line end may still follow, or a word."""
    merges = {(10, 32): 256, (32, 32): 257, (10, 10): 258, (32, 10): 259, (32, 120): 260}
    tokenizer, peers = student.Tokenizer(merges, PATTERN), peer(merges)
    texts = ["".join(rng.choice([" ", "\n", "\t", " x", "!"], 9)) for _ in range(8)]
    texts += ["a \n \nb", "a  x", "a \n  \n", "!\n\n\n"]
    got = [stream(student, tokenizer, list(text)) for text in texts]
    equal(got, [peers.encode_ordinary(text) for text in texts])


@part("Tokenizer")
def test_tokenizer_stream_special_tokens(student, rng):
    """A special token cut by a seam is still one id; what only begins like one is text."""
    tokenizer = student.Tokenizer({(60, 124): 256}, PATTERN, SPECIAL)
    a, b = (str(word) for word in rng.choice(WORDS, 2))
    text = f"<|end|>!{a}<|end|>!{b} <|end|> <|en [a+b]{b}<|end|>"
    expected = tokenizer.encode(text, "all")
    got = [stream(student, tokenizer, p, "all") for p in (seams(rng, text, 7), list(text))]
    equal(got, [expected, expected])


@part("Tokenizer")
def test_tokenizer_stream_keeps_pace(student, rng):
    """Ids come out while the text is still being read, and little of it is held back."""
    pieces = [f" {word}" for word in rng.choice(["ab", "cd", "ef"], 120)]
    reader = student.library("numpy.array")(pieces, "object").flat  # it knows how far it has read
    ids = iter(student.Tokenizer({}, PATTERN, SPECIAL).encode_stream(reader))
    seen = []
    for wanted in (1, 60, 120):  # three ids a piece
        while len(seen) < wanted:
            seen.append(next(ids))
        said = f"{reader.index} of 120 pieces are read when {wanted} ids have come out."
        ensure(reader.index < wanted // 3 + 12, said)
    equal(seen, list("".join(pieces).encode())[:120])


@part("Tokenizer")
def test_tokenizer_stream_in_constant_memory(student, rng):
    """Eight times as much text needs no more memory."""
    merges = {(97, 97): 256} | {(i, i): i + 1 for i in range(256, 261)} | {(32, 261): 262}
    piece = " " + "a" * 64  # one token
    tokenizer, gather = student.Tokenizer(merges, PATTERN), student.library("numpy.fromiter")
    peaks = []
    for n in (40, 40, 320):  # the first one warms up what there is to warm
        traced = student.trace(gather, tokenizer.encode_stream([piece] * n), "int64")
        equal(traced.result, np.full(n, 262))
        peaks.append(traced.peak_bytes)
    said = f"40 pieces of text need {peaks[1]:,} bytes, 320 pieces need {peaks[2]:,}."
    ensure(peaks[2] < peaks[1] + 100 * len(piece), said)


@part("Tokenizer")
def test_tokenizer_save_and_load(student, rng):
    """A saved tokenizer comes back with its merges, its pattern and its special tokens."""
    merges = spread(trained(" ".join(WORDS), 290), rng)
    special = SPECIAL | {'"\n\\ ': 6000}
    text = "".join(rng.choice([*WORDS, *special, " "], 40))
    pattern = r"\p{L}+|[^\p{L}\n]+|\n"
    with TemporaryDirectory() as folder, chdir(folder):
        saved = student.Tokenizer(merges, pattern, special)
        saved.save("tokenizer.saved")
        student.Tokenizer({}, PATTERN).save("other.saved")
        loaded = student.Tokenizer.load("tokenizer.saved")
        equal(student.Tokenizer.load("other.saved").encode("ab"), [97, 98])
    equal([loaded.merges, loaded.pattern, loaded.special_tokens], [merges, pattern, special])
    equal(loaded.encode(text, "all"), saved.encode(text, "all"))
    equal(loaded.decode([6000, 195, 169]), '"\n\\ é')


@part("Tokenizer")
def test_tokenizers_do_not_meet(student, rng):
    """Two tokenizers share nothing, and encoding twice gives the same."""
    one = student.Tokenizer({(97, 98): 256}, PATTERN, {"<|end|>": 7000})
    two = student.Tokenizer({(98, 97): 300}, PATTERN, {"[a+b]": 8000})
    text = "ab ba<|end|>"
    first, second = [256, 32, 98, 97, 7000], [97, 98, 32, 300]
    got = [one.encode(text, "all"), two.encode(text[:5]), one.encode(text, "all")]
    equal(got, [first, second, first])
    equal(two.encode("<|end|>"), list(b"<|end|>"))


# to_tiktoken


def made(student, *args):
    """Return a tokenizer and its encoding, which must know single bytes: else encoding panics."""
    tokenizer = student.Tokenizer(*args)
    encoding = student.to_tiktoken(tokenizer)
    some = [0, 97, 255]
    equal([encoding.decode_single_token_bytes(i) for i in some], [bytes([i]) for i in some])
    return tokenizer, encoding


@part("to_tiktoken", basic=True)
def test_to_tiktoken_equals_the_tokenizer(student, rng):
    """On forty texts of several scripts, in one call, tiktoken's ids are the tokenizer's own."""
    text = "\n".join(prose(rng, 4) for _ in range(40))
    merges = trained(text, 340)
    tokenizer, encoding = made(student, merges, PATTERN, SPECIAL)
    got = encoding.encode_ordinary(text)
    equal(got, peer(merges).encode_ordinary(text))
    equal(got, tokenizer.encode(text))


@part("to_tiktoken")
def test_to_tiktoken_is_an_encoding(student, rng):
    """What comes back is a tiktoken.Encoding with the ids and the bytes of all tokens."""
    merges = spread(trained(" ".join(WORDS), 300), rng)
    _, encoding = made(student, merges, PATTERN, SPECIAL)
    kind = getattr(encoding, "_type_", type(encoding).__name__)
    ensure(kind == "Encoding", "The result is no tiktoken.Encoding.", encoding)
    table = tokens(merges)
    ids = rng.choice(list(merges.values()), 6).tolist()
    equal([encoding.decode_single_token_bytes(i) for i in ids], [table[i] for i in ids])
    equal(encoding.n_vocab, max(SPECIAL.values()) + 1)


@part("to_tiktoken")
def test_to_tiktoken_takes_special_tokens(student, rng):
    """Special tokens are known to tiktoken under their ids, and ordinary text is never one."""
    special = {"<|end|>": int(rng.integers(400, 900)), "[a+b]": int(rng.integers(1000, 2000))}
    _, encoding = made(student, {(97, 98): 256}, PATTERN, special)
    expected = [256, special["<|end|>"], 256, special["[a+b]"]]
    equal(encoding.encode("ab<|end|>ab[a+b]", allowed_special={*special}), expected)
    _, encoding = made(student, {(97, 98): 256}, r"(?s:.+)", special)
    equal(encoding.encode_ordinary("<|end|>"), list(b"<|end|>"))


@part("to_tiktoken")
def test_to_tiktoken_takes_the_pattern(student, rng):
    """The tokenizer's own pattern is used, whatever it is."""
    merges = {(97, 98): 256, (98, 32): 257, (256, 32): 258, (32, 97): 259}
    text = letters(rng, "ab ", 40)
    for pattern in (r"\S+|\s+", r"(?s:.+)"):
        _, encoding = made(student, merges, pattern)
        equal(encoding.encode(text), peer(merges, pattern).encode(text))


# wordpiece_encode


def slow_wordpiece(word, vocab):
    """Shorten the piece letter by letter until the vocabulary has it."""
    found, rest, mark = [], word, ""
    while rest:
        piece = rest
        while piece and mark + piece not in vocab:
            piece = piece[:-1]
        if not piece:
            return ["[UNK]"]
        found, rest, mark = [*found, mark + piece], rest[len(piece) :], "##"
    return found


@part("wordpiece_encode", basic=True)
def test_wordpiece_matches_a_slow_loop(student, rng):
    """From left to right the longest piece is taken, ## before all but the first."""
    vocab = {letters(rng, "abc", rng.integers(1, 5)) for _ in range(24)} | {"a", "b"}
    vocab |= {"##" + letters(rng, "abc", rng.integers(1, 5)) for _ in range(24)} | {"##a", "##b"}
    words = [letters(rng, "aaabbbc", n) for n in (1, 2, 3, 5, 8, 8, 12, 12, 20)]
    expected = [slow_wordpiece(word, vocab) for word in words]
    equal([student.wordpiece_encode(word, vocab) for word in words], expected)


@part("wordpiece_encode")
def test_wordpiece_does_not_go_back(student, rng):
    """A long first piece that leaves a rest nothing fits makes the whole word unknown."""
    a, b, c, d = some(rng, "klmnopqrst", 4)
    vocab = {a, a + b, f"##{b}{c}", f"##{c}", f"##{b}"}
    words = [a + b + c, a + b + c + d, d + a, a + d + b, a + b + b + c]
    expected = [[a + b, f"##{c}"], ["[UNK]"], ["[UNK]"], ["[UNK]"], [a + b, f"##{b}{c}"]]
    equal([student.wordpiece_encode(word, vocab) for word in words], expected)
    equal(student.wordpiece_encode(a + b + c, {a + b, a, f"##{b}{c}"}), ["[UNK]"])


@part("wordpiece_encode")
def test_wordpiece_keeps_beginnings_and_rests_apart(student, rng):
    """A piece with ## cannot begin a word, and one without cannot go on with it."""
    a, b = some(rng, "klmnopqrst", 2)
    cases = [(a + b, {a, b}), (a + b, {f"##{a}", f"##{b}", f"##{a}{b}"}), (a + a, {a, f"##{a}"})]
    equal(
        [student.wordpiece_encode(*case) for case in cases],
        [["[UNK]"], ["[UNK]"], [a, f"##{a}"]],
    )


@part("wordpiece_encode")
def test_wordpiece_of_odd_words(student, rng):
    """An empty word has no pieces; words may be long, and beyond ASCII; vocab may be a list."""
    a, b = some(rng, "é나न👋", 2)
    n = int(rng.integers(120, 150))
    vocab = [a, f"##{b}", f"##{a}"]
    words, expected = ["", a + b * 3, a * n], [[], [a, *[f"##{b}"] * 3], [a, *[f"##{a}"] * (n - 1)]]
    equal([student.wordpiece_encode(word, vocab) for word in words], expected)
    equal(student.wordpiece_encode(a + b, dict.fromkeys(vocab, 1)), [a, f"##{b}"])


# compression_ratio


class Pieces:
    """A tokenizer that makes a token of every n characters, or several of each."""

    def __init__(self, n, times=1):
        self.n, self.times = n, times

    def encode(self, text):
        return [ord(text[i]) for i in range(0, len(text), self.n)] * self.times


@part("compression_ratio", basic=True)
def test_compression_ratio_is_bytes_per_token(student, rng):
    """The number of bytes is divided by the number of tokens."""
    n, k = (int(i) for i in rng.integers(2, 9, 2))
    texts = [letters(rng, "abc ", n * k), letters(rng, "abc ", n * k + 1)]
    got = [student.compression_ratio(text, expose(Pieces(n), "encode")) for text in texts]
    close(got, [float(n), (n * k + 1) / (k + 1)])


@part("compression_ratio")
def test_compression_ratio_counts_bytes(student, rng):
    """A Korean letter counts 3 bytes, an emoji 4."""
    text = "".join(some(rng, "나무a👋é", 5))
    close(student.compression_ratio(text, expose(Pieces(1), "encode")), 13 / 5)


@part("compression_ratio")
def test_compression_ratio_of_nothing(student, rng):
    """An empty text has the ratio 0.0; where tokens are many it may be below 1."""
    texts = ["", letters(rng, "xyz", 4)]
    got = [student.compression_ratio(text, expose(Pieces(1, 3), "encode")) for text in texts]
    close(got, [0.0, 1 / 3])
