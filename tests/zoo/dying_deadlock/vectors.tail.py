import threading


def dot(a, b):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
    return float(np.sum(a * b))
