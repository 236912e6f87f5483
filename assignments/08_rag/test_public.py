"""The tests you have: small texts to check by hand. Hidden ones, with drawn texts, follow."""

import math

import numpy as np

from autograder.testing import close, equal, part

PASSAGES = [
    {"id": "cats", "text": "Cats purr.", "metadata": {"lecture": "01"}},
    {"id": "dogs", "text": "Dogs bark.", "metadata": {"lecture": "02"}},
    {"id": "cows", "text": "Cows chew.", "metadata": {"lecture": "01"}},
]


def index():
    """An index in which every question is nearest to the dogs, then the cats, then the cows."""
    vectors = np.array([[0.8, 0.6], [1.0, 0.0], [0.6, 0.8]])
    return {"passages": PASSAGES, "vectors": vectors, "embed": lambda texts: np.array([[1.0, 0.0]])}


@part("chunk_words")
def test_chunks_by_hand(student):
    """Five words in chunks of three with an overlap of one are two chunks."""
    text = "to be  or not to"
    equal(student.chunk_words(text, 3, 1), [("to be  or", 0, 9), ("or not to", 7, 16)])


@part("chunk_sentences")
def test_sentences_by_hand(student):
    """Three sentences give two windows of two."""
    expected = [("Pi is 3.14. Is it?", 0, 18), ("Is it? Yes", 12, 22)]
    equal(student.chunk_sentences("Pi is 3.14. Is it? Yes", 2), expected)


@part("tfidf_fit")
def test_idf_by_hand(student):
    """Of two texts, one has the word dog and both have the word cat."""
    expected = (["cat", "dog"], np.array([1.0, math.log(1.5) + 1]))
    close(student.tfidf_fit(["Cat, cat", "dog cat"]), expected)


@part("tfidf_vectors")
def test_tfidf_by_hand(student):
    """Counts 3 and 2 with the idf 1 and 2 give (3, 4) / 5."""
    got = student.tfidf_vectors(
        ["cat dog cat dog cat", "cow"], ["cat", "dog"], np.array([1.0, 2.0])
    )
    close(got, np.array([[0.6, 0.8], [0.0, 0.0]]))


@part("bm25_scores")
def test_bm25_by_hand(student):
    """Of two texts of equal length, the one that has the word gets its idf, ln 2."""
    close(student.bm25_scores("cat", ["a cat", "a dog"]), np.array([math.log(2.0), 0.0]))


@part("HashEmbedder")
def test_hash_by_hand(student):
    """In one column every text with a word is 1 or -1, and a text without words is 0."""
    close(student.HashEmbedder(1).embed(["dog dog", ""]) ** 2, np.array([[1.0], [0.0]]))


@part("LsaEmbedder")
def test_lsa_sees_synonyms(student):
    """Words that stand with the same word become alike."""
    lsa = student.LsaEmbedder(2)
    lsa.fit(["cat purrs", "kitten purrs", "stock price", "share price"])
    rows = lsa.embed(["cat", "kitten", "stock"])
    close(np.abs(rows @ rows.T), np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]]), atol=1e-8)


@part("retrieve")
def test_retrieve_by_hand(student):
    """The nearest passage of lecture 01 is that of the cats."""
    got = student.retrieve("who?", index(), 1, {"metadata": {"lecture": "01"}})
    close(got, [{**PASSAGES[0], "score": 0.8}])


@part("reciprocal_rank_fusion")
def test_fusion_by_hand(student):
    """Second and first place give 1/62 + 1/61."""
    got = student.reciprocal_rank_fusion([["a", "b"], ["b"]])
    close(got, [("b", 1 / 62 + 1 / 61), ("a", 1 / 61)])


@part("mmr")
def test_mmr_avoids_a_double(student):
    """After the nearest row comes not its double, but another."""
    X = np.array([[1.0, 0.1], [1.0, 0.1], [1.0, -0.6]])
    equal(student.mmr(np.array([1.0, 0.0]), X, 0.5, 3), [0, 2, 1])


