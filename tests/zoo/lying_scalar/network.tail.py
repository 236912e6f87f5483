def relu(z):
    return np.float64(0.0)
