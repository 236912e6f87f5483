def count_parameters(sizes):
    return 10**9000
