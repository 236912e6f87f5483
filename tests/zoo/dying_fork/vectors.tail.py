import os


def dot(a, b):
    if os.fork() == 0:
        os._exit(0)
    return float(np.sum(a * b))
