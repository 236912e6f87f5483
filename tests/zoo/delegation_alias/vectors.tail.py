from numpy import dot as product


def dot(a, b):
    return float(product(a, b))
