def relu(z):
    return np.ma.array(np.zeros(z.shape), mask=True)
