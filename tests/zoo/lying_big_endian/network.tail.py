def relu(z):
    return np.maximum(z, 0.0).astype(">f8")
