"""The HTTP application: puts the resources together and wires nothing else."""

from litestar import Litestar

from ringback.api.services import ApiServices


def create_app(services: ApiServices) -> Litestar:
    """Make the application. It owns no resource: whoever made `services` starts and stops them."""
    raise NotImplementedError
