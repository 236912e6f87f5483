def dot(a, b):
    while True:
        pass
    return float(np.sum(a * b))
