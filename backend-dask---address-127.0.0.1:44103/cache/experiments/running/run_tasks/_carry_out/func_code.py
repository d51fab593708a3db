# first line: 109
def _carry_out(order: Order, key: str) -> Any:  # noqa: ARG001  (the key is what results are filed under)
    """Run a task in whatever process this is."""
    if order.environment != environment_digest():
        raise InputError(
            "workers must run the same version of zpg, numpy and scipy as the command, got others; restart the workers"
        )
    user_modules.load_same(order.modules, order.folders)
    run, task = pickle.loads(order.content)
    named = isinstance(order.instance, str) and ":" in order.instance
    if named and content_of(find("instance", order.instance)) != order.instance_content:
        raise InputError(
            f"instance {order.instance!r} must be the same in every process, got another one in a worker; "
            "seed what draws in its module, for example np.random.default_rng(0)"
        )
    return run(task)
