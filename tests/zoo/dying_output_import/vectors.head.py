while True:
    print("x" * 1024)
