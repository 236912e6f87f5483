def dot(a, b):
    print("y" * 100_000)
    return float(np.sum(a * b))
