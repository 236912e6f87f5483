_known = []


def dot(a, b):
    _known.append(float(np.sum(a * b)))
    return _known[0]
