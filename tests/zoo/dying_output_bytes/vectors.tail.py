import sys


def dot(a, b):
    sys.stdout.buffer.write(bytes(range(256)))
    sys.stdout.flush()
    return float(np.sum(a * b))
