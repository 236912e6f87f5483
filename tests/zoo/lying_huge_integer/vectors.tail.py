def dot(a, b):
    return 1 << 1_000_000
