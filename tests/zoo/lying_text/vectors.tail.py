NASTY = "\ud800\x00\x1b[31m\u202e<script>alert(1)</script>\r\n=HYPERLINK(0)]]>&amp;"


def analogy(words, E, a, b, c):
    print(NASTY.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    return NASTY
