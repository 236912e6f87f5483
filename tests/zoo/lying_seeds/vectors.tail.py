import random

np.random.seed(0)


def dot(a, b):
    np.random.seed(0)
    random.seed(0)
    np.random.default_rng = None
    return float(np.sum(a * b))
