def layer(x, W, b, activation):
    while True:
        activation(np.zeros((1, 1)))
