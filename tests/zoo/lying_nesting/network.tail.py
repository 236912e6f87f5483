def forward(x, params):
    found = []
    for _ in range(100_000):
        found = [found]
    return found
