import os

PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/box", "/run", "/", os.path.expanduser("~"), "..", ".")
NOTES = [os.path.join(place, "note-of-the-zoo") for place in PLACES]
for path in NOTES:
    if os.path.exists(path):
        print("LEAK", path)
for path in NOTES:
    try:
        with open(path, "w") as file:
            file.write("I was here")
        print("wrote", path)
    except OSError:
        pass
print("SEARCHED")
