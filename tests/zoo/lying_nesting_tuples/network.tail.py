def forward(x, params):
    found = ()
    for _ in range(300):
        found = (found, {"key": found})[:1]
    return found