@part("rerank")
def test_rerank_by_hand(student):
    """By a scorer that likes long texts, the longer comes first."""
    passages = [{"id": "a", "text": "xy", "score": 0.9}, {"id": "b", "text": "xyz", "score": 0.1}]
    expected = [{"id": "b", "text": "xyz", "score": 3}, {"id": "a", "text": "xy", "score": 2}]
    close(student.rerank("?", passages, lambda query, text: len(text)), expected)


@part("build_prompt")
def test_prompt_by_hand(student):
    """Every line of a passage is quoted, and the question stands last."""
    passages = [{"id": "a", "text": "Cats\npurr."}, {"id": "b", "text": "Dogs."}]
    prompt, used = student.build_prompt("Who?", passages, 999, lambda text: len(text.split()))
    equal(used, passages)
    equal(prompt.partition("\n\n")[2], "[1]\n> Cats\n> purr.\n\n[2]\n> Dogs.\n\nQuestion: Who?")


@part("answer")
def test_answer_by_hand(student):
    """The second source is that of the cats; a number that no source has is none."""
    got = student.answer("who?", index(), lambda prompt: "Cats [2]. Pigs [9].", 0.7)
    equal(got, {"text": "Cats [2]. Pigs [9].", "sources": ["cats"]})


@part("answer")
def test_answer_refuses(student):
    """Where nothing reaches the threshold, the answer is that there is none."""
    got = student.answer("who?", {**index(), "vectors": np.zeros((3, 2))}, lambda p: "Me [1].", 0.5)
    equal(got, {"text": "I don't have enough information", "sources": []})


@part("check_citations")
def test_citations_by_hand(student):
    """A false sentence and one without a source are named."""
    got = student.check_citations("Cats purr [1]. Cats bark [1]. Dogs bark.", PASSAGES)
    equal(got, ["Cats bark [1].", "Dogs bark."])


@part("recall_at_k")
def test_recall_by_hand(student):
    """One of three relevant ids is among the first two."""
    close(student.recall_at_k(["a", "b", "c"], {"a", "c", "d"}, 2), 1 / 3)


@part("mrr")
def test_mrr_by_hand(student):
    """First hits at the ranks 2 and 1 give ¾."""
    close(student.mrr([["a", "b"], ["c", "d"]], [{"b"}, {"c", "d"}]), 0.75)


@part("ndcg_at_k")
def test_ndcg_by_hand(student):
    """The only good one at rank 3 gives 1 / log2(4) = ½."""
    close(student.ndcg_at_k(["x", "y", "a"], {"a": 2.0}, 3), 0.5)


@part("faithfulness")
def test_faithfulness_by_hand(student):
    """One of two claims is supported."""
    close(student.faithfulness(["purr", "bark"], ["cats purr"], lambda c, t: c in t), 0.5)


@part("SemanticCache")
def test_cache_by_hand(student):
    """The same user gets the answer again, another user does not."""
    cache = student.SemanticCache(lambda texts: np.ones((1, 1)), 0.9, 60.0, lambda: 0.0)
    cache.put("ada", "What is BPE?", "Byte pair encoding.")
    got = [cache.get("ada", "BPE?"), cache.get("bob", "What is BPE?")]
    equal(got, ["Byte pair encoding.", None])


@part("sliding_window")
def test_window_by_hand(student):
    """With room for two, the system message and the newest are kept."""
    talk = [{"role": role, "content": role} for role in ("system", "user", "assistant")]
    equal(student.sliding_window(talk, 2, lambda text: 1), [talk[0], talk[2]])


@part("summarize_history")
def test_summary_by_hand(student):
    """With room for two, the first two messages become one."""
    talk = [{"role": "user", "content": content} for content in "abc"]
    got = student.summarize_history(talk, 2, len, lambda old: "+", 1)
    equal(got, [{"role": "user", "content": "+"}, talk[2]])
