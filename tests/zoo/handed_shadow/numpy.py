print("LEAK: imported in place of numpy")
