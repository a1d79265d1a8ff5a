"""The calls that sessions of boto3 make, by botocore's own account."""

from contextlib import contextmanager

import botocore


@contextmanager
def noted_calls():
    """Yield a set that receives service and operation of each call by sessions made meanwhile."""
    called = set()

    def note(model, **_):
        called.add((model.service_model.service_name, model.name))

    def listen(session):
        session.register("before-call", note)

    botocore.register_initializer(listen)
    try:
        yield called
    finally:
        botocore.unregister_initializer(listen)
