"""The rooms that touch pip's vendored requests and urllib3; they act and decide nothing."""
