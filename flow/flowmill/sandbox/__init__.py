"""What a draft may touch while its tests run: decided here, enforced in the process that runs it.

The path of a run: `environment` chooses the variables, `places` what exists on this machine,
`policy` what of it a draft gets, `probe` which layers work here, `layers` whether that is enough.
`seatbelt` (macOS) and `jobs` (Windows) are to stand in where the layers of Linux do not exist; no
process is started in them yet.
"""
