def dot(a, b):
    input()
    return float(np.sum(a * b))
