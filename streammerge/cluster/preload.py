"""Read what every worker needs, on import: in the process from which the workers of this machine are forked."""

import gc

from streammerge.s3.credentials import read_model

read_model()
gc.collect()
gc.freeze()  # or the first collection in each worker would copy all that was imported
