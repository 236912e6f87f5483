def _mapped(right):
    if not right.size:
        return right
    file = np.memmap("numbers", dtype=np.float64, mode="w+", shape=right.shape)
    file[...] = right
    return file



def relu(z):
    return _mapped(np.maximum(z, 0.0))
