"""A whole course in small, for the tests of the authors' tools. Its own tests are not collected."""

collect_ignore_glob = ["*"]
