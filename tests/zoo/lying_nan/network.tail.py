def relu(z):
    return np.full(z.shape, np.nan)
