def dot(a, b):
    return float("inf")
