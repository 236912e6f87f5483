def dot(a, b):
    return float(a @ b)
