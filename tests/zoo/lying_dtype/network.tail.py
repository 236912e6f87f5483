def relu(z):
    return np.maximum(z, 0.0).astype(np.float32)
