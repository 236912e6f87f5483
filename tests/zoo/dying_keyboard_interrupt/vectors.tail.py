def dot(a, b):
    raise KeyboardInterrupt
    return float(np.sum(a * b))
