import os


def dot(a, b):
    os._exit(3)
    return float(np.sum(a * b))
