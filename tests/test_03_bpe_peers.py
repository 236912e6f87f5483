"""03 byte-pair encoding against the libraries in use: tiktoken and Hugging Face tokenizers.

Both are given the reference's own merges, so nothing is downloaded. Random text is drawn from the
characters that Python's own table of Unicode knows: `regex` and tiktoken are built with tables of
different years and do not agree on characters that are newer than the older of them.
"""

from __future__ import annotations

import functools
import random
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tiktoken

from autograder.course import find, find_root
from autograder.plugin import homes
from autograder.student.local import Sources, read_sources

ROOT = find_root(Path(__file__).parent)
SPECIAL = {"<|endoftext|>": 100_000, "<|endofprompt|>": 100_001}
PROSE = {
    "English": "We'll count pairs; then, again and again, we merge the commonest. It isn't hard!",
    "Korean": "글을 바이트로 바꾸고 가장 흔한 쌍을 합칩니다. 다시 셉니다!",
    "Hindi": "हम पाठ को बाइटों में बदलते हैं और सबसे आम जोड़ी को मिलाते हैं!",
    "emoji": "👋🏽 👨‍👩‍👧‍👦 🏳️‍🌈 ❤️‍🔥 1️⃣2️⃣ 🇰🇷🇮🇳 (づ｡◕‿‿◕｡)づ ☕️☕️☕️",
    "spaces": "a  b\t\tc \n\n  d\r\n\r\n   e \u00a0\u3000 f\n \n",
}


@functools.cache
def sources() -> Sources:
    assignment = find("03", ROOT)
    if not assignment.has_solutions:
        pytest.skip("the solutions are not in this copy of the course")
    return read_sources(assignment.solutions, assignment.files, homes(assignment))


def the(name: str) -> Any:
    return sources().lookup(name)


@functools.cache
def corpus() -> str:
    """The course's own source code, and the prose above."""
    code = [path.read_text("utf-8") for path in sorted((ROOT / "autograder").glob("*.py"))]
    return "\n".join([*code, *(text * 40 for text in PROSE.values())])


@functools.cache
def chunks() -> Counter[str]:
    return Counter(the("pretokenize")(corpus(), the("GPT4_PATTERN")))


@functools.cache
def tokenizer() -> Any:
    return the("Tokenizer")(the("train_fast")(chunks(), 1000), the("GPT4_PATTERN"), SPECIAL)


def random_strings(count: int) -> list[str]:
    """Strings of all kinds: any character there is, or from few, with repetitions."""
    rng = random.Random(20260103)
    known = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    alphabets = [known, list("ab'sSlL1 \n\t\r.!"), list(corpus()), *map(list, PROSE.values())]
    strings = []
    for _ in range(count):
        letters = rng.choice(alphabets)
        strings.append("".join(rng.choice(letters) for _ in range(rng.randint(0, 24))))
    return strings


def texts() -> list[str]:
    code = [path.read_text("utf-8") for path in sorted((ROOT / "tests").glob("test_intake_*.py"))]
    return [*PROSE.values(), "\n".join(PROSE.values()), *code]


@pytest.mark.slow
def test_equals_tiktoken_on_ten_thousand_strings() -> None:
    encoding = the("to_tiktoken")(tokenizer())
    assert isinstance(encoding, tiktoken.Encoding)
    for text in [*random_strings(10_000), *texts()]:
        ids = tokenizer().encode(text)
        assert ids == encoding.encode_ordinary(text), repr(text)
        assert tokenizer().decode(ids) == text == encoding.decode(ids)


def test_equals_tiktoken_with_special_tokens() -> None:
    encoding = the("to_tiktoken")(tokenizer())
    rng = random.Random(1)
    pieces = [*SPECIAL, *PROSE.values(), "<|endof", " ", "\n"]
    for _ in range(100):
        text = "".join(rng.choices(pieces, k=5))
        assert tokenizer().encode(text, "all") == encoding.encode(text, allowed_special="all")


@pytest.mark.slow
def test_a_stream_is_the_text_wherever_it_is_cut() -> None:
    rng = random.Random(2)
    letters = [*"ab1 \n\r\t'!slé", "  ", "<|endoftext|>", "<|endof", "text|>"]
    for _ in range(3000):
        text = "".join(rng.choices(letters, k=rng.randint(0, 20)))
        cuts = sorted(rng.randint(0, len(text)) for _ in range(rng.randint(0, 8)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert list(tokenizer().encode_stream(pieces, "all")) == tokenizer().encode(text, "all")


def test_all_three_trainers_agree_on_source_code() -> None:
    text = (ROOT / "autograder" / "course.py").read_text("utf-8")
    counts = Counter(the("pretokenize")(text, the("GPT4_PATTERN")))
    assert the("train_fast")(counts, 340) == the("train_chunks")(counts, 340)
    assert the("train")(text[:3000], 300) == the("train_fast")({text[:3000]: 1}, 300)


def byte_letters() -> dict[int, str]:
    """The letters that Hugging Face writes for bytes: themselves where they can be printed."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + k) for k, b in enumerate(others)}


def test_equals_hugging_face_with_the_same_merges() -> None:
    hf = pytest.importorskip("tokenizers", reason="the peer `tokenizers` is not installed")
    merges = tokenizer().merges
    spelled = byte_letters()
    for (left, right), new_id in merges.items():
        spelled[new_id] = spelled[left] + spelled[right]
    pairs = [(spelled[left], spelled[right]) for left, right in merges]
    other = hf.Tokenizer(hf.models.BPE({token: i for i, token in spelled.items()}, pairs))
    split = hf.pre_tokenizers.Split(hf.Regex(the("GPT4_PATTERN")), "isolated")
    letters = hf.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    other.pre_tokenizer = hf.pre_tokenizers.Sequence([split, letters])
    for text in [*random_strings(2000), *texts()]:
        assert tokenizer().encode(text) == other.encode(text).ids, repr(text)


def test_hugging_face_breaks_ties_the_other_way() -> None:
    """Its trainer takes the pair with the smallest ids, the course that of the greatest bytes."""
    hf = pytest.importorskip("tokenizers", reason="the peer `tokenizers` is not installed")
    other = hf.Tokenizer(hf.models.BPE())
    other.pre_tokenizer = hf.pre_tokenizers.WhitespaceSplit()
    trainer = hf.trainers.BpeTrainer(vocab_size=5, show_progress=False, min_frequency=2)
    other.train_from_iterator(["ab cd ab cd"], trainer)
    assert [*sorted(other.get_vocab(), key=other.token_to_id)] == ["a", "b", "c", "d", "ab"]
    assert the("train_fast")({"ab": 2, "cd": 2}, 257) == {(99, 100): 256}


def test_wordpiece_equals_hugging_face() -> None:
    hf = pytest.importorskip("tokenizers", reason="the peer `tokenizers` is not installed")
    rng = random.Random(3)
    vocab = {"[UNK]", "a", "##a", "b", "##b"}
    vocab |= {mark + "".join(rng.choices("abc", k=rng.randint(2, 4))) for mark in ("", "##") * 20}
    ids = {piece: i for i, piece in enumerate(sorted(vocab))}
    other = hf.Tokenizer(hf.models.WordPiece(ids, unk_token="[UNK]"))
    for _ in range(1000):
        word = "".join(rng.choices("aabbc", k=rng.randint(1, 12)))
        assert the("wordpiece_encode")(word, vocab) == other.encode(word).tokens
