def dot(a, b):
    raise SystemExit(float(np.sum(a * b)))
    return float(np.sum(a * b))
