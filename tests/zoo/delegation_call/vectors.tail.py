def dot(a, b):
    return float(np.dot(a, b))
