import time


def dot(a, b):
    time.sleep(300)
    return float(np.sum(a * b))
