import os


def dot(a, b):
    os.abort()
    return float(np.sum(a * b))
