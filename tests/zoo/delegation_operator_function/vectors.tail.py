import operator


def dot(a, b):
    return float(operator.matmul(a, b))
