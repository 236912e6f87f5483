"""From merges to a tokenizer: chunks, a fast trainer, special tokens, streams, tiktoken."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import regex
import tiktoken

from basic import Pair, encode, merge, pair_counts

# How GPT-4 cuts a text into chunks (the pattern published as cl100k_base): contractions, words with
# the one character before them, numbers of up to three digits, punctuation, line ends, spaces.
GPT4_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

### BEGIN SOLUTION
from basic import FIRST_ID, best_pair, byte_tokens, token_bytes  # noqa: E402

### END SOLUTION


def pretokenize(text: str, pattern: str) -> list[str]:
    """Cut a text into chunks, so that no merge ever crosses from one chunk into the next.

    The chunks are the matches of the pattern from left to right, found by the module `regex`, which
    knows \\p{L}. Text that the pattern passes over becomes a chunk of its own; empty matches are
    left out. So nothing is lost: the chunks joined are the text. The pattern may have groups.

    Example:
        >>> pretokenize("It's 12345  apples!", GPT4_PATTERN)
        ['It', "'s", ' ', '123', '45', ' ', ' apples', '!']
        >>> pretokenize("a-b, c", "([a-z])")
        ['a', '-', 'b', ', ', 'c']
    """
    ### BEGIN SOLUTION
    chunks, end = [], 0
    for match in regex.finditer(pattern, text):  # subtle: findall may give groups
        chunks += [text[end : match.start()], match.group()]  # subtle: gaps stay
        end = match.end()
    chunks.append(text[end:])  # subtle: and so does what is after the last match
    return [chunk for chunk in chunks if chunk]
    ### END SOLUTION


def train_chunks(chunk_counts: Mapping[str, int], vocab_size: int) -> dict[Pair, int]:
    """Learn merges as `train` does, from chunks and how often each occurs in the text.

    A pair inside a chunk that occurs 5 times counts 5 times. No pair reaches from one chunk into
    another. All else is as in `train`: ties, the first id, when to stop. Counts are 1 or more.

    Example:
        >>> train_chunks({"ab": 3, "abc": 2, "c": 9}, 258)
        {(97, 98): 256, (256, 99): 257}
    """
    ### BEGIN SOLUTION
    words = [list(chunk.encode("utf-8")) for chunk in chunk_counts]  # subtle: kept apart
    vocabulary, merges = byte_tokens(), {}
    for new_id in range(FIRST_ID, vocab_size):
        counts: Counter[Pair] = Counter()
        for word, times in zip(words, chunk_counts.values()):
            for pair, n in pair_counts(word).items():
                counts[pair] += n * times  # subtle: a chunk weighs as much as it occurs
        best = best_pair(counts, vocabulary)
        if best is None:
            break
        merges[best] = new_id
        vocabulary[new_id] = vocabulary[best[0]] + vocabulary[best[1]]
        words = [merge(word, best, new_id) for word in words]
    return merges
    ### END SOLUTION


def train_fast(
    chunk_counts: Mapping[str, int],
    vocab_size: int,
    count: Callable[[Sequence[int]], Mapping[Pair, int]] = pair_counts,
) -> dict[Pair, int]:
    """Learn the same merges as `train_chunks`, without counting all over again for every merge.

    A merge changes only the chunks that hold its pair. So remember the counts and which chunks hold
    which pair, and after a merge bring up to date what it has changed.

    `count` is `pair_counts`, or a stand-in that returns the same and adds up how many pairs it was
    shown. Look at pairs of neighbours only through it: count([7, 8, 9]) looks at two pairs. In all,
    look at less than a fifth of the pairs that `train_chunks` looks at, on text of some size.

    Example:
        >>> train_fast({"ab": 3, "abc": 2, "c": 9}, 258)
        {(97, 98): 256, (256, 99): 257}
    """
    ### BEGIN SOLUTION
    words = [list(chunk.encode("utf-8")) for chunk in chunk_counts]
    times = list(chunk_counts.values())
    counts: Counter[Pair] = Counter()
    holders: defaultdict[Pair, set[int]] = defaultdict(set)  # which words hold a pair

    def add(k: int, sign: int) -> None:
        for pair, n in count(words[k]).items():
            counts[pair] += sign * n * times[k]  # subtle: weighed, as before
            holders[pair].add(k)

    for k in range(len(words)):
        add(k, 1)
    vocabulary, merges = byte_tokens(), {}
    for new_id in range(FIRST_ID, vocab_size):
        best = best_pair(counts, vocabulary)
        if best is None:
            break
        merges[best] = new_id
        vocabulary[new_id] = vocabulary[best[0]] + vocabulary[best[1]]
        for k in holders.pop(best):
            add(k, -1)  # subtle: all pairs of the old word go, its neighbours' too
            words[k] = merge(words[k], best, new_id)
            add(k, 1)  # subtle: and all of the new word come, where they are found next time
    return merges
    ### END SOLUTION


class Tokenizer:
    """A tokenizer: merges, a pattern that cuts text into chunks, and special tokens.

    Special tokens are strings such as "<|endoftext|>" with an id each. They are never cut, and no
    merge touches them. Text from outside must not be able to smuggle one in, so `encode` raises a
    ValueError at a special token that is not in `allowed_special`.

    The three arguments are also attributes of the same names.

    Example:
        >>> t = Tokenizer({(97, 98): 256}, GPT4_PATTERN, {"<|end|>": 1000})
        >>> t.encode("ab ab<|end|>", allowed_special={"<|end|>"})
        [256, 32, 256, 1000]
        >>> t.decode([256, 1000])
        'ab<|end|>'
        >>> list(t.encode_stream(["a", "b a", "b"]))
        [256, 32, 256]
    """

    def __init__(
        self,
        merges: Mapping[Pair, int],
        pattern: str = GPT4_PATTERN,
        special_tokens: Mapping[str, int] | None = None,
    ) -> None:
        """Keep the three; no special tokens (None) are an empty dict."""
        ### BEGIN SOLUTION
        self.merges = dict(merges)
        self.pattern = pattern
        self.special_tokens = dict(special_tokens or {})
        special = {i: name.encode("utf-8") for name, i in self.special_tokens.items()}
        self._vocabulary = token_bytes(self.merges) | special
        ### END SOLUTION

    def encode(self, text: str, allowed_special: Collection[str] | str = ()) -> list[int]:
        """Turn a text into ids; `allowed_special` is "all" or a collection of special tokens.

        Special tokens are found from the left; of several that begin at the same place the longest
        is taken. What lies between them is cut into chunks and encoded. Raises a ValueError at a
        special token that is not allowed.
        """
        ### BEGIN SOLUTION
        ids, end = [], 0
        for match in self._find_special(text):
            name = match.group()
            if allowed_special != "all" and name not in allowed_special:  # subtle: never silently
                raise ValueError(f"the special token {name!r} is not allowed in this text")
            ids += self._encode_ordinary(text[end : match.start()])
            ids.append(self.special_tokens[name])
            end = match.end()
        return ids + self._encode_ordinary(text[end:])
        ### END SOLUTION

    def decode(self, ids: Iterable[int]) -> str:
        """Turn ids back into text, special tokens too; bytes that are no UTF-8 become U+FFFD."""
        ### BEGIN SOLUTION
        data = b"".join(self._vocabulary[i] for i in ids)  # subtle: join before decoding
        return data.decode("utf-8", errors="replace")
        ### END SOLUTION

    def encode_stream(
        self, pieces: Iterable[str], allowed_special: Collection[str] | str = ()
    ) -> Iterator[int]:
        """Yield the ids of a text that comes in pieces, and hold only a little of it at a time.

        The ids are those of `encode("".join(pieces))`, wherever the seams are: in a word, in white
        space, in a special token. Ids come out while pieces are still being read. You may take it
        that later text changes at most the last two chunks so far, as with GPT-4's pattern.
        """
        ### BEGIN SOLUTION
        text = ""
        for piece in pieces:
            text += piece
            end, chunks = self._settled(text)
            yield from self.encode(text[:end], allowed_special)
            for chunk in chunks:
                yield from encode(chunk, self.merges)
            text = text[end + sum(map(len, chunks)) :]
        yield from self.encode(text, allowed_special)  # subtle: what was held back to the end
        ### END SOLUTION

    def save(self, path: str) -> None:
        """Write the tokenizer to a file, in any format that `load` reads."""
        ### BEGIN SOLUTION
        merges = [[*pair, new_id] for pair, new_id in self.merges.items()]  # JSON has no tuples
        data = {"merges": merges, "pattern": self.pattern, "special_tokens": self.special_tokens}
        Path(path).write_text(json.dumps(data), encoding="utf-8")
        ### END SOLUTION

    @classmethod
    def load(cls, path: str) -> "Tokenizer":
        """Read a tokenizer that `save` wrote: it encodes and decodes as the saved one did."""
        ### BEGIN SOLUTION
        data: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        merges = {(left, right): new_id for left, right, new_id in data["merges"]}
        return cls(merges, data["pattern"], data["special_tokens"])
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _find_special(self, text: str) -> list[regex.Match[str]]:
        """Where special tokens stand."""
        if not self.special_tokens:  # subtle: an empty pattern would match everywhere
            return []
        names = sorted(self.special_tokens, key=len, reverse=True)  # subtle: longer ones first
        pattern = "|".join(map(regex.escape, names))  # subtle: they are full of | and other signs
        return list(regex.finditer(pattern, text))

    def _encode_ordinary(self, text: str) -> list[int]:
        """Encode text without special tokens, chunk by chunk."""
        chunks = pretokenize(text, self.pattern)
        return [i for chunk in chunks for i in encode(chunk, self.merges)]

    def _settled(self, text: str) -> tuple[int, list[str]]:
        """What no later text can change: up to and with a special token, and chunks after it."""
        longest = max(map(len, self.special_tokens), default=1)
        seen = max(len(text) - longest + 1, 0)  # subtle: a special token may begin after this
        end = max((m.end() for m in self._find_special(text) if m.start() < seen), default=0)
        chunks = pretokenize(text[end:seen], self.pattern)
        return end, chunks[:-2]  # subtle: a line end may still draw both into one chunk

    ### END SOLUTION


def to_tiktoken(tokenizer: Tokenizer) -> tiktoken.Encoding:
    """Make the encoding of OpenAI's library tiktoken that does the same, far faster.

    `tiktoken.Encoding(name, pat_str=..., mergeable_ranks=..., special_tokens=...)` wants the rank,
    which is the id, of every token's byte string, the 256 single bytes included. Special tokens are
    handed over on their own. The name is up to you. No network is needed.

    Example:
        >>> to_tiktoken(Tokenizer({(97, 98): 256})).encode("abba ab")
        [256, 98, 97, 32, 256]
    """
    ### BEGIN SOLUTION
    ranks = {token: i for i, token in token_bytes(tokenizer.merges).items()}  # subtle: all bytes
    return tiktoken.Encoding(
        "student",
        pat_str=tokenizer.pattern,
        mergeable_ranks=ranks,
        special_tokens=tokenizer.special_tokens,
    )
    ### END SOLUTION


def compression_ratio(text: str, tokenizer: Tokenizer) -> float:
    """Return how many bytes of UTF-8 a token stands for on average; 0.0 for an empty text.

    The tokens are those of `tokenizer.encode(text)`.

    Example:
        >>> compression_ratio("abab é", Tokenizer({(97, 98): 256}))
        1.4
    """
    ### BEGIN SOLUTION
    tokens = tokenizer.encode(text)
    return len(text.encode("utf-8")) / len(tokens) if tokens else 0.0  # subtle: bytes, and not 0/0
    ### END SOLUTION
