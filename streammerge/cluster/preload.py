"""Read what every worker needs, on import: in the process from which the workers of this machine are forked."""

import contextlib
import gc

from streammerge.s3.credentials import read_model

with contextlib.suppress(Exception):  # whoever opens a session says what is wrong with its files
    read_model()
gc.collect()
gc.freeze()  # or the first collection in each worker would copy all that was imported
