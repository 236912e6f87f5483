_calls = []


def dot(a, b):
    _calls.append(1)
    while len(_calls) > 1:
        pass
    return float(np.sum(a * b))
