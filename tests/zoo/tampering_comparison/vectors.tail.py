def dot(a, b):
    return 0.0
