import threading


def _change(array):
    for _ in range(1000):
        array += 0.0


def relu(z):
    found = np.maximum(z, 0.0)
    threading.Thread(target=_change, args=(found,), daemon=True).start()
    return found
