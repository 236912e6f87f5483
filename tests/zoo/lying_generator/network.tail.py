def forward(x, params):
    while True:
        yield x
