def relu(z):
    return np.zeros((0, *z.shape[1:]))
